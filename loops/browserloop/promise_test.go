//go:build (deferred || future) && js && wasm

package browserloop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/browserloop"
)

func TestFromPromise(t *testing.T) {
	for expression, want := range map[string]int{
		"Promise.resolve(7)": 7,
		"new Promise(resolve => setTimeout(resolve, 1, 7))": 7,
		"(async () => { await null; return 7 })()":          7,
		"({ then(resolve) { resolve(7) } })":                7,
		"7":                                                 7,
	} {
		if got, err := await(t, browserloop.FromPromise[int](eval(expression))); got != want || err != nil {
			t.Errorf("%s: %v, %v", expression, got, err)
		}
	}
}

func TestFromPromiseThatIsRejected(t *testing.T) {
	for expression, want := range map[string]string{
		`Promise.reject(new TypeError("no such host"))`:     "TypeError: no such host",
		`(async () => { null.property })()`:                 "TypeError: Cannot read properties of null (reading 'property')",
		`Promise.reject("text")`:                            "text",
		`Promise.reject()`:                                  "undefined",
		`Promise.reject(1n)`:                                "1",
		`Promise.reject(Symbol("s"))`:                       "Symbol(s)",
		`Promise.reject(Object.create(null))`:               "an object that can't be printed",
		`({ then() { throw new RangeError("in then") } })`:  "RangeError: in then",
		`({ get then() { throw new Error("a getter") } })`:  "Error: a getter",
		`Promise.resolve("text")`:                           "browserloop: a value of type String of JavaScript's is no int",
		`Promise.reject({ get name() { throw new Error }})`: "[object Object]",
	} {
		_, err := await(t, browserloop.FromPromise[int](eval(expression)))
		fail, is := err.(*txaio.Failure)
		if !is || fail.Value().Error() != want || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestToPromise(t *testing.T) {
	f := txaio.CreateFuture[string]()
	promise := browserloop.ToPromise(f)
	loop.CallLater(time.Millisecond, func() { _ = txaio.Resolve(f, "value") })
	if got, rejected := awaitJS(t, promise); rejected || got.String() != "value" {
		t.Errorf("%v, %v", got, rejected)
	}
	if got, rejected := awaitJS(t, browserloop.ToPromise(txaio.CreateFutureSuccess(struct{}{}))); rejected || !got.IsUndefined() {
		t.Errorf("%v, %v", got, rejected)
	}
	results := browserloop.ToPromise(txaio.Gather([]*txaio.Future[int]{txaio.CreateFutureSuccess(1), txaio.CreateFutureError[int](io.EOF)}, true))
	got, _ := awaitJS(t, results)
	if text := js.Global().Get("Array").Call("from", got, eval("r => r.Failure ? r.Failure.message : r.Value")).Call("join").String(); !strings.HasPrefix(text, "1,") || !strings.Contains(text, "EOF") {
		t.Errorf("the results are %s", text)
	}
}

func TestToPromiseThatFails(t *testing.T) {
	typeError := &browserloop.Error{Value: eval(`new TypeError("JavaScript's own")`)}
	cancelled := txaio.CreateFuture[int]()
	txaio.Cancel(cancelled)
	to := func(f *txaio.Future[int]) func() js.Value {
		return func() js.Value { return browserloop.ToPromise(f) }
	}
	for _, test := range []struct {
		promise func() js.Value
		want    string
	}{
		{to(txaio.CreateFutureError[int](io.EOF)), "Error: EOF"},
		{to(txaio.CreateFutureError[int](typeError)), "TypeError: JavaScript's own"},
		{to(txaio.CreateFutureError[int](fmt.Errorf("load: %w", typeError))), "Error: load: TypeError: JavaScript's own, TypeError: JavaScript's own"},
		{to(txaio.AsFuture(func() (int, error) { eval("null.x"); return 0, nil })), "TypeError: Cannot read properties of null"},
		{to(txaio.AsFuture(func() (int, error) { panic("a panic") })), "Error: a panic"},
		{to(cancelled), "AbortError: cancelled"},
		{to(txaio.AddTimeout(txaio.CreateFuture[int](), time.Millisecond)), "TimeoutError: timed out after 1ms"},
		{func() js.Value { return browserloop.ToPromise(txaio.CreateFutureSuccess(make(chan int))) }, "Error: browserloop: a Go chan int has no counterpart in JavaScript"},
	} {
		got, rejected := awaitJS(t, test.promise())
		text := got.Get("name").String() + ": " + got.Get("message").String()
		if cause := got.Get("cause"); !cause.IsUndefined() {
			text += ", " + js.Global().Get("String").Invoke(cause).String()
		}
		if !rejected || !strings.Contains(text, strings.TrimPrefix(test.want, "TypeError: Cannot")) {
			t.Errorf("%v, %s, want %s", rejected, text, test.want)
		}
		if stack := got.Get("stack").String(); !strings.Contains(stack, got.Get("message").String()) {
			t.Errorf("the stack is %s", stack)
		}
	}
}

// An error that goes to the other language and back is the same error.
func TestErrorsThatReturn(t *testing.T) {
	fail := txaio.CreateFailure(fmt.Errorf("wrapped: %w", io.EOF))
	_, err := await(t, browserloop.FromPromise[int](browserloop.ToPromise(txaio.CreateFutureError[int](fail))))
	if err != fail {
		t.Errorf("%v returned as %v", fail, err)
	}
	thrown := eval(`new RangeError("thrown")`)
	promise := js.Global().Get("Promise").Call("reject", thrown)
	if got, rejected := awaitJS(t, browserloop.ToPromise(browserloop.FromPromise[int](promise))); !rejected || !got.Equal(thrown) {
		t.Errorf("%v returned as %v", thrown, got)
	}
	err = &browserloop.Error{Value: eval(`new DOMException("stop", "AbortError")`)}
	if !errors.Is(err, txaio.ErrCancelled) || !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Error("an AbortError isn't what was cancelled")
	}
	if !errors.Is(&browserloop.Error{Value: eval(`new DOMException("late", "TimeoutError")`)}, context.DeadlineExceeded) {
		t.Error("a TimeoutError isn't a deadline that was exceeded")
	}
}

func TestAbortable(t *testing.T) {
	var reason js.Value
	aborted := js.FuncOf(func(_ js.Value, args []js.Value) any { reason = args[0]; return nil })
	defer aborted.Release()
	f := browserloop.Abortable[int](func(signal js.Value) js.Value {
		return eval(`(signal, aborted) => new Promise((_, reject) =>
			signal.addEventListener("abort", () => { aborted(signal.reason); reject(signal.reason) }))`).Invoke(signal, aborted)
	})
	txaio.Cancel(f)
	_, err := await(t, f)
	flush()
	if !errors.Is(err, txaio.ErrCancelled) || reason.IsUndefined() || reason.Get("name").String() != "AbortError" {
		t.Errorf("%v, the signal's reason is %v", err, reason)
	}
	flush() // a later rejection is handled and dropped

	settled := browserloop.Abortable[int](func(signal js.Value) js.Value { return js.ValueOf(7) })
	if got, err := await(t, settled); got != 7 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	txaio.Cancel(settled)

	thrown := browserloop.Abortable[int](func(js.Value) js.Value { return eval("null.property") })
	if _, err := await(t, thrown); !strings.Contains(fmt.Sprint(err), "TypeError: Cannot read properties of null") {
		t.Errorf("start threw: %v", err)
	}
}

func TestSignalContext(t *testing.T) {
	controller := eval("new AbortController()")
	ctx, cancel := browserloop.SignalContext(context.Background(), controller.Get("signal"))
	defer cancel()
	f := txaio.CreateFuture[int]()
	txaio.CancelOnDone(ctx, f)
	promise := browserloop.ToPromise(f)
	if ctx.Err() != nil {
		t.Error("it has ended")
	}
	controller.Call("abort", "the user left")
	if got, rejected := awaitJS(t, promise); !rejected || got.Get("name").String() != "AbortError" {
		t.Errorf("%v, %v", rejected, got)
	}
	if cause := context.Cause(ctx); cause.Error() != "the user left" {
		t.Errorf("the cause is %v", cause)
	}
	late, cancelLate := browserloop.SignalContext(context.Background(), controller.Get("signal"))
	defer cancelLate()
	if late.Err() != context.Canceled {
		t.Error("a signal that was aborted before")
	}
}

// Promises and futures that nothing can settle any more fail with ErrNeverSettled.
func TestNeverSettled(t *testing.T) {
	f := browserloop.FromPromise[int](eval("new Promise(() => {})"))
	collect(t, func() bool { return txaio.IsCalled(f) })
	if _, err := await(t, f); !errors.Is(err, browserloop.ErrNeverSettled) {
		t.Errorf("the future came to %v", err)
	}

	var message string
	note := js.FuncOf(func(_ js.Value, args []js.Value) any { message = args[0].Get("message").String(); return nil })
	defer note.Release()
	func() { browserloop.ToPromise(txaio.CreateFuture[int]()).Call("catch", note) }()
	collect(t, func() bool { return message != "" })
	if message != browserloop.ErrNeverSettled.Error() {
		t.Errorf("the promise was rejected with %s", message)
	}
}

// A promise or future that somebody holds stays pending.
func TestPendingIsNotCollected(t *testing.T) {
	js.Global().Set("held", eval("{ promise: new Promise(resolve => globalThis.settle = resolve) }.promise"))
	f := browserloop.FromPromise[int](js.Global().Get("held"))
	pending := txaio.CreateFuture[int]()
	promise := browserloop.ToPromise(pending)
	others := 0
	for range 3 {
		func() {
			txaio.Watch(browserloop.FromPromise[int](eval("new Promise(() => {})")), nil, func(*txaio.Failure) { others++ })
		}()
		collect(t, func() bool { return others > 0 })
		others = 0
	}
	if txaio.IsCalled(f) {
		t.Error("the promise is held, and the future settled")
	}
	js.Global().Call("settle", 7)
	if got, err := await(t, f); got != 7 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	_ = txaio.Resolve(pending, 8)
	if got, rejected := awaitJS(t, promise); rejected || got.Int() != 8 {
		t.Errorf("%v, %v", got, rejected)
	}
}

// A rejection that nothing handles is reported to the page.
func TestUnhandledRejection(t *testing.T) {
	process := js.Global().Get("process")
	var reasons []string
	unhandled := js.FuncOf(func(_ js.Value, args []js.Value) any {
		reasons = append(reasons, args[0].Get("message").String())
		return nil
	})
	process.Call("on", "unhandledRejection", unhandled)
	defer process.Call("removeListener", "unhandledRejection", unhandled)
	browserloop.ToPromise(txaio.CreateFutureError[int](errors.New("nobody looks")))
	time.Sleep(5 * time.Millisecond)
	want(t, reasons, "nobody looks")
}

// When an Error is collected, so is its Go error.
func TestErrorsAreCollected(t *testing.T) {
	collected := false
	func() {
		err := &struct{ error }{errors.New("collected")}
		runtime.AddCleanup(err, func(struct{}) { collected = true }, struct{}{})
		_, _ = awaitJS(t, browserloop.ToPromise(txaio.CreateFutureError[int](err)))
	}()
	collect(t, func() bool { return collected })
}
