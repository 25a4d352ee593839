package txaio

import (
	"context"
	"fmt"
)

// ErrNoBackend is what the package's functions panic with in a program that
// was built with neither tag. It is a [*UsageError].
var ErrNoBackend error = &UsageError{"no backend was chosen: build with -tags deferred (Twisted's semantics) or -tags future (asyncio's semantics), for example with GOFLAGS=-tags=future in the environment, or go test -tags future"}

// ErrAlreadyCalled is returned by the attempt to settle a future that is
// settled already. Twisted calls it AlreadyCalledError and asyncio
// InvalidStateError.
var ErrAlreadyCalled error = &stateError{"the future is already settled"}

// ErrCancelled matches every [*CancelledError] in errors.Is.
var ErrCancelled error = &stateError{"cancelled"}

// ErrNotDone is returned by the future backend's Result and Exception while
// the future is pending. asyncio calls it InvalidStateError.
var ErrNotDone error = &stateError{"the future is not done"}

// ErrAwaitOnLoop is returned by [Await] on the goroutine of the loop that
// would have to settle the future: blocking it would block for ever. Use
// [AddCallbacks] there.
var ErrAwaitOnLoop error = &stateError{"Await was called on the loop's own goroutine with the future pending: use AddCallbacks there"}

// ErrGoexit is, on the deferred backend, the failure of a callback that ended
// its goroutine with runtime.Goexit, as testing's FailNow does, instead of
// returning. On the future backend that ends the one callback and is no failure.
var ErrGoexit error = &stateError{"the function called runtime.Goexit"}

// stateError is the type of the package's sentinel errors: it gives them a
// name of their own in FailureMessage.
type stateError struct{ text string }

func (e *stateError) Error() string { return "txaio: " + e.text }

// A UsageError says that the package was called in a way that cannot work.
// Functions panic with it where the mistake is in the code of the call, as
// Python's txaio raises ValueError or RuntimeError there.
type UsageError struct{ text string }

// Error says what was wrong and what to do.
func (e *UsageError) Error() string { return "txaio: " + e.text }

func usageErrorf(format string, args ...any) *UsageError {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// A CancelledError is what a cancelled future fails with. errors.Is finds it
// by [ErrCancelled] and by [context.Canceled].
type CancelledError struct {
	// Message is what was given to Cancel. It is always empty on the deferred
	// backend.
	Message string
}

// Error returns "cancelled" and the message where there is one.
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

// A PanicError is the error of a function that panicked. The [Failure] that
// holds it has the stack of the panic.
type PanicError struct {
	// Value is what was given to panic.
	Value any
}

// Error returns the text of Value, as panic would print it.
func (e *PanicError) Error() string { return fmt.Sprint(e.Value) }

// Unwrap returns Value where it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
