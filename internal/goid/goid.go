// Package goid tells goroutines apart.
//
// Go offers no identity of the running goroutine on purpose: nothing should
// behave differently by it. The one question that needs it is whether blocking
// here would block the very loop that has to wake us, and the answer is an
// error for the caller instead of a program that hangs.
package goid

import "runtime"

// Get returns the number that tracebacks print for the running goroutine. It
// is never 0. It costs microseconds, because it reads the number off a
// traceback, so callers keep what it returns.
func Get() uint64 {
	var buf [len("goroutine 18446744073709551615 ")]byte
	header := buf[:runtime.Stack(buf[:], false)]
	var id uint64
	for _, c := range header[len("goroutine "):] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
