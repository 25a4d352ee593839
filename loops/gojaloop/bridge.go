package gojaloop

import (
	"container/list"
	"errors"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
)

// Future runs fn on the loop and returns a future of what it returns: if that is a
// promise, or any object with a then method, of what becomes of it. It may be
// called from any goroutine; fn, called on the loop, may use vm.
//
//   - The value crosses as JSON, as JSON.stringify and json.Unmarshal have it; for
//     a Future of [goja.Value] it is the value itself, to be used on the loop only.
//     undefined is the zero value. What JSON would leave out or change, such as a
//     function, NaN or a Map, is a failure, and so is a cycle.
//   - What JavaScript throws or rejects with is an [*Error], unless a Go error is
//     what made it: then it is that error. A panic of fn is a failure.
//   - Cancelling the future calls the promise's cancel method, if it has one, as the
//     promises of [Promise] do. A cancelled fn that has not begun is not called.
//   - A future that is pending when the loop ends fails: see [ErrClosed].
//
// On the future backend the future is on the loop.
func Future[T any](l *Loop, fn func(vm *goja.Runtime) (goja.Value, error)) *txaio.Future[T] {
	if fn == nil {
		panic(errors.New("gojaloop: Future needs a function, and was given nil"))
	}
	w := &waiter{loop: l}
	f := txaio.CreateFutureOn(l.api, txaio.WithCanceller(func(*txaio.Future[T]) { w.cancel() }))
	// What settles f comes too late if it was cancelled, and is dropped.
	w.fail = func(err error) { _ = txaio.Reject(f, err) }
	if err := w.begin(); err != nil {
		w.fail(err)
		return f
	}
	l.CallSoon(func() {
		if f.IsCalled() || l.closed() != nil {
			return
		}
		value, err := l.call(fn)
		if err != nil {
			w.end()
			w.fail(err)
			return
		}
		w.promise = value
		l.follow(value, func(value goja.Value) {
			w.end()
			if result, err := fromJS[T](l, value); err != nil {
				w.fail(err)
			} else {
				_ = txaio.Resolve(f, result)
			}
		}, func(reason error) {
			w.end()
			w.fail(reason)
		})
	})
	return f
}

// A waiter is a future that waits for JavaScript.
type waiter struct {
	loop    *Loop
	fail    func(error)
	element *list.Element
	promise goja.Value // only the loop uses it
}

// begin has the future failed if JavaScript ends, or returns why it has.
func (w *waiter) begin() error {
	w.loop.mu.Lock()
	defer w.loop.mu.Unlock()
	if w.loop.why == nil {
		w.element = w.loop.waiting.PushBack(w)
	}
	return w.loop.why
}

func (w *waiter) end() {
	w.loop.mu.Lock()
	defer w.loop.mu.Unlock()
	w.loop.waiting.Remove(w.element) // nothing if finish has emptied the list
}

// cancel calls the promise's cancel method.
func (w *waiter) cancel() {
	w.end()
	w.loop.CallSoon(func() {
		promise, is := w.promise.(*goja.Object)
		if !is || w.loop.closed() != nil {
			return
		}
		var method goja.Callable
		ex := w.loop.vm.Try(func() { method, _ = goja.AssertFunction(promise.Get("cancel")) })
		if ex != nil {
			w.loop.report(ex)
		} else if method != nil {
			if _, err := method(promise); err != nil {
				w.loop.report(err)
			}
		}
	})
}

// call calls fn. What it throws or panics with is an error.
func (l *Loop) call(fn func(vm *goja.Runtime) (goja.Value, error)) (value goja.Value, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = l.recovered(panicked)
		}
	}()
	value, err = fn(l.vm)
	if err != nil {
		err = l.thrown(err)
	}
	return value, err
}

// follow calls one of the functions when value, or what it is a promise of, is
// known. A promise of our own follows it by the rules of the language, whatever
// value is: its then method may throw, or call back twice.
func (l *Loop) follow(value goja.Value, onValue func(goja.Value), onReason func(error)) {
	promise, resolve, _ := l.vm.NewPromise()
	_, err := l.then(l.vm.ToValue(promise),
		l.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			onValue(call.Argument(0))
			return goja.Undefined()
		}),
		l.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			onReason(l.toError(call.Argument(0)))
			return goja.Undefined()
		}))
	if err == nil {
		if value == nil {
			value = goja.Undefined()
		}
		err = resolve(value)
	}
	if err != nil {
		onReason(l.thrown(err))
	}
}

// Promise returns a promise of what becomes of f. Call it on the loop: in a function
// that JavaScript calls, in the function given to [Future], or in one given to
// CallSoon. The promise settles on the loop, in a turn of its own.
//
//   - The value crosses as JSON, as json.Marshal and JSON.parse have it, and an error
//     as an Error; a [goja.Value] is itself, and struct{}{} is undefined. What JSON
//     does not have, such as a channel, a cycle or an integer that no JavaScript
//     number equals, rejects the promise with an Error that says so.
//   - A failure of f counts as handled, and is the promise's from then on. The Error
//     has the [*txaio.Failure] as its property value, and is that again when it
//     comes back to Go. Its name is AbortError after a cancellation and TimeoutError
//     after a timeout. If f failed with an [*Error], it is the value that JavaScript
//     threw.
//   - The promise has a method cancel, which cancels f. An argument is the message.
//
// A failure of f that comes after the loop has ended goes to its exception handler.
func Promise[T any](l *Loop, f *txaio.Future[T]) *goja.Object {
	if !l.InLoop() {
		panic(errors.New("gojaloop: Promise was called on a goroutine that is not the loop's: call it in a function that the loop runs"))
	}
	p, resolve, reject := l.vm.NewPromise()
	settle := func(with func(any) error, value goja.Value) {
		if err := with(value); err != nil {
			l.report(err)
		}
	}
	promise := l.vm.ToValue(p).(*goja.Object)
	_ = promise.DefineDataProperty("cancel", l.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		var message []string
		if argument := call.Argument(0); !goja.IsUndefined(argument) {
			message = []string{argument.String()}
		}
		l.CallSoon(func() { txaio.Cancel(f, message...) })
		return goja.Undefined()
	}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	txaio.Watch(f, func(value T) {
		l.CallSoon(func() {
			if l.closed() != nil {
				return
			}
			if converted, err := l.toJS(value); err != nil {
				settle(reject, l.toReason(err))
			} else {
				settle(resolve, converted)
			}
		})
	}, func(fail *txaio.Failure) {
		l.CallSoon(func() {
			switch {
			case l.closed() == nil:
				settle(reject, l.toReason(fail))
			case !errors.Is(fail, txaio.ErrCancelled):
				l.HandleFailure(fail)
			}
		})
	})
	return promise
}
