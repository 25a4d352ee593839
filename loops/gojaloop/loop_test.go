//go:build deferred || future

package gojaloop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/gojaloop"
	"github.com/txaio-go/txaio/testutil"
)

// fixture is a Loop as the current loop, and a journal of events. The journal includes
// the failures that reached the loop's exception handler.
type fixture struct {
	*gojaloop.Loop
	t  *testing.T
	mu sync.Mutex
	// guarded by mu
	events []string
}

func newFixture(t *testing.T) *fixture {
	x := &fixture{t: t}
	x.Loop = gojaloop.New(gojaloop.WithExceptionHandler(func(fail *txaio.Failure) { x.note("handler %v", fail) }))
	t.Cleanup(testutil.ReplaceLoop(x.Loop))
	t.Cleanup(x.Close)
	return x
}

func (x *fixture) note(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.events = append(x.events, fmt.Sprintf(format, args...))
}

// want waits until the queued functions have run, and checks the events since the last
// call.
func (x *fixture) want(events ...string) {
	x.t.Helper()
	x.settle()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.events, events) {
		x.t.Errorf("events:\n got: %s\nwant: %s", strings.Join(x.events, "; "), strings.Join(events, "; "))
	}
	x.events = nil
}

// settle waits for a few turns of the loop, so that it runs the queued functions and
// those that they queue.
func (x *fixture) settle() {
	x.t.Helper()
	for range 8 {
		x.on(func() {})
	}
}

// on runs fn on the loop and waits for it.
func (x *fixture) on(fn func()) {
	x.t.Helper()
	done := make(chan struct{})
	x.CallSoon(func() {
		defer close(done)
		fn()
	})
	receive(x.t, done, "the loop running a function")
}

// js runs a script that may use note and the given names, and returns its result.
func js[T any](x *fixture, script string, names ...any) *txaio.Future[T] {
	return gojaloop.Future[T](x.Loop, func(vm *goja.Runtime) (goja.Value, error) {
		vm.Set("note", func(text string) { x.note("%s", text) })
		for i := 0; i < len(names); i += 2 {
			vm.Set(names[i].(string), names[i+1])
		}
		return vm.RunScript("test.js", script)
	})
}

// run is js for a script without a result.
func (x *fixture) run(script string, names ...any) {
	x.t.Helper()
	if _, err := await(x.t, js[goja.Value](x, script, names...)); err != nil {
		x.t.Fatal(err)
	}
}

func await[T any](t testing.TB, f *txaio.Future[T]) (T, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	value, err := txaio.Await(ctx, f)
	if ctx.Err() != nil {
		t.Fatalf("%v is never settled", f)
	}
	return value, err
}

func wantValue[T comparable](t testing.TB, f *txaio.Future[T], want T) {
	t.Helper()
	if got, err := await(t, f); got != want || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func wantError[T any](t testing.TB, f *txaio.Future[T], want string) error {
	t.Helper()
	got, err := await(t, f)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, %v, want an error that has %q", got, err, want)
	}
	return err
}

func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-ch:
		return value
	case <-time.After(30 * time.Second):
		buf := make([]byte, 1<<16)
		t.Fatalf("%s did not happen\n%s", what, buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

var errOne = errors.New("one")

// panicOf calls fn and returns the value that it panics with.
func panicOf(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}

func TestCallSoonOrder(t *testing.T) {
	x := newFixture(t)
	const goroutines, each = 4, 500
	var got [goroutines][]int
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				x.CallSoon(func() { got[g] = append(got[g], i) }) // no lock: the loop is one goroutine
			}
		})
	}
	group.Wait()
	x.on(func() {
		for g := range got {
			if len(got[g]) != each || !slices.IsSorted(got[g]) {
				t.Errorf("the functions of goroutine %d ran as %v", g, got[g])
			}
		}
	})
	x.on(func() {
		x.CallSoon(func() { x.note("later") })
		x.note("now") // CallSoon has returned before
	})
	x.want("now", "later")
}

// Timers that are due together, also those without a delay, run in the order in which
// they were made, after functions that were queued before.
func TestCallLaterOrder(t *testing.T) {
	x := newFixture(t)
	var got, want []int
	done := make(chan struct{})
	x.on(func() {
		x.CallSoon(func() { got = append(got, 0) })
		for i := 1; i < 200; i++ {
			x.CallLater(time.Duration(i/100)*5*time.Millisecond-1, func() { got = append(got, i) })
		}
		x.CallLater(5*time.Millisecond, func() { close(done) })
	})
	receive(t, done, "the last timer")
	for i := range 200 {
		want = append(want, i)
	}
	x.on(func() {
		if !slices.Equal(got, want) {
			t.Errorf("ran as %v", got)
		}
	})
}

func TestCallLaterCancel(t *testing.T) {
	x := newFixture(t)
	x.on(func() {
		due := x.CallLater(0, func() { x.note("cancelled") })
		ran := make(chan struct{})
		x.CallLater(0, func() { close(ran) })
		for range 100 { // the timer is due, but the loop is busy here
			runtime.Gosched()
		}
		if !due.Cancel() || due.Cancel() {
			t.Error("Cancel did not return true, then false")
		}
	})
	var own txaio.DelayedCall
	x.on(func() {
		own = x.CallLater(0, func() { x.note("%v", own.Cancel()) })
	})
	done := make(chan struct{})
	x.CallLater(time.Millisecond, func() { close(done) })
	receive(t, done, "a timer")
	x.want("false")
}

func TestInLoop(t *testing.T) {
	x := newFixture(t)
	if x.InLoop() {
		t.Error("InLoop() on another goroutine")
	}
	x.on(func() { x.note("%v", x.InLoop()) })
	x.run(`setTimeout(() => note("timer " + inLoop()), 0)`, "inLoop", x.InLoop)
	x.run(`new Promise(resolve => setTimeout(resolve, 1)).then(() => note("reaction " + inLoop()))`)
	x.want("true", "timer true", "reaction true")

	pending := txaio.CreateFuture[int]()
	x.on(func() {
		if _, err := txaio.Await(t.Context(), pending); err != txaio.ErrAwaitOnLoop { //txaiovet:ignore the test is about Await on a loop
			t.Errorf("Await on the loop returned %v", err)
		}
	})
}

// A function that panics does not end the loop, whether Go or JavaScript called it.
func TestPanics(t *testing.T) {
	x := newFixture(t)
	x.CallSoon(func() { panic("in CallSoon") })
	x.want("handler in CallSoon")
	done := make(chan struct{})
	x.CallLater(0, func() { defer close(done); panic("in CallLater") })
	receive(t, done, "the timer")
	x.want("handler in CallLater")
	txaio.CallSoon(func() { panic("through txaio") })
	x.want("handler through txaio")
	bad := func() { panic("in a Go function") }
	wantError(t, js[int](x, `bad()`, "bad", bad), "in a Go function")
	x.run(`setTimeout(bad, 0); new Promise(resolve => setTimeout(resolve, 1))`, "bad", bad)
	x.want("handler in a Go function")
	x.CallSoon(func() { _, _ = goja.AssertFunction(nil); var vm *goja.Runtime; vm.ToValue(1) })
	x.on(func() {})
	x.mu.Lock()
	x.events = nil
	x.mu.Unlock()
	wantValue(t, js[int](x, `40 + 2`), 42)
	x.want()
}

// After a Go panic in a script, the queued reactions of promises still run.
func TestPanicKeepsReactions(t *testing.T) {
	x := newFixture(t)
	wantError(t, js[int](x, `Promise.resolve(1).then(v => note("reaction " + v)); bad()`,
		"bad", func() { panic("bad") }), "bad")
	x.want("reaction 1")
}

// The library's functions work on the loop, without JavaScript.
func TestLibraryOnLoop(t *testing.T) {
	x := newFixture(t)
	f := txaio.Go(func(context.Context) (int, error) { return 20, nil })
	wantValue(t, txaio.Then(f, func(v int) (string, error) {
		if txaio.UsingFuture && !x.InLoop() {
			t.Error("a callback does not run on the loop")
		}
		return fmt.Sprint(v + 1), nil
	}), "21")
	if _, err := await(t, txaio.Sleep(time.Millisecond)); err != nil {
		t.Error(err)
	}
	slow := txaio.AddTimeout(txaio.CreateFuture[int](), time.Millisecond)
	if _, err := await(t, slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, not a timeout", err)
	}
	timer := txaio.MakeBatchedTimer(2*time.Millisecond, 1)
	var done sync.WaitGroup
	done.Add(3)
	for i := range 3 {
		timer.CallLater(4*time.Millisecond, func() {
			if !x.InLoop() {
				t.Error("a batched call does not run on the loop")
			}
			x.note("call %d", i)
			done.Done()
		})
	}
	done.Wait()
	x.mu.Lock()
	slices.Sort(x.events) // they may be in two buckets
	x.mu.Unlock()
	x.want("call 0", "call 1", "call 2")
}

// JavaScript's and Go's timers share the loop.
func TestTimersInBoth(t *testing.T) {
	x := newFixture(t)
	long := txaio.Sleep(20 * time.Millisecond)
	x.run(`
		const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
		(async () => {
			note("start");
			await sleep(1);
			note("after JavaScript's timer");
			await goSleep(1);
			note("after Go's timer");
			await new Promise(resolve => setImmediate(resolve));
			let ticks = 0;
			await new Promise(resolve => {
				const ticker = setInterval(() => { if (++ticks == 3) { clearInterval(ticker); resolve(); } }, 1);
			});
			const never = setTimeout(() => note("never"), 1);
			clearTimeout(never);
			await sleep(2);
			note("ticks: " + ticks);
		})()`,
		"goSleep", func(ms int) goja.Value {
			return gojaloop.Promise(x.Loop, txaio.Sleep(time.Duration(ms)*time.Millisecond))
		})
	if _, err := await(t, long); err != nil {
		t.Error(err)
	}
	x.want("start", "after JavaScript's timer", "after Go's timer", "ticks: 3")
}

// Exceptions in timers go to the exception handler. (goja_nodejs drops them.)
func TestTimerExceptions(t *testing.T) {
	x := newFixture(t)
	x.run(`setTimeout(() => { throw new TypeError("late") }, 0);
		setImmediate(text => { throw text }, "thrown text");
		const ticker = setInterval(() => { clearInterval(ticker); throw new Error("tick") }, 1);
		new Promise(resolve => setTimeout(resolve, 20))`)
	x.mu.Lock()
	slices.Sort(x.events)
	x.mu.Unlock()
	x.want("handler Error: tick", "handler TypeError: late", "handler thrown text")
	wantError(t, js[int](x, `setTimeout(() => {}, {valueOf() { throw new Error("delay") }})`), "Error: delay")
	wantError(t, js[int](x, `setTimeout("no function")`), "TypeError: a timer needs a function")
	x.run(`clearTimeout(); clearTimeout(7); clearTimeout({}); clearImmediate(setImmediate(() => note("cleared")));
		setTimeout(() => note("never"), 1e300); setTimeout(() => note("at once"), NaN); setTimeout(() => note("then"), -1);
		new Promise(resolve => setTimeout(resolve, 2))`)
	x.want("at once", "then")
	x.want()
}

func TestClose(t *testing.T) {
	x := newFixture(t)
	never := js[int](x, `new Promise(() => {})`)
	chained := txaio.Then(never, func(v int) (int, error) { return v, nil })
	wait := txaio.Sleep(5 * time.Millisecond)
	x.run(`setInterval(() => {}, 1); setTimeout(() => note("a timer of JavaScript"), 3); 0`)
	x.Close()
	x.Close() // once more changes nothing
	for _, f := range []*txaio.Future[int]{chained, js[int](x, `1`)} {
		if _, err := await(t, f); !errors.Is(err, gojaloop.ErrClosed) {
			t.Errorf("failed with %v", err)
		}
	}
	if _, err := await(t, wait); err != nil {
		t.Errorf("Sleep failed: %v", err)
	}
	txaio.CallSoon(func() { x.note("CallSoon") })
	done := make(chan struct{})
	txaio.CallLater(time.Millisecond, func() { x.note("CallLater"); close(done) })
	receive(t, done, "a timer after Close")
	x.want("CallSoon", "CallLater")
	x.CallSoon(func() { panic("after Close") })
	x.want("handler after Close")
}

// Functions that are queued before Close still run, in order.
func TestCloseWithQueue(t *testing.T) {
	x := newFixture(t)
	x.on(func() {
		for i := range 3 {
			x.CallSoon(func() { x.note("%d", i) })
		}
		x.Close() // on the loop it does not wait
	})
	x.want("0", "1", "2")
}

func TestCloseInterrupts(t *testing.T) {
	x := newFixture(t)
	begun := make(chan struct{})
	f := js[int](x, `begun(); for (;;) {}`, "begun", func() { close(begun) })
	other := js[int](x, `1`) // is never called
	receive(t, begun, "the script")
	x.Close()
	for _, f := range []*txaio.Future[int]{f, other} {
		if _, err := await(t, f); !errors.Is(err, gojaloop.ErrClosed) {
			t.Errorf("failed with %v", err)
		}
	}
	x.want()
}

// A script may call Close, as in process.exit(). Nothing of the script runs after it.
func TestCloseFromJavaScript(t *testing.T) {
	x := newFixture(t)
	f := js[int](x, `Promise.resolve().then(() => note("a reaction")); exit(); note("after")`, "exit", x.Close)
	if _, err := await(t, f); !errors.Is(err, gojaloop.ErrClosed) {
		t.Errorf("failed with %v", err)
	}
	x.want()
}

// If something interrupts goja, JavaScript ends, and futures that wait for it fail with
// the reason.
func TestBrokenJavaScript(t *testing.T) {
	for _, test := range []struct {
		name, script, reason string
		handled              []string
	}{
		{"Goexit", `goexit()`, "runtime.Goexit", nil},
		{"Goexit in a timer", `setTimeout(goexit, 0)`, "runtime.Goexit", nil},
		{"panic in a reaction", `Promise.resolve().then(bad); 0`, "bad", nil},
		{"panic in a timer's reaction", `setTimeout(() => Promise.resolve().then(bad), 0)`, "bad", []string{"handler bad"}},
		{"Interrupt", `interrupt(); for (;;) {}`, "enough", nil},
		{"stack overflow", `(function f() { f() })()`, "stack overflow at f", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newFixture(t)
			never := js[int](x, `new Promise(() => {})`)
			x.on(func() {})
			f := gojaloop.Future[goja.Value](x.Loop, func(vm *goja.Runtime) (goja.Value, error) {
				vm.Set("bad", func() { panic("bad") })
				vm.Set("goexit", runtime.Goexit)
				vm.Set("interrupt", func() { vm.Interrupt("enough") })
				return vm.RunString(test.script)
			})
			_, _ = await(t, f)
			err := wantError(t, never, test.reason)
			if !errors.Is(err, gojaloop.ErrClosed) {
				t.Errorf("failed with %v", err)
			}
			x.CallSoon(func() { x.note("goes on") })
			x.want(append(test.handled, "goes on")...)
		})
	}
}

func TestMisuse(t *testing.T) {
	x := newFixture(t)
	for name, call := range map[string]func(){
		"CallSoon nil":     func() { x.CallSoon(nil) },
		"CallLater nil":    func() { x.CallLater(0, nil) },
		"Future nil":       func() { gojaloop.Future[int](x.Loop, nil) },
		"Promise off loop": func() { gojaloop.Promise(x.Loop, txaio.CreateFuture[int]()) },
	} {
		if err, is := panicOf(call).(error); !is {
			t.Errorf("%s: did not panic with an error", name)
		} else {
			x.note("%v", err)
		}
	}
	x.on(func() {
		if panicOf(func() { gojaloop.Promise[int](x.Loop, nil) }) == nil {
			t.Error("Promise of nil did not panic")
		}
	})
}

// Without a handler, failures are errors in the log, with JavaScript's stack.
func TestDefaultHandler(t *testing.T) {
	log := testutil.CaptureLog(t)
	loop := gojaloop.New()
	defer loop.Close()
	f := gojaloop.Future[int](loop, func(vm *goja.Runtime) (goja.Value, error) {
		return vm.RunScript("app.js", `function fetchAll() { throw new Error("no network") }
			setTimeout(() => fetchAll(), 0);
			new Promise(resolve => setTimeout(resolve, 10))`)
	})
	if _, err := await(t, f); err != nil {
		t.Fatal(err)
	}
	loop.CallSoon(func() { panic("bad") })
	done := make(chan struct{})
	loop.CallSoon(func() { close(done) })
	receive(t, done, "the loop")
	text := ""
	for _, entry := range log.Entries() {
		text += entry.Message + "\n"
	}
	for _, want := range []string{"Unhandled error in JavaScript", "Error: no network", "fetchAll (app.js:1", "Unhandled error in event loop", "bad"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not have %q:\n%s", want, text)
		}
	}
}

// wantLogged collects garbage until the library logs a text.
func wantLogged(t *testing.T, want string) {
	t.Helper()
	log := testutil.CaptureLog(t)
	for end := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		runtime.GC()
		for _, entry := range log.Entries() {
			if strings.Contains(entry.Message, want) {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%q is not logged", want)
		}
	}
}
