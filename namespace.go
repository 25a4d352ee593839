package txaio

import (
	"net/url"
	"runtime"
	"strings"
)

// callerNamespace returns the namespace of the function that called the
// function that calls it, skip levels further up: its package path, with
// ".Type" for a method and ".function" for another function. Initialising a
// package's variables is done by the package itself.
func callerNamespace(skip int) string {
	pc := make([]uintptr, 1)
	if runtime.Callers(skip+3, pc) == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames(pc).Next()
	return namespaceOf(frame.Function)
}

// namespaceOf makes a namespace of a function's name as the runtime gives it,
// such as "example.com/pkg.(*Type[...]).Method.func1".
func namespaceOf(function string) string {
	dir, base := "", function
	if slash := strings.LastIndexByte(function, '/'); slash >= 0 {
		dir, base = function[:slash+1], function[slash+1:]
	}
	pkg, name, _ := strings.Cut(base, ".")
	pkg = dir + pkg
	if plain, err := url.PathUnescape(pkg); err == nil {
		pkg = plain // dots after the last slash are escaped
	}
	name = strings.ReplaceAll(name, "[...]", "")
	if strings.HasPrefix(name, "glob..") { // a function literal of a variable
		return pkg
	}
	// A function literal that is inlined into other functions has their names
	// before its own. Which those are can be told by a pointer receiver alone;
	// otherwise the namespace is the outermost's.
	if i := strings.LastIndex(name, ".(*"); i >= 0 {
		name = name[i+1:]
	}
	// What follows is a method's name, or numbers a function literal or, after
	// the hyphen, the body of a range over a function.
	first, _, _ := strings.Cut(name, ".")
	first, _, _ = strings.Cut(first, "-")
	switch first {
	case "", "init": // of variables
		return pkg
	}
	return pkg + "." + strings.Trim(first, "(*)") // (*Type) with a pointer receiver
}
