package exampletest

import (
	"context"
	"fmt"
	"testing"
)

// A TB is a test inside an example. It prints what a test would log. Its other
// methods panic.
type TB struct {
	testing.TB
	failed   bool
	cleanups []func()
}

// Helper does nothing.
func (tb *TB) Helper() {}

// Setenv does nothing, as in a test that is not parallel.
func (tb *TB) Setenv(string, string) {}

// Name returns the test's name.
func (tb *TB) Name() string { return "TestInExample" }

// Cleanup keeps fn for [TB.End].
func (tb *TB) Cleanup(fn func()) { tb.cleanups = append(tb.cleanups, fn) }

// Error prints args and fails the test.
func (tb *TB) Error(args ...any) {
	tb.failed = true
	fmt.Println(args...)
}

// Errorf is Error with a format.
func (tb *TB) Errorf(format string, args ...any) { tb.Error(fmt.Sprintf(format, args...)) }

// Failed reports whether the test has failed.
func (tb *TB) Failed() bool { return tb.failed }

// End ends the test.
func (tb *TB) End() {
	for i := len(tb.cleanups) - 1; i >= 0; i-- {
		tb.cleanups[i]()
	}
}

// Context returns a context that does not end.
func (tb *TB) Context() context.Context { return context.Background() }
