//go:build deferred || future

package testutil_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// events is a list of events, each with the loop's time.
type events struct {
	loop *testutil.TestLoop
	list []string
}

func newEvents(t *testing.T, opts ...txaio.LoopOption) *events {
	loop := testutil.NewTestLoop(opts...)
	t.Cleanup(testutil.ReplaceLoop(loop))
	return &events{loop: loop}
}

func (e *events) note(name string) func() {
	return func() { e.list = append(e.list, fmt.Sprintf("%s@%v", name, e.elapsed())) }
}

func (e *events) elapsed() time.Duration { return e.loop.Now().Sub(time.Unix(0, 0)) }

func (e *events) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(e.list, want) {
		t.Errorf("what happened:\n got %q\nwant %q", e.list, want)
	}
}

func TestTestLoopBeginsAtTheEpoch(t *testing.T) {
	loop := testutil.NewTestLoop()
	if now := loop.Now(); !now.Equal(time.Unix(0, 0)) || now.Location() != time.UTC {
		t.Errorf("the loop begins at %v", now)
	}
	if loop.Clock() == nil || loop.Clock().Now() != loop.Now() {
		t.Error("Clock is not the loop's clock")
	}
	clock := clockwork.NewFakeClockAt(time.Unix(1000, 0))
	if loop := testutil.NewTestLoop(txaio.WithClock(clock)); loop.Clock() != clock {
		t.Error("WithClock is ignored")
	}
}

func TestTestLoopNeedsAFakeClock(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewTestLoop took a clock that nobody can advance")
		}
	}()
	testutil.NewTestLoop(txaio.WithClock(clockwork.NewRealClock()))
}

func TestAdvanceRunsEverythingInItsOrder(t *testing.T) {
	e := newEvents(t)
	e.loop.CallLater(3*time.Second, e.note("3"))
	e.loop.CallLater(time.Second, func() {
		e.note("1")()
		e.loop.CallSoon(e.note("soon"))
		e.loop.CallLater(0, e.note("now"))
		e.loop.CallLater(time.Second, func() {
			e.note("1+1")()
			e.loop.CallLater(8*time.Second, e.note("1+1+8"))
			e.loop.CallLater(8*time.Second+1, e.note("too late"))
		})
	})
	e.loop.CallSoon(e.note("first"))
	e.expect(t)
	e.loop.Advance(10 * time.Second)
	e.expect(t, "first@0s", "1@1s", "soon@1s", "now@1s", "1+1@2s", "3@3s", "1+1+8@10s")
	if e.elapsed() != 10*time.Second {
		t.Errorf("Advance ended at %v", e.elapsed())
	}
	e.loop.Advance(1)
	if len(e.list) != 8 || e.elapsed() != 10*time.Second+1 {
		t.Errorf("at %v: %q", e.elapsed(), e.list)
	}
	e.loop.Advance(1234567 * time.Microsecond)
	if want := 10*time.Second + 1 + 1234567*time.Microsecond; e.elapsed() != want {
		t.Errorf("Advance ended at %v, not %v", e.elapsed(), want)
	}
}

// A function sees the time for which it was set, even if it was set during
// Advance. Twisted's Clock.advance moves the clock to the end first.
func TestAdvanceMovesTheClockTimerByTimer(t *testing.T) {
	e := newEvents(t)
	e.loop.CallLater(time.Second, func() {
		e.note("1s")()
		e.loop.CallLater(time.Second, e.note("1s after that"))
	})
	e.loop.CallLater(5*time.Second, e.note("5s"))
	e.loop.Advance(10 * time.Second)
	e.expect(t, "1s@1s", "1s after that@2s", "5s@5s")
}

func TestAdvanceRunsFutures(t *testing.T) {
	e := newEvents(t)
	f := txaio.Sleep(5 * time.Second)
	txaio.AddCallbacks(f, func(v struct{}) (struct{}, error) { e.note("slept")(); return v, nil }, nil)
	e.loop.Advance(4 * time.Second)
	e.expect(t)
	e.loop.Advance(4 * time.Second)
	e.expect(t, "slept@5s")
}

// If the clock itself was moved, timers that are now due run at the clock's time.
// It never goes back.
func TestAdvanceAfterTheClockWasMoved(t *testing.T) {
	e := newEvents(t)
	e.loop.CallLater(time.Second, e.note("1"))
	e.loop.CallLater(2*time.Second, e.note("2"))
	e.loop.Clock().Advance(5 * time.Second)
	e.expect(t)
	e.loop.Advance(time.Second)
	e.expect(t, "1@5s", "2@5s")
	if e.elapsed() != 6*time.Second {
		t.Errorf("Advance ended at %v", e.elapsed())
	}
	f := txaio.Sleep(time.Second)
	e.loop.Clock().Advance(5 * time.Second)
	if _, err := testutil.Await(t, f); err != nil || e.elapsed() != 11*time.Second {
		t.Errorf("Await returned %v at %v", err, e.elapsed())
	}
}

func TestAdvanceBackPanics(t *testing.T) {
	e := newEvents(t)
	defer func() {
		if recover() == nil {
			t.Error("Advance went back in time")
		}
		e.loop.Advance(time.Second) // the loop still works
	}()
	e.loop.Advance(-1)
}

func TestAdvanceToTheEndOfTime(t *testing.T) {
	e := newEvents(t)
	if _, err := testutil.Await(t, txaio.Sleep(math.MaxInt64)); err != nil {
		t.Error(err)
	}
	e.loop.Advance(math.MaxInt64)
	if _, err := testutil.Await(t, txaio.Sleep(time.Second)); err != nil {
		t.Error(err)
	}
	e.loop.RunUntilIdle()
}

func TestRunOnceRunsOneTurn(t *testing.T) {
	e := newEvents(t)
	e.loop.CallSoon(func() {
		e.note("1st turn")()
		e.loop.CallSoon(func() {
			e.note("2nd turn")()
			e.loop.CallSoon(e.note("3rd turn"))
		})
		e.loop.CallLater(0, e.note("timer"))
	})
	e.loop.RunOnce()
	e.expect(t, "1st turn@0s")
	e.loop.RunOnce()
	e.expect(t, "1st turn@0s", "2nd turn@0s", "timer@0s")
	e.loop.RunOnce()
	e.loop.RunOnce()
	e.expect(t, "1st turn@0s", "2nd turn@0s", "timer@0s", "3rd turn@0s")
}

func TestRunUntilIdle(t *testing.T) {
	e := newEvents(t)
	left := 100
	var again func()
	again = func() {
		if left--; left > 0 {
			e.loop.CallSoon(again)
		} else {
			e.note("last")()
		}
	}
	e.loop.CallSoon(again)
	e.loop.CallLater(time.Second, e.note("later"))
	e.loop.RunUntilIdle()
	e.expect(t, "last@0s")
	if e.elapsed() != 0 {
		t.Errorf("RunUntilIdle moved the clock to %v", e.elapsed())
	}
	// A timer that is due waits for a turn in asyncio, and is ready in Twisted.
	e.list = nil
	e.loop.CallLater(0, e.note("due"))
	e.loop.RunUntilIdle()
	if txaio.UsingFuture {
		e.expect(t)
		e.loop.RunOnce()
	}
	e.expect(t, "due@0s")
}

// A test loop runs nothing by itself, whatever other goroutines add.
func TestTestLoopRunsOnlyWhenTold(t *testing.T) {
	e := newEvents(t)
	e.loop.CallLater(time.Hour, e.note("later"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.loop.Clock().BlockUntilContext(ended, 1); err == nil {
		t.Error("something waits for the clock")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.loop.CallSoon(e.note("soon"))
		e.loop.CallLater(0, e.note("timer"))
	}()
	<-done
	e.expect(t)
	e.loop.Advance(0)
	e.expect(t, "soon@0s", "timer@0s")
}

func TestTestLoopHasOneDriver(t *testing.T) {
	e := newEvents(t)
	drivers := map[string]func(){
		"RunOnce":      e.loop.RunOnce,
		"RunUntilIdle": e.loop.RunUntilIdle,
		"Advance":      func() { e.loop.Advance(time.Second) },
		"Await":        func() { testutil.Await(t, txaio.CreateFuture[int]()) },
	}
	for name, drive := range drivers {
		mustPanicWithUsage := func() {
			err, _ := recover().(error)
			if usage := (*txaio.UsageError)(nil); !errors.As(err, &usage) {
				t.Errorf("%s inside the loop panicked with %v, not a *UsageError", name, err)
			}
		}
		e.loop.CallSoon(func() {
			defer mustPanicWithUsage()
			drive()
		})
		e.loop.RunOnce()

		// From another goroutine.
		e.loop.CallSoon(func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer mustPanicWithUsage()
				drive()
			}()
			<-done
		})
		e.loop.RunOnce()
	}
	var usage *txaio.UsageError
	if err := e.loop.Run(t.Context()); !errors.As(err, &usage) {
		t.Errorf("Run returned %v", err)
	}
	if err := e.loop.RunUntilComplete(txaio.CreateFuture[int]()); !errors.As(err, &usage) {
		t.Errorf("RunUntilComplete returned %v", err)
	}
}

// A panic in the loop goes to its handler. If a function ends the goroutine, the
// other functions run later.
func TestTestLoopGoesOn(t *testing.T) {
	var fails []string
	e := newEvents(t, txaio.WithExceptionHandler(func(fail *txaio.Failure) { fails = append(fails, fail.Error()) }))
	e.loop.CallSoon(func() { panic("on purpose") })
	e.loop.CallSoon(e.note("1"))
	e.loop.RunOnce()
	e.expect(t, "1@0s")
	if !slices.Equal(fails, []string{"on purpose"}) {
		t.Errorf("the handler got %q", fails)
	}

	e.loop.CallSoon(func() { new(fakeTB).FailNow() })
	e.loop.CallSoon(e.note("2"))
	e.loop.CallSoon(e.note("3"))
	if new(fakeTB).run(func(testing.TB) { e.loop.Advance(time.Second) }) {
		t.Error("FailNow inside the loop did not end the goroutine")
	}
	e.expect(t, "1@0s")
	e.loop.RunUntilIdle()
	e.expect(t, "1@0s", "2@0s", "3@0s")
}

func TestAwait(t *testing.T) {
	e := newEvents(t)
	if value, err := testutil.Await(t, txaio.CreateFutureSuccess(42)); value != 42 || err != nil {
		t.Errorf("Await returned %d, %v", value, err)
	}

	boom := errors.New("boom")
	_, err := testutil.Await(t, txaio.CreateFutureError[int](boom))
	if fail := (*txaio.Failure)(nil); !errors.As(err, &fail) || !errors.Is(err, boom) {
		t.Errorf("Await returned %v, not the failure", err)
	}

	cancelled := txaio.CreateFuture[int]()
	txaio.Cancel(cancelled) // not to be taken for the end of Await's own context
	if _, err := testutil.Await(t, cancelled); !errors.Is(err, txaio.ErrCancelled) {
		t.Errorf("Await returned %v, not that the future was cancelled", err)
	}

	f := txaio.CreateFuture[string]()
	var tick func()
	ticks := 0
	tick = func() {
		if ticks++; ticks < 500 {
			txaio.CallLater(time.Second, tick)
		} else if err := txaio.Resolve(f, "done"); err != nil {
			t.Error(err)
		}
	}
	txaio.CallLater(time.Second, tick)
	txaio.CallLater(time.Hour, e.note("an hour"))
	called := false
	txaio.AddCallbacks(f, func(v string) (string, error) { called = true; return v, nil }, nil)
	value, err := testutil.Await(t, f)
	if value != "done" || err != nil || !called {
		t.Errorf("Await returned %q, %v; the callback was called: %t", value, err, called)
	}
	if e.elapsed() != 500*time.Second {
		t.Errorf("Await moved the clock to %v", e.elapsed())
	}
	e.expect(t)
}

func TestAwaitFailsTheTest(t *testing.T) {
	e := newEvents(t)
	pending := txaio.CreateFuture[int]()
	await := func(tb testing.TB) { testutil.Await(tb, pending) }

	tb := new(fakeTB)
	if tb.run(await) || !strings.Contains(tb.message, "never be settled") {
		t.Errorf("a future that nothing settles: %q", tb.message)
	}
	e.loop.CallLater(time.Second, e.note("timer"))
	tb = new(fakeTB)
	if tb.run(await) || tb.message == "" {
		t.Error("Await returned though the last timer had run")
	}
	e.expect(t, "timer@1s")

	var forever func()
	forever = func() { e.loop.CallLater(time.Second, forever) }
	forever()
	tb = new(fakeTB)
	began := e.elapsed()
	if tb.run(await) || !strings.Contains(tb.message, "100000 timers") {
		t.Errorf("a future that a timer without end does not settle: %q", tb.message)
	}
	if took := e.elapsed() - began; took != 100_000*time.Second {
		t.Errorf("Await gave up after %v", took)
	}

	defer testutil.ReplaceLoop(txaio.NewLoop())()
	tb = new(fakeTB)
	if tb.run(await) || !strings.Contains(tb.message, "*txaio.Loop") {
		t.Errorf("the current loop no TestLoop: %q", tb.message)
	}
}

// If work renews itself at one instant, the panic or failure names it, whichever
// method runs the loop.
func TestWorkThatRenewsItself(t *testing.T) {
	var e *events
	for name, begin := range map[string]func(){
		"CallSoon":  renewSoon,
		"CallLater": renewLater,
		"callbacks": func() { _, _ = renewCallback(1) },
	} {
		for drive, run := range map[string]func(tb testing.TB){
			"Advance":      func(testing.TB) { e.loop.Advance(time.Second) },
			"RunUntilIdle": func(testing.TB) { e.loop.RunUntilIdle() },
			"Await":        func(tb testing.TB) { testutil.Await(tb, txaio.CreateFuture[int]()) },
		} {
			if name == "CallLater" && drive == "RunUntilIdle" && txaio.UsingFuture {
				continue // runs no timer by itself
			}
			t.Run(name+" in "+drive, func(t *testing.T) {
				e = newEvents(t)
				begin()
				tb := new(fakeTB)
				tb.run(func(testing.TB) {
					defer func() {
						if err, is := recover().(*txaio.UsageError); is {
							tb.message = err.Error()
						}
					}()
					run(tb)
				})
				if !strings.Contains(tb.message, "100000 turns") || !strings.Contains(tb.message, "testutil_test.renew") {
					t.Errorf("the fault: %q", tb.message)
				}
				if e.elapsed() != 0 {
					t.Errorf("the clock was moved to %v", e.elapsed())
				}
			})
		}
	}
	t.Run("ends in time", func(t *testing.T) {
		e = newEvents(t)
		left := 0
		var again func()
		again = func() {
			if left--; left > 0 {
				txaio.CallSoon(again)
			}
		}
		begin := func(turns int) {
			left = turns
			txaio.CallSoon(again)
		}
		begin(100_000)
		e.loop.CallLater(time.Second, func() { // each instant has the full number of turns
			if left != 0 {
				t.Errorf("%d turns are left", left)
			}
			begin(99_999)
		})
		e.loop.Advance(time.Second)
		if left != 0 {
			t.Errorf("%d turns are left", left)
		}
	})
}

func renewSoon()  { txaio.CallSoon(renewSoon) }
func renewLater() { txaio.CallLater(0, renewLater) }

// renewCallback is the callback of a future that is settled on the loop, and then
// of another one.
func renewCallback(v int) (int, error) {
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, renewCallback, nil)
	txaio.CallSoon(func() { _ = txaio.Resolve(f, v) })
	return v, nil
}

// fakeTB is a test that may fail.
type fakeTB struct {
	testing.TB
	message string
}

// run reports whether test returned. Otherwise it ended its goroutine.
func (tb *fakeTB) run(test func(testing.TB)) (returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(tb)
		returned = true
	}()
	<-done
	return returned
}

func (tb *fakeTB) Helper() {}

func (tb *fakeTB) Fatal(args ...any) {
	tb.message = fmt.Sprint(args...)
	tb.FailNow()
}

func (tb *fakeTB) Fatalf(format string, args ...any) { tb.Fatal(fmt.Sprintf(format, args...)) }

func (tb *fakeTB) FailNow() { runtime.Goexit() }

func TestUseLoop(t *testing.T) {
	defer testutil.ReplaceLoop(txaio.NewLoop())()
	before := txaio.CurrentLoop()
	t.Run("inside", func(t *testing.T) {
		clock := clockwork.NewFakeClockAt(time.Unix(1000, 0))
		loop := testutil.UseLoop(t, txaio.WithClock(clock))
		if txaio.CurrentLoop() != txaio.EventLoop(loop) || loop.Clock() != clock {
			t.Error("it is not the current loop, or the option is ignored")
		}
	})
	if txaio.CurrentLoop() != before {
		t.Error("the loop is not put back")
	}
}

// parallelTB behaves as a parallel test: its Setenv panics.
type parallelTB struct {
	testing.TB
	failed string
}

func (p *parallelTB) Helper() {}
func (p *parallelTB) Setenv(string, string) {
	panic("testing: test using t.Setenv or t.Chdir can not use t.Parallel")
}
func (p *parallelTB) Fatal(args ...any) {
	p.failed = fmt.Sprint(args...)
	runtime.Goexit()
}

func TestUseLoopInAParallelTest(t *testing.T) {
	before, p, done := txaio.CurrentLoop(), &parallelTB{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		testutil.UseLoop(p)
		t.Error("UseLoop goes on")
	}()
	<-done
	if !strings.Contains(p.failed, "parallel") || txaio.CurrentLoop() != before {
		t.Errorf("it failed with %q", p.failed)
	}
	t.Run("a real one", func(t *testing.T) {
		t.Parallel()
		defer func() {
			if recover() == nil {
				t.Error("Setenv may be called in a parallel test")
			}
		}()
		t.Setenv("TXAIO_TESTUTIL_LOOP", "in use")
	})
}
