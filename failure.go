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

// maxStackDepth is how many frames a Failure keeps: enough to reach the cause
// through several layers of callbacks, few enough for the stack of a deep
// recursion not to cost more than what failed.
const maxStackDepth = 64

// A Failure is an error together with the stack of the place where it arose:
// where [CreateFailure] or [Reject] was called, or where a function panicked.
// Errbacks get one. It is IFailedFuture of Python's txaio, Twisted's Failure.
//
// A Failure is an error itself, and errors.Is and errors.As look through it.
// It never changes, so it can be shared and kept. (In debug mode it learns
// which future failed with it, which [FailureFormatTraceback] prints.)
type Failure struct {
	err     error
	stack   []uintptr
	history atomic.Pointer[history] // of the future that first failed with it, in debug mode
}

// Value returns the error that caused the failure, nil for a nil Failure.
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

// LogValue implements [slog.LogValuer]: it is what [FailureFormatTraceback]
// returns.
func (f *Failure) LogValue() slog.Value { return slog.StringValue(formatTraceback(f)) }

// Format implements [fmt.Formatter]: %+v prints what [FailureFormatTraceback]
// returns, and everything else the message.
func (f *Failure) Format(state fmt.State, verb rune) {
	text := f.Error()
	if verb == 'v' && state.Flag('+') {
		text = formatTraceback(f)
	}
	fmt.Fprintf(state, fmt.FormatString(state, verb), text)
}

// Unwrap returns what [Failure.Value] returns.
func (f *Failure) Unwrap() error { return f.Value() }

// noFailure is what is printed for a nil *Failure, and for a zero one.
const noFailure = "no failure (a nil or zero txaio.Failure)"

var errZeroFailure error = usageErrorf("a zero Failure was used as a failure; CreateFailure makes one")

// CreateFailure returns a failure of err with the caller's stack. A [*Failure]
// is returned as it is. It panics with a [*UsageError] if err is nil.
func CreateFailure(err error) *Failure {
	mustHaveBackend()
	return toFailure(err)
}

// toFailure makes a Failure of an error that a caller handed in. The library's
// own frames are left out when the stack is printed, so that it does not
// matter how deep in the library this is called.
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

// returnedFailure makes a Failure of an error that a callback returned. Nil, also
// a nil *Failure, means that it succeeded.
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

// outcome is the result of a function that returned value and err.
func outcome[T any](value T, err error) (T, *Failure) {
	if err == nil {
		return value, nil
	}
	if fail := returnedFailure(err); fail != nil {
		return *new(T), fail
	}
	return value, nil
}

// panicFailure makes a Failure of a recovered panic. Called in a deferred
// function, its stack is that of the panic, which has not been unwound yet.
//
// With GODEBUG=panicnil=1 the value may be nil, and then recover does not tell
// a panic from runtime.Goexit. So functions that recover set their result to the
// failure, and leave it to their caller, which Goexit does not return to, to
// use it.
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

// protect calls fn and makes a failure of an error it returned or of a panic.
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
// without a pointer's mark, and the error's message, as in
// "errors.errorString: it failed".
func FailureMessage(f *Failure) string {
	mustHaveBackend()
	return failureMessage(f)
}

func failureMessage(f *Failure) string {
	return strings.Join(strings.FieldsFunc(failureText(f), isLineBreak), " ")
}

// failureText is FailureMessage with the line breaks of the error's message.
func failureText(f *Failure) string {
	if f.Value() == nil {
		return noFailure
	}
	if dropped, is := f.err.(*droppedError); is {
		return dropped.text
	}
	return strings.TrimLeft(fmt.Sprintf("%T", f.err), "*") + ": " + errorText(f.err)
}

// A droppedError stands for the error of a future that was collected. It is
// the error's text: the error itself may refer to the future, which would then
// never be collected.
type droppedError struct{ text string }

func (e *droppedError) Error() string { return e.text }

func isLineBreak(r rune) bool { return r == '\n' || r == '\r' }

// errorText returns err.Error(), or if that panics a text that says so:
// an error that cannot be printed is still an error that somebody has to see.
func errorText(err error) (text string) {
	defer func() {
		if value := recover(); value != nil {
			text = fmt.Sprintf("(its Error method panicked: %v)", value)
		}
	}()
	return err.Error()
}

// FailureTraceback returns the stack of the failure, innermost frame first,
// without the frames of this library and of Go's runtime.
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

// internalFrame reports whether a frame is the library's or the runtime's. The
// library's tests are its users, not part of it.
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

// FailureFormatTraceback returns the failure as many lines: "Traceback (most
// recent call last):", a line for each frame with file, line and function,
// outermost first, and the type and message of the error. If that joins
// several failures, their tracebacks follow; and in debug mode (see [SetDebug])
// the places where the future was created and settled.
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

// ErrAwaitOnLoop is returned by [Await] with the future pending on a goroutine
// that is running a loop: nothing else would run on that loop while it waits, and
// it may wait for ever. Use [AddCallbacks] there.
var ErrAwaitOnLoop error = &stateError{"Await was called on a loop's own goroutine with the future pending: use AddCallbacks there"}

// ErrGoexit is the failure of a function that ended its goroutine with
// runtime.Goexit, as testing's FailNow does, instead of returning: one given to
// [Then], [ThenOf], [Catch] or [Go] and, on the deferred backend, any callback. On
// the future backend Goexit ends the one callback and is no failure.
// (A callback that calls panic(nil) counts as one that called Goexit, in a program
// that is built with GODEBUG=panicnil=1.)
var ErrGoexit error = &stateError{"the function called runtime.Goexit"}

// stateError is the type of the package's sentinel errors: it gives them a
// name of their own in FailureMessage.
type stateError struct{ text string }

func (e *stateError) Error() string { return "txaio: " + e.text }

// A UsageError says that the package was called in a way that cannot work.
// Functions panic with it if the mistake is in the code of the call, as
// Python's txaio raises ValueError or RuntimeError there.
type UsageError struct{ text string }

// Error says what was wrong and what to do.
func (e *UsageError) Error() string { return "txaio: " + e.text }

func usageErrorf(format string, args ...any) *UsageError {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// A CancelledError is what a cancelled future fails with. errors.Is finds it
// by [ErrCancelled] and by [context.Canceled] and, if the end of a context
// cancelled the future (see [CancelOnDone]), by the context's error and cause.
type CancelledError struct {
	// Message is what was given to Cancel. It is always empty on the deferred
	// backend.
	Message string

	// Why, if it was CancelOnDone: the context's error and its cause.
	ended, cause error
}

// Error returns "cancelled" and the message if there is one.
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

// Unwrap returns the error and the cause of the context whose end cancelled the
// future, if that was [CancelOnDone].
func (e *CancelledError) Unwrap() []error {
	if e.ended == nil {
		return nil
	}
	return []error{e.ended, e.cause}
}

// A PanicError is the error of a function that panicked. The [Failure] that
// holds it has the stack of the panic.
type PanicError struct {
	// Value is what was given to panic.
	Value any
}

// Error returns the text of Value, as panic would print it.
func (e *PanicError) Error() string { return fmt.Sprint(e.Value) }

// Unwrap returns Value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
