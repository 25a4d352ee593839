package gojaloop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
)

// An Error is a value that JavaScript threw, or rejected a promise with, as a Go error.
// When it returns to JavaScript, it is the same value again.
type Error struct {
	// Value is the value that was thrown, an Error or any other. Use it on the loop only.
	Value goja.Value
	// Stack is JavaScript's stack, if the value is an Error.
	Stack string

	text string
}

// Error returns the value as text, such as "TypeError: it is not a function".
func (e *Error) Error() string { return e.text }

// toError converts a thrown value.
func (l *Loop) toError(value goja.Value) error {
	var made error
	e := &Error{Value: value, text: "a JavaScript value that has no text"}
	object, isObject := value.(*goja.Object)
	l.try(func() {
		if isObject && l.vm.InstanceOf(object, l.goError) {
			made, _ = object.Get("value").Export().(error)
		}
	})
	if made != nil {
		return made
	}
	l.try(func() { e.text = value.String() })
	l.try(func() {
		if isObject && object.ClassName() == "Error" {
			e.Stack = object.Get("stack").String()
		}
	})
	return e
}

// try calls fn, and ignores exceptions.
func (l *Loop) try(fn func()) {
	defer func() { _ = recover() }()
	l.vm.Try(fn)
}

// toReason converts an error to the reason of a rejection.
func (l *Loop) toReason(err error) (reason goja.Value) {
	fail := txaio.CreateFailure(err)
	l.try(func() { // ToValue panics if the value is another runtime's
		switch err := fail.Value().(type) {
		case *Error:
			reason = l.vm.ToValue(err.Value)
		case *goja.Exception:
			reason = l.vm.ToValue(err.Value())
		}
	})
	if reason != nil {
		return reason
	}
	object := l.vm.NewGoError(fail)
	switch {
	case errors.Is(fail, context.DeadlineExceeded):
		_ = object.Set("name", "TimeoutError")
	case errors.Is(fail, context.Canceled):
		_ = object.Set("name", "AbortError")
	}
	return object
}

// thrown converts an error that goja returned. If JavaScript cannot catch the error,
// thrown ends JavaScript, because goja has dropped the remaining reactions of promises.
func (l *Loop) thrown(err error) error {
	switch err := err.(type) {
	case *goja.Exception:
		return l.toError(err.Value())
	case *goja.InterruptedError:
		l.end(err)
		return l.closed()
	case *goja.StackOverflowError:
		l.end(fmt.Errorf("stack overflow%w", err)) // err's text is the place
		return l.closed()
	}
	return err
}

// report reports an error that goja returned, unless it is Close's interruption.
func (l *Loop) report(err error) {
	_, interrupted := err.(*goja.InterruptedError)
	if interrupted && l.closed() != nil {
		return
	}
	l.HandleFailure(txaio.CreateFailure(l.thrown(err)))
}

// panicked converts a recovered value: an exception that Go code threw, or a panic.
func (l *Loop) panicked(value any) *txaio.Failure {
	switch value := value.(type) {
	case goja.Value:
		return txaio.CreateFailure(l.toError(value))
	case *goja.Exception:
		return txaio.CreateFailure(l.toError(value.Value()))
	}
	return txaio.CreateFailure(&txaio.PanicError{Value: value})
}

// recovered is panicked after a call of goja. If the panic came while goja ran the
// reactions of promises, the remaining ones are lost, so recovered ends JavaScript.
// Otherwise it runs them.
func (l *Loop) recovered(value any) *txaio.Failure {
	fail := l.panicked(value)
	if inReactions() {
		l.end(fail)
	} else if _, err := l.nothing(nil); err != nil {
		l.report(err)
	}
	return fail
}

// inReactions reports whether goja's function that runs the reactions of promises is on
// the stack.
func inReactions() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(1, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(1, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for more := n > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if frame.Function == "github.com/dop251/goja.(*Runtime).leave" {
			return true
		}
	}
	return false
}

var log = txaio.MakeLogger()

// report logs a failure, if there is no exception handler.
func report(fail *txaio.Failure) {
	if thrown := (*Error)(nil); errors.As(fail, &thrown) && thrown.Stack != "" {
		log.Failure(fail, "Unhandled error in JavaScript\n{stack}", slog.String("stack", thrown.Stack))
		return
	}
	log.Failure(fail, "Unhandled error in event loop")
}
