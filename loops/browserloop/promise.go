//go:build js && wasm

package browserloop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"syscall/js"

	"github.com/txaio-go/txaio"
)

// ErrNeverSettled is the error of a promise or a future that has been collected
// as garbage, so that nothing can settle it any more.
var ErrNeverSettled = errors.New("browserloop: collected before it was settled")

// FromPromise returns a future of the promise's outcome, converted as by
// [FromJS]. Like await in JavaScript, it also takes a value that is not a
// promise, and an object with a then method.
//
// If the promise is rejected, the future fails with an [*Error], or with the
// Go error that [ToPromise] was given before. The rejection counts as handled.
// The future belongs to the current loop, and its callbacks run there.
// Cancelling it leaves the promise alone, and the promise's outcome is
// dropped; see [Abortable].
//
// If the promise is collected before it is settled, the future fails with
// [ErrNeverSettled]. If somebody keeps the promise and never settles it, the
// future stays pending: use [txaio.AddTimeout].
func FromPromise[T any](promise js.Value) *txaio.Future[T] {
	return fromPromise[T](func() js.Value { return promise }, func() {})
}

// Abortable is [FromPromise] of the promise that start returns. Cancelling the
// future aborts the AbortSignal that start is given:
//
//	page := browserloop.Abortable[js.Value](func(signal js.Value) js.Value {
//		return js.Global().Call("fetch", url, map[string]any{"signal": signal})
//	})
//
// If start panics, as it does when JavaScript throws, the future has failed.
func Abortable[T any](start func(signal js.Value) js.Value) *txaio.Future[T] {
	controller := js.Global().Get("AbortController").New()
	return fromPromise[T](
		func() js.Value { return start(controller.Get("signal")) },
		func() { controller.Call("abort") })
}

func fromPromise[T any](start func() js.Value, abort func()) *txaio.Future[T] {
	loop := txaio.CurrentLoop()
	b := new(bridge)
	f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[T]) {
		if b.end() {
			abort()
		}
	}))
	b.open(func(value js.Value, err error) {
		loop.CallSoon(func() {
			var result T
			if err == nil {
				result, err = FromJS[T](value)
			}
			if err != nil {
				_ = txaio.Reject(f, err) // it was cancelled meanwhile if that returns an error
			} else {
				_ = txaio.Resolve(f, result)
			}
		})
	})
	var promise js.Value
	if err := catch(func() {
		promise = js.Global().Get("Promise").Call("resolve", start())
		settled := js.Global().Get("Function").Get("prototype").Get("bind")
		promise.Call("then", settled.Call("call", page().settled, nil, b.id, true),
			settled.Call("call", page().settled, nil, b.id, false))
	}); err != nil {
		b.settle(js.Undefined(), err)
		return f
	}
	page().registry.Call("register", promise, b.id)
	return f
}

// ToPromise returns a promise of f's outcome, converted as by [ToJS]. A
// failure becomes an Error, or the value that JavaScript threw if it is an
// [*Error]. It counts as handled in Go. If nothing handles the promise's
// rejection, the page gets its unhandledrejection event.
//
// If f is collected before it is settled, the promise is rejected with
// [ErrNeverSettled]. A value that has no counterpart in JavaScript rejects it
// with a [*ConversionError].
//
// JavaScript cancels with an AbortSignal: see [SignalContext].
func ToPromise[T any](f *txaio.Future[T]) js.Value {
	var promise js.Value
	b := new(bridge)
	executor := js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		b.open(func(value js.Value, err error) {
			if err != nil {
				reject.Invoke(errorToJS(err))
			} else {
				resolve.Invoke(value)
			}
		})
		return nil
	})
	defer executor.Release()
	promise = js.Global().Get("Promise").New(executor)
	txaio.Watch(f,
		func(value T) { b.settle(ToJS(value)) },
		func(fail *txaio.Failure) { b.settle(js.Undefined(), fail) })
	runtime.AddCleanup(f, func(b *bridge) { b.settle(js.Undefined(), ErrNeverSettled) }, b)
	return promise
}

// SignalContext returns a context that ends when signal, an AbortSignal, is
// aborted. Its cause is then the signal's reason, as an [*Error]. To cancel a
// future by it:
//
//	ctx, cancel := browserloop.SignalContext(context.Background(), signal)
//	txaio.CancelOnDone(ctx, f)
//
// Call cancel when the signal is no longer of interest.
func SignalContext(parent context.Context, signal js.Value) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	aborted := func() { cancel(errorFromJS(signal.Get("reason"))) }
	if signal.Get("aborted").Bool() {
		aborted()
	}
	listener := js.FuncOf(func(js.Value, []js.Value) any {
		aborted()
		return nil
	})
	signal.Call("addEventListener", "abort", listener)
	context.AfterFunc(ctx, func() {
		signal.Call("removeEventListener", "abort", listener)
		listener.Release()
	})
	return ctx, func() { cancel(nil) }
}

// A bridge passes the outcome of a promise to a future, or of a future to a promise.
// It is used once.
type bridge struct {
	id    int
	other func(value js.Value, err error)
}

// bridges has the bridges that wait for an outcome, by their ids.
var bridges struct {
	sync.Mutex
	made    int
	waiting map[int]*bridge
}

// open makes the bridge wait, and call other with the outcome.
func (b *bridge) open(other func(value js.Value, err error)) {
	bridges.Lock()
	defer bridges.Unlock()
	if bridges.waiting == nil {
		bridges.waiting = make(map[int]*bridge)
	}
	bridges.made++
	b.id, b.other = bridges.made, other
	bridges.waiting[b.id] = b
}

// end makes b stop waiting, and reports whether it was waiting.
func (b *bridge) end() bool {
	bridges.Lock()
	defer bridges.Unlock()
	_, waiting := bridges.waiting[b.id]
	delete(bridges.waiting, b.id)
	return waiting
}

func (b *bridge) settle(value js.Value, err error) {
	if b.end() {
		b.other(value, err)
	}
}

// settleBridge settles the bridge with an id, if it is waiting.
func settleBridge(id int, value js.Value, err error) {
	bridges.Lock()
	b := bridges.waiting[id]
	bridges.Unlock()
	if b != nil {
		b.settle(value, err)
	}
}

// failBridges fails all bridges that wait.
func failBridges(err error) {
	bridges.Lock()
	var waiting []*bridge
	for _, b := range bridges.waiting {
		waiting = append(waiting, b)
	}
	bridges.Unlock()
	for _, b := range waiting {
		b.settle(js.Undefined(), err)
	}
}
