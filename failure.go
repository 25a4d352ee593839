package txaio

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// maxStackDepth is the number of frames that a Failure keeps. It is enough to
// reach the cause through several layers of callbacks, and keeps a deep
// recursion's stack from costing more than the work that failed.
const maxStackDepth = 64

// A Failure is an error with the stack of the place where it arose: the call
// of [CreateFailure] or [Reject], or the panic. Errbacks are given one. It is
// Twisted's Failure, and IFailedFuture in Python's txaio.
//
// A Failure is an error, and errors.Is and errors.As look through it. It does
// not change, so it can be shared and kept. (In debug mode it also learns
// which future first failed with it; [FailureFormatTraceback] prints that.)
type Failure struct {
	err     error
	stack   []uintptr
	history atomic.Pointer[history] // of the future that first failed with it, in debug mode
}

// Value returns the error that caused the failure. It returns nil if f is nil
// or zero.
func (f *Failure) Value() error {
	if f == nil {
		return nil
	}
	return f.err
}

// Error returns the message of the error that caused the failure.
func (f *Failure) Error() string {
	if f.Value() == nil {
		return noFailure
	}
	return errorText(f.err)
}

// LogValue implements [slog.LogValuer]. It returns the text of
// [FailureFormatTraceback].
func (f *Failure) LogValue() slog.Value { return slog.StringValue(formatTraceback(f)) }

// Format implements [fmt.Formatter]. %+v prints the text of
// [FailureFormatTraceback]; the other verbs print the message.
func (f *Failure) Format(state fmt.State, verb rune) {
	text := f.Error()
	if verb == 'v' && state.Flag('+') {
		text = formatTraceback(f)
	}
	fmt.Fprintf(state, fmt.FormatString(state, verb), text)
}

// Unwrap returns what [Failure.Value] returns.
func (f *Failure) Unwrap() error { return f.Value() }

// noFailure is the text of a nil or zero *Failure.
const noFailure = "no failure (a nil or zero txaio.Failure)"

var errZeroFailure error = usageErrorf("a zero Failure was used as a failure; CreateFailure makes one")

// CreateFailure returns a failure of err with the caller's stack. A [*Failure]
// is returned as it is. It panics with a [*UsageError] if err is nil.
func CreateFailure(err error) *Failure {
	mustHaveBackend()
	return toFailure(err)
}

// toFailure makes a Failure of an error that a caller passed in. It may be
// called from any depth inside the library, because the library's own frames
// are left out when the stack is printed.
func toFailure(err error) *Failure {
	switch fail, is := err.(*Failure); {
	case is && fail != nil && fail.err != nil:
		return fail
	case is && fail != nil:
		panic(errZeroFailure)
	case is || err == nil:
		panic(usageErrorf("a failure needs an error, and was given nil"))
	}
	return &Failure{err: err, stack: callers()}
}

// returnedFailure makes a Failure of an error that a callback returned. A nil
// error, or a nil *Failure, means that the callback succeeded.
func returnedFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	switch fail, is := err.(*Failure); {
	case is && (fail == nil || fail.err != nil):
		return fail
	case is:
		err = errZeroFailure
	}
	return &Failure{err: err, stack: callers()}
}

// outcome splits what a function returned into a value and a failure, of which
// the other is zero.
func outcome[T any](value T, err error) (T, *Failure) {
	if err == nil {
		return value, nil
	}
	if fail := returnedFailure(err); fail != nil {
		return *new(T), fail
	}
	return value, nil
}

// panicFailure makes a Failure of a recovered panic. When it is called in a
// deferred function, the stack has not been unwound yet, so the failure's
// stack is the panic's.
//
// With GODEBUG=panicnil=1, a nil value can mean either panic(nil) or
// runtime.Goexit. So a function that recovers only sets its result to the
// failure. Its caller uses the failure, and Goexit does not return to that
// caller.
func panicFailure(value any) *Failure {
	if value == nil {
		value = new(runtime.PanicNilError)
	}
	return &Failure{err: &PanicError{value}, stack: callers()}
}

func callers() []uintptr {
	var frames [maxStackDepth]uintptr
	return append([]uintptr(nil), frames[:runtime.Callers(2, frames[:])]...)
}

// protect calls fn. If fn returns an error or panics, it returns a failure.
func protect[R any](fn func() (R, error)) (result R, fail *Failure) {
	returned := false
	defer func() {
		if !returned {
			fail = panicFailure(recover())
		}
	}()
	result, err := fn()
	returned = true
	return result, returnedFailure(err)
}

// FailureMessage returns the failure on one line: the type of its error
// without the pointer's asterisk, and the error's message, for example
// "errors.errorString: it failed".
func FailureMessage(f *Failure) string {
	mustHaveBackend()
	return failureMessage(f)
}

func failureMessage(f *Failure) string {
	return strings.Join(strings.FieldsFunc(failureText(f), isLineBreak), " ")
}

// failureText is FailureMessage, but keeps the line breaks of the error's
// message.
func failureText(f *Failure) string {
	if f.Value() == nil {
		return noFailure
	}
	if dropped, is := f.err.(*droppedError); is {
		return dropped.text
	}
	return strings.TrimLeft(fmt.Sprintf("%T", f.err), "*") + ": " + errorText(f.err)
}

// A droppedError has the text of the error of a future that may be collected.
// It stands in for the error itself, which may refer to the future and would
// then keep it from being collected.
type droppedError struct{ text string }

func (e *droppedError) Error() string { return e.text }

func isLineBreak(r rune) bool { return r == '\n' || r == '\r' }

// errorText returns err.Error(), or a text that says that Error panicked.
func errorText(err error) (text string) {
	defer func() {
		if value := recover(); value != nil {
			text = fmt.Sprintf("(its Error method panicked: %v)", value)
		}
	}()
	return err.Error()
}

// FailureTraceback returns the stack of the failure, innermost frame first.
// The frames of this library and of Go's runtime are left out.
func FailureTraceback(f *Failure) []runtime.Frame {
	mustHaveBackend()
	if f == nil {
		return nil
	}
	return userFrames(f.stack)
}

// userFrames returns the frames of a stack that are not this library's or the
// runtime's, innermost first.
func userFrames(stack []uintptr) []runtime.Frame {
	var result []runtime.Frame
	frames := runtime.CallersFrames(stack)
	for more := len(stack) > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if !internalFrame(frame) {
			result = append(result, frame)
		}
	}
	return result
}

// internalFrame reports whether a frame belongs to the library or the runtime.
// The library's tests count as users.
func internalFrame(frame runtime.Frame) bool {
	const library = "github.com/txaio-go/txaio"
	name := frame.Function
	if strings.HasPrefix(name, "runtime.") || name == "" {
		return true
	}
	for _, prefix := range [...]string{library + ".", library + "/testutil.", library + "/internal/"} {
		if strings.HasPrefix(name, prefix) {
			return !strings.HasSuffix(frame.File, "_test.go")
		}
	}
	return false
}

// FailureFormatTraceback returns the failure as several lines: "Traceback
// (most recent call last):", then one line for each frame with its file, line
// and function, outermost first, then the error's type and message. If the
// error joins several failures, their tracebacks follow. In debug mode (see
// [SetDebug]), the places where the future was created and settled follow as
// well.
func FailureFormatTraceback(f *Failure) string {
	mustHaveBackend()
	return formatTraceback(f)
}

func formatTraceback(f *Failure) string {
	if f.Value() == nil {
		return noFailure
	}
	var text strings.Builder
	text.WriteString("Traceback (most recent call last):\n")
	formatFrames(&text, userFrames(f.stack))
	text.WriteString(failureText(f))
	if several, is := f.err.(interface{ Unwrap() []error }); is {
		for _, err := range several.Unwrap() {
			if fail, is := err.(*Failure); is {
				text.WriteString("\n" + formatTraceback(fail))
			}
		}
	}
	text.WriteString(f.history.Load().format())
	return text.String()
}

// formatFrames writes a line for each frame, outermost first.
func formatFrames(text *strings.Builder, frames []runtime.Frame) {
	for _, frame := range slices.Backward(frames) {
		fmt.Fprintf(text, "  %s:%d in %s\n", frame.File, frame.Line, frame.Function)
	}
}

// Errors

// ErrNoBackend is the [*UsageError] with which the package's functions panic
// in a program that was built with neither tag.
var ErrNoBackend error = &UsageError{"no backend was chosen: build with -tags deferred (Twisted's semantics) or -tags future (asyncio's semantics), for example with GOFLAGS=-tags=future in the environment, or go test -tags future"}

// ErrAlreadyCalled is returned when a future that is settled already is
// settled again. It is Twisted's AlreadyCalledError and asyncio's
// InvalidStateError.
var ErrAlreadyCalled error = &stateError{"the future is already settled"}

// ErrCancelled matches every [*CancelledError] with errors.Is.
var ErrCancelled error = &stateError{"cancelled"}

// ErrNotDone is returned by Result and Exception of the future backend while
// the future is pending. It is asyncio's InvalidStateError.
var ErrNotDone error = &stateError{"the future is not done"}

// ErrAwaitOnLoop is returned by [Await] if it is called on a goroutine that is
// running a loop and would have to wait: that would block the loop, perhaps
// for ever. Use [Watch] or [Then] there.
var ErrAwaitOnLoop error = &stateError{"Await was called on a loop's own goroutine with the future pending: use Watch or Then there"}

// ErrGoexit is the failure of a function that called runtime.Goexit, as
// testing's FailNow does, instead of returning. It applies to functions given
// to [Then], [ThenOf], [Catch] and [Go], and on the deferred backend to
// callbacks. On the future backend, Goexit in a callback ends only that
// callback and is no failure. (In a program built with GODEBUG=panicnil=1,
// panic(nil) in a callback also counts as Goexit.)
var ErrGoexit error = &stateError{"the function called runtime.Goexit"}

// stateError is the type of the package's sentinel errors. FailureMessage
// prints its name.
type stateError struct{ text string }

func (e *stateError) Error() string { return "txaio: " + e.text }

// A UsageError reports a call that cannot work. If the mistake is in the code
// of the call, functions panic with it: Python's txaio raises ValueError or
// RuntimeError there.
type UsageError struct{ text string }

// Error says what was wrong and what to do about it.
func (e *UsageError) Error() string { return "txaio: " + e.text }

func usageErrorf(format string, args ...any) *UsageError {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// A CancelledError is the failure of a cancelled future. It matches
// [ErrCancelled] and [context.Canceled] with errors.Is. If the end of a
// context cancelled the future (see [CancelOnDone]), it also matches the
// context's error and its cause.
type CancelledError struct {
	// Message is the message given to Cancel. It is always empty on the
	// deferred backend.
	Message string

	// Why, if it was CancelOnDone: the context's error and its cause.
	ended, cause error
}

// Error returns "cancelled", followed by the message if there is one.
func (e *CancelledError) Error() string {
	if e.Message == "" {
		return "cancelled"
	}
	return "cancelled: " + e.Message
}

// Is reports whether target is [ErrCancelled] or [context.Canceled].
func (e *CancelledError) Is(target error) bool {
	return target == ErrCancelled || target == context.Canceled
}

// Unwrap returns the error and the cause of the context that ended, if
// [CancelOnDone] cancelled the future.
func (e *CancelledError) Unwrap() []error {
	if e.ended == nil {
		return nil
	}
	return []error{e.ended, e.cause}
}

// A PanicError is the error of a function that panicked. The stack of its
// [Failure] is the panic's.
type PanicError struct {
	// Value is the value passed to panic.
	Value any
}

// Error returns the text of Value.
func (e *PanicError) Error() string { return fmt.Sprint(e.Value) }

// Unwrap returns Value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
