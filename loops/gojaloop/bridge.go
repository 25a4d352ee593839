package gojaloop

import (
	"container/list"
	"errors"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
)

// Future calls fn on the loop and returns a future of its result. If fn
// returns a promise, or any object with a then method, the future gets the
// promise's outcome. Future may be called from any goroutine. fn runs on the
// loop, so it may use vm.
//
//   - Values cross as JSON: JSON.stringify, then json.Unmarshal. A Future
//     of [goja.Value] gets the value itself, which may be used on the loop
//     only. undefined is the zero value. A value that JSON would leave out
//     or change, such as a function, NaN, a Map or a cycle, is a failure.
//   - If JavaScript throws, or the promise is rejected, the failure is an
//     [*Error], or the Go error that JavaScript was given before. A panic
//     of fn is a failure too.
//   - Cancelling the future calls the promise's cancel method if it has
//     one, as the promises of [Promise] do. If fn has not begun, it is not
//     called.
//   - If the loop ends while the future is pending, the future fails: see
//     [ErrClosed].
//
// On the future backend the future belongs to the loop.
func Future[T any](l *Loop, fn func(vm *goja.Runtime) (goja.Value, error)) *txaio.Future[T] {
	if fn == nil {
		panic(errors.New("gojaloop: Future needs a function, and was given nil"))
	}
	w := &waiter{loop: l}
	f := txaio.CreateFutureOn(l.api, txaio.WithCanceller(func(*txaio.Future[T]) { w.cancel() }))
	// If f was cancelled, a later outcome is dropped.
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

// begin registers w, so that its future fails if JavaScript ends. If JavaScript has
// ended, it returns the reason.
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

// call calls fn. It returns an exception or a panic as an error.
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

// follow calls one of the functions with value, or with its outcome if it is a
// promise. It makes a promise of its own that follows value by the rules of the
// language, because value's then method may throw, or call back twice.
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

// Promise returns a promise of f's outcome. Call it on the loop: in a function
// that JavaScript calls, in the function given to [Future], or in one given to
// CallSoon. The promise is settled on the loop, in a later turn.
//
//   - Values cross as JSON: json.Marshal, then JSON.parse. A [goja.Value]
//     is passed on unchanged, and struct{}{} is undefined. A value that
//     JSON cannot hold, such as a channel, a cycle or an integer that no
//     JavaScript number equals, rejects the promise with an Error that
//     says so.
//   - A failure of f counts as handled, because the promise now has it.
//     Its Error has the [*txaio.Failure] as its property value, and is
//     that failure again when it comes back to Go. The Error's name is
//     AbortError after a cancellation and TimeoutError after a timeout. If
//     f failed with an [*Error], JavaScript gets the value that it threw.
//   - The promise has a method cancel(message), which cancels f.
//
// If f fails after the loop has ended, the failure goes to the loop's
// exception handler.
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
