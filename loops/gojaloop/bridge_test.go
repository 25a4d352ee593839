//go:build deferred || future

package gojaloop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/gojaloop"
)

// promise returns a function for JavaScript that returns a promise of f.
func promise[T any](x *fixture, f *txaio.Future[T]) func() goja.Value {
	return func() goja.Value { return gojaloop.Promise(x.Loop, f) }
}

func TestAwaitInBoth(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	g := js[string](x, `(async () => "got " + (await f() + 1))()`, "f", promise(x, f))
	x.settle()
	if g.IsCalled() {
		t.Error("settled before f")
	}
	txaio.Resolve(f, 41)
	wantValue(t, g, "got 42")
	wantValue(t, f, 41) // f has not changed
	x.want()
}

type page struct {
	URL   string         `json:"url"`
	Links []string       `json:"links"`
	Meta  map[string]any `json:"meta"`
}

// Each value goes to JavaScript, passes the script's check, and comes back.
func TestValues(t *testing.T) {
	x := newFixture(t)
	crosses(x, "v === 42", 42)
	crosses(x, "v === -7", int8(-7))
	crosses(x, "v === 9007199254740992", uint64(1<<53))
	crosses(x, "v === 1e20", 1e20)
	crosses(x, "v === 0.1", float32(0.1))
	crosses(x, "v === 'héllo \\u2028 😀'", "héllo \u2028 😀")
	crosses(x, "v === true", true)
	crosses(x, "v === undefined", struct{}{})
	crosses(x, "v === null", (*int)(nil))
	crosses(x, "v === null", any(nil))
	crosses(x, "Array.isArray(v) && v.join() === '1,2,3'", []int{1, 2, 3})
	crosses(x, "Array.isArray(v) && v.length === 0", []int{})
	crosses(x, "v.a[0].b === null", map[string]any{"a": []any{map[string]any{"b": nil}}})
	crosses(x, "Object.keys(v).join() === 'url,links,meta'", page{URL: "u", Links: []string{"l"}, Meta: map[string]any{"k": 1.5}})
	crosses(x, "Object.keys(v).join() === '__proto__'", map[string]int{"__proto__": 1})
	crosses(x, "v === '2026-01-02T03:04:05Z'", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	crosses(x, "v === 'AQI='", []byte{1, 2})
	crosses(x, "typeof v.then === 'string'", map[string]string{"then": "later"})
	for _, test := range []struct {
		value  float64
		script string
	}{{math.Inf(1), "v === Infinity"}, {math.NaN(), "v !== v"}} {
		wantValue(t, js[bool](x, `(async () => { const v = await f(); return `+test.script+` })()`,
			"f", promise(x, txaio.CreateFutureSuccess(test.value))), true)
	}
	x.want()
}

func crosses[T any](x *fixture, script string, value T) {
	x.t.Helper()
	f := txaio.CreateFutureSuccess(value)
	got, err := await(x.t, js[T](x, `(async () => { const v = await f(); if (!(`+script+`)) throw v; return v })()`, "f", promise(x, f)))
	if err != nil || !reflect.DeepEqual(got, value) {
		x.t.Errorf("%#v: %s: got %#v, %v", value, script, got, err)
	}
}

// A goja.Value crosses unchanged, if the runtime is the same.
func TestRawValues(t *testing.T) {
	x := newFixture(t)
	object := js[goja.Value](x, `globalThis.o = {f() { return 1 }}`)
	wantValue(t, js[bool](x, `(async () => await f() === o)()`, "f", promise(x, object)), true)

	other := newFixture(t)
	foreign := js[goja.Value](other, `({})`)
	if _, err := await(t, foreign); err != nil {
		t.Fatal(err)
	}
	wantError(t, js[bool](x, `f()`, "f", promise(x, foreign)), "has no counterpart in JavaScript")
	x.want()
}

type cyclic struct{ Next *cyclic }

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no JSON") }
func (*panics) UnmarshalJSON([]byte) error  { panic("no JSON") }

// A value that has no counterpart is a failure that says so.
func TestValuesWithoutCounterpart(t *testing.T) {
	x := newFixture(t)
	cycle := &cyclic{}
	cycle.Next = cycle
	toJS(x, make(chan int), "a value of type chan int has no counterpart in JavaScript")
	toJS(x, func(int, ...chan int) {}, "func(int, ...chan int) has no counterpart")
	toJS(x, cycle, "encountered a cycle")
	toJS(x, map[string]any{"a": []any{make(chan int)}}, "chan int")
	toJS(x, complex(1, 2), "complex128")
	toJS(x, []float64{math.NaN()}, "NaN")
	toJS(x, map[float64]int{1.5: 1}, "map[float64]int")
	toJS(x, int64(1<<53+1), "no JavaScript number equals 9007199254740993")
	toJS(x, []uint64{math.MaxUint64}, "18446744073709551615")
	toJS(x, new(big.Int).Lsh(big.NewInt(1), 2000), "no JavaScript number equals")
	toJS(x, panics{}, "no JSON")

	fromJS[any](x, `(() => {})`, "a value of class Function has no counterpart in Go")
	fromJS[any](x, `({f() {}})`, "Function")
	fromJS[any](x, `Symbol("s")`, "a symbol")
	fromJS[float64](x, `NaN`, "NaN has no counterpart in Go")
	fromJS[any](x, `[1, -Infinity]`, "-Infinity")
	fromJS[any](x, `10n`, "BigInt")
	fromJS[any](x, `const o = {}; o.o = o`, "circular")
	fromJS[any](x, `new Map()`, "Map")
	fromJS[any](x, `new Set([1])`, "Set")
	fromJS[any](x, `[new Uint8Array(1)]`, "Uint8Array")
	fromJS[any](x, `({p: Promise.resolve()})`, "Promise")
	fromJS[any](x, `({e: new Error("e")})`, "class Error")
	fromJS[any](x, `({get a() { throw new RangeError("getter") }})`, "RangeError: getter")
	fromJS[any](x, `({toJSON() { throw "toJSON" }})`, "toJSON")
	fromJS[any](x, `new Proxy({}, {ownKeys() { throw new Error("trap") }})`, "Error: trap")
	fromJS[int](x, `"text"`, "cannot be converted to int")
	fromJS[int](x, `1.5`, "1.5")
	fromJS[int8](x, `1000`, "1000")
	fromJS[panics](x, `1`, "no JSON")
	fromJS[chan int](x, `1`, "chan int")
	x.want()
}

func toJS[T any](x *fixture, value T, want string) {
	x.t.Helper()
	wantValue(x.t, js[bool](x, `f().then(() => false, e => e instanceof Error && e.message.includes(want) || Promise.reject(e))`,
		"f", promise(x, txaio.CreateFutureSuccess(value)), "want", want), true)
}

func fromJS[T any](x *fixture, script, want string) {
	x.t.Helper()
	wantError(x.t, js[T](x, `{ `+script+` }`), want)
	wantError(x.t, js[T](x, `{ const v = eval(text); Promise.resolve({v}).then(o => o.v) }`, "text", script), want)
}

// A Go error is an Error in JavaScript, and the same error when it comes back.
func TestGoErrors(t *testing.T) {
	x := newFixture(t)
	wrapped := fmt.Errorf("page 7: %w", io.ErrUnexpectedEOF)
	fail := txaio.CreateFailure(wrapped)
	f := js[int](x, `(async () => {
		try { await f() } catch (e) {
			note(String(e instanceof Error) + " " + e.message);
			throw e;
		}
	})()`, "f", promise(x, txaio.CreateFutureError[int](fail)))
	_, err := await(t, f)
	if err != error(fail) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the same failure", err)
	}
	x.want("true page 7: unexpected EOF")

	// goja's own way: a Go function returns an error.
	f = js[int](x, `(async () => { try { fn() } catch (e) { note(e.message); throw e } })()`,
		"fn", func() (int, error) { return 0, errOne })
	if _, err := await(t, f); !errors.Is(err, errOne) {
		t.Errorf("got %v", err)
	}
	f = js[int](x, `fn()`, "fn", func() (int, error) { return 0, errOne })
	if _, err := await(t, f); !errors.Is(err, errOne) {
		t.Errorf("got %v", err)
	}
	x.want("one")
}

// A JavaScript Error is a Go error, and the same object when it comes back.
func TestJavaScriptErrors(t *testing.T) {
	x := newFixture(t)
	f := js[int](x, `globalThis.e = new TypeError("thrown");
		(function inner() { return Promise.reject(e) })()`)
	g := txaio.Catch(f, func(fail *txaio.Failure) (int, error) { // a callback of Go's sees it
		thrown := (*gojaloop.Error)(nil)
		if !errors.As(fail, &thrown) || fail.Error() != "TypeError: thrown" || thrown.Stack == "" {
			t.Errorf("got %v", fail)
		}
		return 0, fail
	})
	wantValue(t, js[bool](x, `(async () => { try { await g(); return false } catch (same) { return same === e } })()`, "g", promise(x, g)), true)

	for script, want := range map[string]string{
		`throw new SyntaxError("thrown at once")`: "SyntaxError: thrown at once",
		`throw 42`:        "42",
		`throw undefined`: "undefined",
		`throw null`:      "null",
		`Promise.reject({toString() { throw 1 }})`:           "a JavaScript value that has no text",
		`Promise.reject({get value() { throw 1 }})`:          "[object Object]",
		`Promise.reject(new Proxy({}, {get() { throw 1 }}))`: "a JavaScript value that has no text",
		`Promise.reject(Object.create(null))`:                "a JavaScript value that has no text",
		`Promise.reject(Symbol("s"))`:                        "s",
		`nonsense(`:                                          "SyntaxError",
		`undefined.x`:                                        "TypeError",
		`Object.defineProperty(new Error("e"), "stack", {get() { throw 1 }}); throw new Error("e")`: "Error: e",
	} {
		wantError(t, js[int](x, script), want)
	}

	// An object of another runtime is refused.
	other := newFixture(t)
	foreign := js[int](other, `throw new Error("foreign")`)
	if _, err := await(t, foreign); err == nil {
		t.Fatal("no error")
	}
	err := wantError(t, js[int](x, `f()`, "f", promise(x, foreign)), "Error: foreign")
	if thrown := (*gojaloop.Error)(nil); !errors.As(err, &thrown) {
		t.Errorf("got %v", err)
	}
	x.want()
}

// Go code on the loop may catch an exception and return it.
func TestExceptionsThroughGo(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	wantValue(t, gojaloop.Future[bool](x.Loop, func(vm *goja.Runtime) (goja.Value, error) {
		_, err := vm.RunString(`globalThis.e = new Error("met"); throw e`)
		txaio.Reject(f, err)
		vm.Set("p", gojaloop.Promise(x.Loop, f))
		return vm.RunString(`p.then(() => false, same => same === e)`)
	}), true)
	wantError(t, gojaloop.Future[int](x.Loop, func(vm *goja.Runtime) (goja.Value, error) {
		panic(vm.NewTypeError("a throw of Go's"))
	}), "TypeError: a throw of Go's")
	wantError(t, gojaloop.Future[int](x.Loop, func(vm *goja.Runtime) (goja.Value, error) {
		return nil, errOne
	}), "one")
	if _, err := await(t, gojaloop.Future[any](x.Loop, func(vm *goja.Runtime) (goja.Value, error) { return nil, nil })); err != nil {
		t.Error(err)
	}
	x.CallSoon(func() {
		f := txaio.AsFuture(func() (int, error) { return 1, nil })
		_ = gojaloop.Promise(x.Loop, f).Get("cancel").ToObject(nil)
		panic(io.EOF)
	})
	x.want("handler EOF")
}

func TestHostilePromises(t *testing.T) {
	x := newFixture(t)
	wantValue(t, js[int](x, `({then(yes, no) { yes(1); yes(2); no(3); throw 4 }})`), 1)
	wantError(t, js[int](x, `({then(yes, no) { no("first"); yes(1) }})`), "first")
	wantError(t, js[int](x, `({then() { throw new Error("then") }})`), "Error: then")
	wantError(t, js[int](x, `({get then() { throw new Error("getter") }})`), "Error: getter")
	wantError(t, js[int](x, `{ let resolve; const p = new Promise(r => resolve = r); resolve(p); p }`), "self-resolution")
	wantValue(t, js[int](x, `({then(yes) { yes({then(yes) { setTimeout(yes, 1, 7) }}) }})`), 7)
	wantValue(t, js[int](x, `class Late extends Promise {}; Late.resolve(5)`), 5)
	// The script replaces functions that the bridge uses.
	wantValue(t, js[int](x, `JSON.stringify = JSON.parse = () => { throw 2 };
		Promise.resolve = () => { throw 3 }; globalThis.Promise = null; GoError = null;
		(async () => 6)()`), 6)
	if _, err := await(t, js[int](x, `f()`, "f", promise(x, txaio.CreateFutureError[int](errOne)))); !errors.Is(err, errOne) {
		t.Errorf("failed with %v", err)
	}
	wantError(t, js[int](x, `(async () => 6)().__proto__.then = () => { throw new Error("then again") }; (async () => 6)()`), "Error: then again")
	x.want()

	y := newFixture(t)
	wantError(t, js[int](y, `Object.defineProperty(Promise.prototype, "constructor", {get() { throw new Error("species") }});
		(async () => 6)()`), "Error: species")
	wantError(t, js[int](y, `Promise.reject(new Error("another"))`), "Error: species")
}

// JavaScript cancels a future, and Go a promise.
func TestCancel(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
	g := js[string](x, `(async () => {
		const p = f();
		setTimeout(() => p.cancel("too slow"), 1);
		try { await p } catch (e) { return e.name + ": " + e.message }
	})()`, "f", promise(x, f))
	if txaio.UsingFuture {
		wantValue(t, g, "AbortError: cancelled: too slow")
	} else {
		wantValue(t, g, "AbortError: cancelled")
	}
	if _, err := await(t, f); !errors.Is(err, txaio.ErrCancelled) {
		t.Errorf("f failed with %v", err)
	}
	x.want("canceller")

	p := js[int](x, `const p = new Promise(() => {}); p.cancel = function() { note("cancel of " + (this === p)) }; p`)
	x.settle()
	txaio.Cancel(p)
	if _, err := await(t, p); !errors.Is(err, txaio.ErrCancelled) {
		t.Errorf("p failed with %v", err)
	}
	x.want("cancel of true")

	// Through both bridges.
	f = txaio.CreateFuture[int]()
	p = js[int](x, `f()`, "f", promise(x, f))
	x.settle()
	txaio.Cancel(p)
	if _, err := await(t, f); !errors.Is(err, txaio.ErrCancelled) {
		t.Errorf("f failed with %v", err)
	}

	// A promise without a cancel method, and an outcome that comes too late.
	p = js[int](x, `new Promise((_, reject) => { globalThis.late = reject })`)
	x.settle()
	txaio.Cancel(p)
	x.run(`late(new Error("late"))`)

	// Before it began.
	x.on(func() {
		p = js[int](x, `note("has begun")`)
		txaio.Cancel(p)
	})
	if _, err := await(t, p); !errors.Is(err, txaio.ErrCancelled) {
		t.Errorf("p failed with %v", err)
	}
	x.want()

	// A cancel that throws.
	for script, want := range map[string]string{
		`({then() {}, cancel() { throw new Error("cancel") }})`:     "handler Error: cancel",
		`({then() {}, get cancel() { throw new Error("getter") }})`: "handler Error: getter",
	} {
		p = js[int](x, script)
		x.settle()
		txaio.Cancel(p)
		x.want(want)
		await(t, p)
	}
	wantError(t, js[int](x, `const q = f(); try { q.cancel({toString() { throw new Error("text") }}) } catch (e) { throw e }`,
		"f", promise(x, txaio.CreateFuture[int]())), "Error: text")
}

func TestTimeoutName(t *testing.T) {
	x := newFixture(t)
	late := txaio.AddTimeout(txaio.CreateFuture[int](), time.Millisecond)
	wantValue(t, js[string](x, `f().catch(e => e.name)`, "f", promise(x, late)), "TimeoutError")
	ctx, cancel := context.WithCancel(t.Context())
	never := js[int](x, `new Promise(() => {})`)
	txaio.CancelOnDone(ctx, never)
	cancel()
	if _, err := await(t, never); !errors.Is(err, context.Canceled) {
		t.Errorf("failed with %v", err)
	}
}

// Each failure that nobody handles is reported once, whichever side it came from.
func TestUnhandledRejections(t *testing.T) {
	x := newFixture(t)
	x.run(`Promise.reject(new Error("nobody")); 0`)
	x.want("handler Error: nobody")
	x.run(`(async () => { throw new Error("async") })(); 0`)
	x.want("handler Error: async")
	x.run(`f(); 0`, "f", promise(x, txaio.CreateFutureError[int](errOne)))
	x.want("handler one")
	x.run(`{ const p = Promise.reject(new Error("in time")); p.catch(() => {}) }; 0`)
	x.want()
	x.run(`{ const p = Promise.reject(new Error("late")); setTimeout(() => p.catch(() => note("caught")), 5) };
		new Promise(resolve => setTimeout(resolve, 10))`)
	x.want("handler Error: late", "caught")
	x.run(`f().then(() => {}); 0`, "f", promise(x, txaio.CreateFutureError[int](errOne)))
	x.want("handler one")
	x.run(`f(); 0`, "f", promise(x, txaio.CreateFutureSuccess(make(chan int))))
	x.want("handler gojaloop: a value of type chan int has no counterpart in JavaScript: json: unsupported type: chan int")

	// At the end of the loop.
	x.on(func() {
		js[goja.Value](x, `Promise.reject(new Error("last words")); exit()`, "exit", x.Close)
	})
	x.want("handler Error: last words")
}

// A future of a rejected promise that nobody looks at is reported by the library.
func TestUnhandledFuture(t *testing.T) {
	x := newFixture(t)
	func() {
		f := js[int](x, `Promise.reject(new Error("nobody looks"))`)
		receive(t, f.Done(), "the end of the future")
	}()
	x.want()
	wantLogged(t, "Error: nobody looks")
}

// A failure after the end of JavaScript is reported.
func TestFailureAfterClose(t *testing.T) {
	x := newFixture(t)
	f, g, h := txaio.CreateFuture[int](), txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	x.on(func() {
		gojaloop.Promise(x.Loop, f)
		gojaloop.Promise(x.Loop, g)
		gojaloop.Promise(x.Loop, h)
	})
	x.Close()
	txaio.Reject(f, errOne)
	txaio.Resolve(g, 1)
	txaio.Cancel(h)
	x.want("handler one")
}

// Many goroutines use both bridges while the loop ends.
func TestCloseAmongOthers(t *testing.T) {
	for range 20 {
		x := newFixture(t)
		var futures []*txaio.Future[int]
		for i := range 20 {
			f := txaio.Go(func(context.Context) (int, error) { runtime.Gosched(); return i, nil })
			futures = append(futures, js[int](x, `f()`, "f", promise(x, f)))
		}
		go x.Close()
		for i, f := range futures {
			if value, err := await(t, f); err == nil && value != i || err != nil && !errors.Is(err, gojaloop.ErrClosed) {
				t.Errorf("got %v, %v", value, err)
			}
		}
	}
}
