//go:build (deferred || future) && js && wasm

package browserloop_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/browserloop"
)

func TestFunctionsRunInOrderAndLater(t *testing.T) {
	var events []string
	note := func(event string) func() { return func() { events = append(events, event) } }
	loop.CallSoon(func() {
		events = append(events, "1")
		loop.CallSoon(note("3"))
		events = append(events, "1 returns")
	})
	loop.CallSoon(note("2"))
	events = append(events, "queued")
	flush()
	flush()
	want(t, events, "queued", "1", "1 returns", "2", "3")
}

func TestTimersRunInTheOrderInWhichTheyAreDue(t *testing.T) {
	var events []string
	done := make(chan struct{})
	start := loop.Now()
	for i, delay := range []time.Duration{
		90 * time.Millisecond, 60 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond, 0, -time.Hour, math.MinInt64,
	} {
		loop.CallLater(delay, func() {
			events = append(events, fmt.Sprint(i))
			if passed := loop.Now().Sub(start); passed < delay {
				t.Errorf("%v after %v", delay, passed)
			}
			if i == 0 {
				close(done)
			}
		})
	}
	<-done
	want(t, events, "4", "5", "6", "2", "1", "3", "0")
}

// Delays that are too long for setTimeout work, and do not end at once.
func TestLongDelays(t *testing.T) {
	for _, delay := range []time.Duration{30 * 24 * time.Hour, math.MaxInt64} {
		call := loop.CallLater(delay, func() { t.Errorf("ran a function that is due in %v", delay) })
		time.Sleep(5 * time.Millisecond) // the page's timers fire
		if !call.Cancel() {
			t.Error("Cancel returned false")
		}
	}
}

func TestCancelTimers(t *testing.T) {
	var events []string
	note := func(event string) func() { return func() { events = append(events, event) } }
	var second txaio.DelayedCall
	first := loop.CallLater(0, func() {
		events = append(events, "first")
		if !second.Cancel() || second.Cancel() {
			t.Error("of two that are due the second can't be cancelled, or twice")
		}
	})
	second = loop.CallLater(0, note("second"))
	done := make(chan struct{})
	earlier := loop.CallLater(time.Millisecond, note("earlier"))
	later := loop.CallLater(2*time.Millisecond, func() {
		events = append(events, "later")
		close(done)
	})
	earlier.Cancel()
	<-done
	if first.Cancel() || later.Cancel() {
		t.Error("what has run can be cancelled")
	}
	want(t, events, "first", "later")
}

// The page's tasks and timers run even if functions queue themselves again and again.
func TestThePageGetsItsTurn(t *testing.T) {
	for name, again := range map[string]func(fn func()){
		"CallSoon":    loop.CallSoon,
		"zero delays": func(fn func()) { loop.CallLater(0, fn) },
	} {
		t.Run(name, func(t *testing.T) {
			var stopped bool
			turns := 0
			var renew func()
			renew = func() {
				if turns++; !stopped {
					again(renew)
				}
			}
			again(renew)
			if _, err := await(t, browserloop.FromPromise[any](eval(`new Promise(resolve => setTimeout(resolve, 20))`))); err != nil {
				t.Fatal(err)
			}
			stopped = true
			flush()
			if turns < 2 {
				t.Errorf("%d turns in 20 ms", turns)
			}
		})
	}
}

// The page also runs while the loop has a long queue.
func TestTurnsAreShort(t *testing.T) {
	for range 20 {
		loop.CallSoon(func() {
			for end := time.Now().Add(5 * time.Millisecond); time.Now().Before(end); {
			}
		})
	}
	var page, ran int
	tick := js.FuncOf(func(js.Value, []js.Value) any { page++; return nil })
	interval := js.Global().Call("setInterval", tick, 1)
	loop.CallSoon(func() { ran++ })
	flush()
	js.Global().Call("clearInterval", interval)
	if page < 5 || ran != 1 {
		t.Errorf("the page had %d turns meanwhile", page)
	}
}

func TestFunctionsThatPanicOrExit(t *testing.T) {
	got := reported(func() {
		loop.CallSoon(func() { panic("one") })
		loop.CallLater(0, func() { panic(errors.New("two")) })
		loop.CallSoon(func() { runtime.Goexit() })
		loop.CallSoon(func() { eval("null.property") })
		txaio.CallSoon(func() { panic("from txaio") })
	})
	slices.Sort(got)
	for i, want := range []string{"JavaScript error: Cannot read properties of null", "from txaio", "one", "two"} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Fatalf("reported %q", got)
		}
	}
}

// Without reportError the page's console gets the error, with its traceback.
func TestFailuresOnTheConsole(t *testing.T) {
	console := js.Global().Get("console")
	original := console.Get("error")
	defer console.Set("error", original)
	var stack string
	log := js.FuncOf(func(_ js.Value, args []js.Value) any { stack = args[0].Get("stack").String(); return nil })
	defer log.Release()
	console.Set("error", log)
	loop.CallSoon(func() { panics() })
	flush()
	if !strings.Contains(stack, "browserloop_test.panics") || !strings.Contains(stack, "on purpose") {
		t.Errorf("the console shows %q", stack)
	}
}

func panics() { panic("on purpose") }

// A function that blocks holds up the loop, and not the page.
func TestAFunctionThatBlocks(t *testing.T) {
	var events []string
	elapsed := make(chan struct{})
	fire := js.FuncOf(func(js.Value, []js.Value) any { close(elapsed); return nil })
	defer fire.Release()
	loop.CallSoon(func() {
		js.Global().Call("setTimeout", fire, 5)
		<-elapsed
		events = append(events, "the page's timer")
	})
	loop.CallSoon(func() { events = append(events, "the next function") })
	flush()
	want(t, events, "the page's timer", "the next function")
}

// Await refuses to block the loop or JavaScript.
func TestAwaitOnTheLoop(t *testing.T) {
	pending := txaio.CreateFuture[int]()
	ask := func() error {
		_, err := txaio.Await(context.Background(), pending)
		return err
	}
	var onLoop, inCallback, deep error
	loop.CallSoon(func() { onLoop = ask() })
	callback := js.FuncOf(func(js.Value, []js.Value) any { inCallback = ask(); return nil })
	defer callback.Release()
	callback.Invoke()
	var descend func(depth int)
	descend = func(depth int) {
		if depth == 0 {
			deep = ask()
			return
		}
		descend(depth - 1)
	}
	loop.CallSoon(func() { descend(200) })
	flush()
	if onLoop != txaio.ErrAwaitOnLoop || inCallback != txaio.ErrAwaitOnLoop || deep != txaio.ErrAwaitOnLoop {
		t.Errorf("got %v, %v, %v", onLoop, inCallback, deep)
	}
	if loop.InLoop() {
		t.Error("a goroutine that runs nothing of the loop's is on the loop")
	}
	_ = txaio.Resolve(pending, 1)
}

func TestNow(t *testing.T) {
	if difference := time.Since(loop.Now()); difference.Abs() > time.Second {
		t.Errorf("%v off", difference)
	}
	before := loop.Now()
	for after := before; !after.After(before); after = loop.Now() {
		if after.Sub(before) > time.Millisecond {
			t.Error("it counts in milliseconds")
		}
	}
}

// When the page is left for good, nothing stays pending, and no function is lost
// silently.
func TestThePageIsLeft(t *testing.T) {
	window := js.Global().Get("EventTarget").New() // Node.js has no window
	js.Global().Set("addEventListener", window.Get("addEventListener").Call("bind", window))
	defer js.Global().Delete("addEventListener")
	leave := func(persisted bool) {
		event := js.Global().Get("Event").New("pagehide")
		event.Set("persisted", persisted)
		window.Call("dispatchEvent", event)
	}
	own := browserloop.New()
	defer txaio.SetLoop(txaio.SetLoop(own))
	f := browserloop.FromPromise[int](eval("new Promise(() => {})"))
	var failed error
	txaio.Watch(f, nil, func(fail *txaio.Failure) { failed = fail.Value() })
	pending := txaio.CreateFuture[int]()
	rejected := browserloop.ToPromise(pending).Call("catch", eval("error => error.message"))
	ran := false
	own.CallLater(time.Hour, func() { t.Error("a timer that isn't due has run") })

	leave(true) // and comes back
	own.CallSoon(func() { ran = true })
	flush()
	flush()
	if !ran || failed != nil {
		t.Fatalf("%v, %v on a page that came back", ran, failed)
	}

	ran = false
	own.CallSoon(func() { own.CallSoon(func() { ran = true }) })
	leave(false)
	if !ran || failed != browserloop.ErrPageGone {
		t.Errorf("%v, the future failed with %v", ran, failed)
	}
	txaio.SetLoop(loop)
	if got, err := await(t, browserloop.FromPromise[string](rejected)); got != browserloop.ErrPageGone.Error() {
		t.Errorf("the promise came to %v, %v", got, err)
	}
	runtime.KeepAlive(pending)

	time.Sleep(250 * time.Millisecond)
	got := reported(func() {
		own.CallSoon(func() { t.Error("runs on a page that is gone") })
		if own.CallLater(0, func() { t.Error("runs on a page that is gone") }).Cancel() {
			t.Error("it was to run")
		}
	})
	want(t, got, browserloop.ErrPageGone.Error()+", and a function given to CallSoon won't run",
		browserloop.ErrPageGone.Error()+", and a function given to CallLater won't run")
}
