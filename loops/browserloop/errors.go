//go:build js && wasm

package browserloop

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall/js"

	"github.com/txaio-go/txaio"
)

// An Error is a value that JavaScript has thrown, or rejected a promise with. Nearly
// always it is an Error object. Converted back it is the same object.
//
// One whose name is AbortError is context.Canceled and txaio.ErrCancelled to
// errors.Is, a TimeoutError is context.DeadlineExceeded.
type Error struct{ Value js.Value }

// Error returns JavaScript's String(value), such as "TypeError: no such host".
func (e *Error) Error() string {
	text := ""
	if thrown := catch(func() { text = js.Global().Get("String").Invoke(e.Value).String() }); thrown != nil {
		return "an object that can't be printed"
	}
	return text
}

// Is implements the rules of errors.Is.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled, txaio.ErrCancelled:
		return e.name() == "AbortError"
	case context.DeadlineExceeded:
		return e.name() == "TimeoutError"
	}
	return false
}

func (e *Error) name() (name string) {
	_ = catch(func() { // reading it may throw, and Value.Get would panic
		if typeOf(e.Value) == js.TypeObject {
			name = js.Global().Get("Reflect").Call("get", e.Value, "name").String()
		}
	})
	return name
}

// catch calls fn and returns the error that JavaScript throws in it, or the panic.
func catch(fn func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicFailure(value)
			if thrown, is := value.(js.Error); is {
				err = errorFromJS(thrown.Value)
			}
		}
	}()
	fn()
	return nil
}

// panicFailure returns the failure of a panic. It is called by the deferred
// function that has recovered it, so that the traceback is the panic's.
func panicFailure(value any) *txaio.Failure {
	if fail, is := value.(*txaio.Failure); is {
		return fail
	}
	return txaio.CreateFailure(&txaio.PanicError{Value: value})
}

// goErrors has the Go errors that were converted to Errors, by numbers.
var (
	goErrors  sync.Map
	errorMade atomic.Int64
)

// errorFromJS returns the Go error for a value that JavaScript has thrown.
func errorFromJS(thrown js.Value) error {
	if typeOf(thrown) == js.TypeObject {
		if id := page().errorIDs.Call("get", thrown); id.Type() == js.TypeNumber {
			if err, found := goErrors.Load(id.Int()); found {
				return err.(error)
			}
		}
	}
	return &Error{thrown}
}

// errorToJS returns the value to throw for err. If JavaScript threw it, it is the same
// value. Otherwise it is an Error with the text, the traceback, and as its cause a
// value that JavaScript threw, if err wraps one.
func errorToJS(err error) js.Value {
	bare := err
	fail, isFailure := err.(*txaio.Failure)
	if isFailure {
		bare = fail.Value()
	}
	if e, is := bare.(*Error); is {
		return e.Value
	}
	options := map[string]any{}
	var cause *Error
	var thrown js.Error
	if errors.As(err, &cause) {
		options["cause"] = cause.Value
	} else if errors.As(err, &thrown) {
		options["cause"] = thrown.Value
	}
	made := js.Global().Get("Error").New(err.Error(), options)
	var timeout *txaio.TimeoutError
	switch {
	case errors.As(err, &timeout):
		made.Set("name", "TimeoutError")
	case errors.Is(err, txaio.ErrCancelled):
		made.Set("name", "AbortError")
	}
	if isFailure {
		made.Set("stack", txaio.FailureFormatTraceback(fail))
	}
	id := int(errorMade.Add(1))
	goErrors.Store(id, err)
	page().errorIDs.Call("set", made, id)
	page().errorRegistry.Call("register", made, id)
	return made
}
