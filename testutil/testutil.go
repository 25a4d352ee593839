// Package testutil has what tests of code that uses txaio need: a loop that
// runs only when it is told to, on a clock that moves only when it is told to,
// so that a test neither sleeps nor races.
//
//	loop := testutil.NewTestLoop()
//	defer testutil.ReplaceLoop(loop)()
//	f := txaio.Sleep(5 * time.Second)
//	loop.Advance(10 * time.Second) // everything that had to run has run
//
// With testing/synctest, replace the loop by a txaio.NewLoop made inside the
// bubble: timers of one bubble, which those of the default loop would be, cannot
// be set in another.
package testutil

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/manual"
)

// A TestLoop is a loop that runs only inside Advance, RunOnce, RunUntilIdle
// and [Await], on the goroutine that calls them: when they return, everything
// that had to run has run. From other goroutines work may be added at any
// time; it waits. Two drivers at once, also one inside a function that the
// loop runs, panic with a [*txaio.UsageError].
//
// It is what task.Clock is to Twisted. A function that calls testing's
// FailNow inside the loop ends the test, as it does outside.
type TestLoop struct {
	*txaio.Loop
	clock  *clockwork.FakeClock
	driver manual.Driver
}

func init() {
	manual.IsTestLoop = func(loop any) bool {
		_, is := loop.(*TestLoop)
		return is
	}
}

// NewTestLoop returns a loop on a clockwork.FakeClock that stands at the Unix
// epoch. WithClock gives it another FakeClock; it panics where that is a clock
// of another kind.
func NewTestLoop(opts ...txaio.LoopOption) *TestLoop {
	epoch := txaio.WithClock(clockwork.NewFakeClockAt(time.Unix(0, 0).UTC()))
	loop := txaio.NewLoop(append([]txaio.LoopOption{epoch}, opts...)...)
	driver := manual.Of(loop)
	clock, ok := driver.Clock().(*clockwork.FakeClock)
	if !ok {
		panic(fmt.Sprintf("testutil: NewTestLoop needs a *clockwork.FakeClock, and was given a %T", driver.Clock()))
	}
	return &TestLoop{loop, clock, driver}
}

// Clock returns the loop's clock. Moving it runs nothing: that is left to the
// next call of Advance, RunOnce or RunUntilIdle.
func (l *TestLoop) Clock() *clockwork.FakeClock { return l.clock }

// RunOnce runs one turn of the loop: the timers that are due join the queue,
// and exactly what is in it then runs.
func (l *TestLoop) RunOnce() {
	l.driver.Begin()
	defer l.driver.End()
	l.driver.Turn()
}

// RunUntilIdle runs turns until nothing is ready. The clock does not move.
//
// On the future backend a timer that is due joins the queue when a turn
// begins, as in asyncio, so where the queue is empty it is not ready: RunOnce
// and Advance run it. On the deferred backend it is.
func (l *TestLoop) RunUntilIdle() {
	l.driver.Begin()
	defer l.driver.End()
	l.drain()
}

// Advance runs what is ready; then, timer by timer in the order of their
// times, moves the clock to the timer and runs what that makes ready; and ends
// with the clock exactly d later. It panics where d is negative.
func (l *TestLoop) Advance(d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("testutil: Advance cannot go back in time, and was given %v", d))
	}
	l.driver.Begin()
	defer l.driver.End()
	end := l.clock.Now().Add(d)
	for l.drain(); l.advanceToTimer(l.clock.Until(end)); {
		l.driver.Turn()
		l.drain()
	}
	l.clock.Advance(l.clock.Until(end))
}

func (l *TestLoop) drain() {
	for l.driver.Ready() {
		l.driver.Turn()
	}
}

// advanceToTimer moves the clock to the earliest timer, where there is one
// within limit.
func (l *TestLoop) advanceToTimer(limit time.Duration) bool {
	until, ok := l.driver.Next()
	if !ok || until > limit {
		return false
	}
	l.clock.Advance(max(until, 0)) // it is due already where Clock was moved
	return true
}

// ReplaceLoop makes loop the current loop and returns a function that puts the
// one before it back:
//
//	defer testutil.ReplaceLoop(loop)()
func ReplaceLoop(loop txaio.EventLoop) (restore func()) {
	manual.MustHaveBackend()
	previous := txaio.SetLoop(loop)
	return func() { txaio.SetLoop(previous) }
}

// maxSteps is how often Await moves the clock to a timer: enough for a day of
// timers a second.
const maxSteps = 100_000

// Await runs the current loop, which has to be a [*TestLoop], until f is
// settled and its callbacks so far have run, moving the clock from timer to
// timer as far as it takes, and returns what [txaio.Await] returns. It fails
// tb, and ends the test, where f never will be settled: when nothing is left
// to run and there is no timer, or the clock has moved 100,000 times. It does
// not wait for other goroutines: code that has some is better tested in a bubble
// of testing/synctest, with txaio.Await on a txaio.NewLoop.
func Await[T any](tb testing.TB, f *txaio.Future[T]) (T, error) {
	tb.Helper()
	loop, ok := txaio.CurrentLoop().(*TestLoop)
	if !ok {
		tb.Fatalf("testutil.Await needs a *testutil.TestLoop as the current loop (see testutil.ReplaceLoop), and it is a %T", txaio.CurrentLoop())
	}
	loop.RunUntilIdle()
	for range maxSteps {
		value, err := txaio.Await(ended, f)
		if err != ended.Err() {
			return value, err
		}
		if !loop.step() {
			tb.Fatal("testutil.Await: the future will never be settled: nothing is left to run, and there is no timer")
		}
	}
	tb.Fatalf("testutil.Await: the future is not settled after %d timers: it seems that it never will be", maxSteps)
	panic("unreachable: Fatal does not return")
}

// step moves the clock to the earliest timer, where there is one, and runs
// what that makes ready.
func (l *TestLoop) step() bool {
	l.driver.Begin()
	defer l.driver.End()
	until, ok := l.driver.Next()
	if ok {
		l.advanceToTimer(until)
		l.driver.Turn()
		l.drain()
	}
	return ok
}

// ended is a context that has ended: txaio.Await with it asks for what is
// there already. A future's own failure is a *Failure, never its error itself.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
