// Package testutil helps to test code that uses txaio. It has a loop that runs
// only when a test tells it to, on a clock that moves only when a test tells it
// to, so that tests neither sleep nor race:
//
//	loop := testutil.UseLoop(t)
//	f := txaio.AddTimeout(txaio.CreateFuture[string](), 5*time.Second)
//	loop.Advance(10 * time.Second) // everything that had to run has run
//
// [Await] runs the loop until a future is settled, and [CaptureLog] collects what
// the code under test logs.
//
// Code that starts goroutines of its own is tested in a bubble of
// testing/synctest, which knows when they have nothing left to do. If they do not
// look at the time, such as the reader and the writer of a connection, use
// [TestLoop.Wait]:
//
//	synctest.Test(t, func(t *testing.T) {
//		loop := testutil.UseLoop(t)
//		f := txaio.Go(work)
//		loop.Wait() // the loop and the goroutines have nothing left to do
//		if !f.IsCalled() {
//			t.Error("pending")
//		}
//	})
//
// If they do, make an ordinary loop in the bubble, whose clock is then the
// bubble's, and use txaio.Await:
//
//	synctest.Test(t, func(t *testing.T) {
//		defer testutil.ReplaceLoop(txaio.NewLoop())()
//		result, err := txaio.Await(t.Context(), txaio.AddTimeout(txaio.Go(work), 10*time.Second))
//		if result != 42 || err != nil {
//			t.Errorf("%d, %v", result, err)
//		}
//	})
package testutil

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
)

// A TestLoop is a loop that runs only inside Advance, RunOnce, RunUntilIdle,
// Wait and [Await], on the goroutine that calls them. When they return,
// everything that had to run has run. Other goroutines may queue functions at
// any time; those wait. If two calls drive the loop at once, or a function
// that the loop runs calls one of them, they panic with a [*txaio.UsageError].
//
// It is Twisted's task.Clock. If a function that the loop runs calls testing's
// FailNow, the test ends, as it does outside the loop.
type TestLoop struct {
	*txaio.ManualLoop
	clock *clockwork.FakeClock
}

// NewTestLoop returns a loop on a clockwork.FakeClock that starts at the Unix
// epoch. The option WithClock gives it another FakeClock. It panics if the
// clock is of another type.
func NewTestLoop(opts ...txaio.LoopOption) *TestLoop {
	epoch := txaio.WithClock(clockwork.NewFakeClockAt(time.Unix(0, 0).UTC()))
	loop := txaio.NewManualLoop(append([]txaio.LoopOption{epoch}, opts...)...)
	clock, ok := loop.Clock().(*clockwork.FakeClock)
	if !ok {
		panic(fmt.Sprintf("testutil: NewTestLoop needs a *clockwork.FakeClock, and was given a %T", loop.Clock()))
	}
	return &TestLoop{loop, clock}
}

// Clock returns the loop's clock. Moving it runs nothing; the next call of
// Advance, RunOnce or RunUntilIdle does that.
func (l *TestLoop) Clock() *clockwork.FakeClock { return l.clock }

// RunOnce runs one turn of the loop: timers that are due join the queue, and
// then everything in the queue at that moment runs.
func (l *TestLoop) RunOnce() { l.ManualLoop.RunOnce() }

// RunUntilIdle runs turns until nothing is ready. The clock does not move. If
// work renews itself for 100,000 turns, it panics with a [*txaio.UsageError]
// that names the function.
//
// On the deferred backend, timers that are due count as ready. On the future
// backend they join the queue only when a turn begins, as in asyncio: if the
// queue is empty, RunOnce and Advance run them, and RunUntilIdle does not.
func (l *TestLoop) RunUntilIdle() { must(l.runUntilIdle(new(instant))) }

// Wait runs the loop until neither it nor another goroutine of the bubble has
// anything left to do. No clock moves. It panics as RunUntilIdle does, also if the
// loop and a goroutine keep each other at work. Call it in a bubble of
// testing/synctest.
func (l *TestLoop) Wait() {
	at := new(instant)
	for synctest.Wait(); l.Ready(); synctest.Wait() {
		must(l.runUntilIdle(at))
	}
}

// Advance moves the clock forward by d, timer by timer. It first runs what is
// ready. Then it moves the clock to the next timer, runs that and what it
// makes ready, and so on. It panics if d is negative. If work renews itself
// for 100,000 turns at one instant, it panics with a [*txaio.UsageError] that
// names the function.
//
// Twisted's Clock.advance moves the clock at once, so functions see the time
// at the end there.
func (l *TestLoop) Advance(d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("testutil: Advance cannot go back in time, and was given %v", d))
	}
	end := l.clock.Now().Add(d)
	at := new(instant)
	for ran := true; ran; {
		must(l.runUntilIdle(at))
		var err error
		ran, err = l.runTimer(at, l.clock.Until(end))
		must(err)
	}
	l.clock.Advance(l.clock.Until(end))
}

// maxTurns is the number of turns that may run at one instant.
const maxTurns = 100_000

// An instant counts the turns that run at one time of the clock.
type instant struct {
	time  time.Time
	turns int
}

// turn runs one turn, or returns an error if that is one too many.
func (l *TestLoop) turn(at *instant) error {
	if now := l.clock.Now(); !now.Equal(at.time) {
		*at = instant{time: now}
	}
	if at.turns++; at.turns > maxTurns {
		return l.Runaway(maxTurns)
	}
	l.RunOnce()
	return nil
}

func (l *TestLoop) runUntilIdle(at *instant) error {
	for l.Ready() {
		if err := l.turn(at); err != nil {
			return err
		}
	}
	return nil
}

// runTimer moves the clock to the next timer and runs it, if there is one
// within limit.
func (l *TestLoop) runTimer(at *instant, limit time.Duration) (ran bool, err error) {
	delay, ok := l.NextTimer()
	if !ok || delay > limit {
		return false, nil
	}
	l.clock.Advance(max(delay, 0)) // it is due already if Clock was moved
	return true, l.turn(at)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// ReplaceLoop makes loop the current loop. It returns a function that restores
// the previous one:
//
//	defer testutil.ReplaceLoop(loop)()
//
// Don't forget the last pair of parentheses. Without them, the loop is
// replaced when the function ends, and never restored. In tests, [UseLoop]
// avoids that mistake.
func ReplaceLoop(loop txaio.EventLoop) (restore func()) {
	mustHaveBackend()
	previous := txaio.SetLoop(loop)
	return func() { txaio.SetLoop(previous) }
}

// mustHaveBackend panics in a build without a backend.
func mustHaveBackend() {
	if !txaio.UsingDeferred && !txaio.UsingFuture {
		panic(txaio.ErrNoBackend)
	}
}

// UseLoop makes a new [TestLoop] the current loop until the test ends. It
// fails a parallel test, because the current loop is the whole program's. A
// test that has called it cannot become parallel: Parallel panics, as it does
// after Setenv.
func UseLoop(tb testing.TB, opts ...txaio.LoopOption) *TestLoop {
	tb.Helper()
	loop := NewTestLoop(opts...)
	mustNotBeParallel(tb)
	tb.Cleanup(ReplaceLoop(loop))
	return loop
}

// mustNotBeParallel sets an environment variable that nobody reads, because tb
// knows whether the test may do that.
func mustNotBeParallel(tb testing.TB) {
	tb.Helper()
	defer func() {
		if recover() != nil {
			tb.Helper()
			tb.Fatal("testutil.UseLoop: a parallel test cannot have the current loop, which is the whole program's; do not call Parallel, or give the code under test a loop of its own (txaio.WithConfig)")
		}
	}()
	tb.Setenv("TXAIO_TESTUTIL_LOOP", "in use")
}

// maxSteps is how often Await moves the clock to a timer. It is enough for a
// timer every second for a day.
const maxSteps = 100_000

// Await runs the current loop, which must be a [*TestLoop], until f is settled
// and its callbacks so far have run. It moves the clock from timer to timer as
// far as necessary, and returns what [txaio.Await] returns.
//
// If f will never be settled, Await fails and ends the test. That is so if
// nothing is left to run and no timer is set, if the clock has moved 100,000
// times, or if work renews itself for 100,000 turns at one instant.
//
// Await does not wait for other goroutines, such as those of txaio.Go. It
// moves the clock while they work, as far as the next timeout. Test code that
// starts goroutines as the package documentation says, in a bubble of
// testing/synctest.
func Await[T any](tb testing.TB, f *txaio.Future[T]) (T, error) {
	tb.Helper()
	loop, ok := txaio.CurrentLoop().(*TestLoop)
	if !ok {
		tb.Fatalf("testutil.Await needs a *testutil.TestLoop as the current loop (see testutil.UseLoop), and it is a %T", txaio.CurrentLoop())
	}
	at := new(instant)
	for moves := 0; moves < maxSteps; {
		if err := loop.runUntilIdle(at); err != nil {
			tb.Fatalf("testutil.Await: %v", err)
		}
		value, err := txaio.Await(ended, f)
		if err != ended.Err() {
			return value, err
		}
		before := loop.clock.Now()
		ran, err := loop.runTimer(at, math.MaxInt64)
		if loop.clock.Now().After(before) {
			moves++
		}
		switch {
		case err != nil:
			tb.Fatalf("testutil.Await: %v", err)
		case !ran:
			tb.Fatal("testutil.Await: the future will never be settled: nothing is left to run, and there is no timer. If another goroutine is to settle it: Await does not wait for those; use testing/synctest, with TestLoop.Wait, or with a txaio.NewLoop that is made in the bubble and txaio.Await")
		}
	}
	tb.Fatalf("testutil.Await: the future is not settled after %d timers: it seems that it never will be", maxSteps)
	panic("unreachable: Fatal does not return")
}

// ended is a context that has ended. With it, txaio.Await returns only what is
// known already. A future's own failure is a *Failure, so it never equals the
// context's error.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
