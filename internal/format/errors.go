package format

import "fmt"

// pythonError is an error in Python's own words, which are what someone who
// knows the language looks for. They do not follow Go's rules for errors.
type pythonError string

func (e pythonError) Error() string { return string(e) }

// A PanicError says that a method called for a value panicked.
type PanicError struct{ method, reason string }

func (e *PanicError) Error() string {
	return "the method " + e.method + " panicked: " + e.reason
}

func pythonErrorf(format string, args ...any) error {
	return pythonError(fmt.Sprintf(format, args...))
}
