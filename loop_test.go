//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func TestLoopRunsFunctionsInOrderOneAtATime(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		const producers, each = 8, 2000
		var (
			running atomic.Int32
			seen    [producers]int // the race detector reports writes by others
			total   int
			done    = make(chan struct{})
		)
		for producer := range producers {
			go func() {
				for i := range each {
					l.CallSoon(func() {
						if running.Add(1) != 1 {
							t.Error("two functions at once")
						}
						if seen[producer] != i {
							t.Errorf("producer %d's function %d ran after %d others", producer, i, seen[producer])
						}
						seen[producer]++
						if total++; total == producers*each {
							close(done)
						}
						running.Add(-1)
					})
				}
			}()
		}
		receive(t, done, "the run of all functions")
	})
}

func TestLoopRunsTimersOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range loopModes {
			t.Log(mode.name)
			l := txaio.NewLoop()
			mode.drive(t, l)
			start := time.Now()
			var got notes
			at := func(delay time.Duration, name string) txaio.DelayedCall {
				return l.CallLater(delay, func() { got.add("%s@%v", name, time.Since(start)) })
			}
			at(3*time.Second, "c")
			at(time.Second, "a") // earlier than the timer that the loop waits for
			at(2*time.Second, "b1")
			at(2*time.Second, "b2")
			stale := at(500*time.Millisecond, "cancelled")
			if !stale.Cancel() {
				t.Error("Cancel() = false before the timer ran")
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			got.expect(t, "a@1s", "b1@2s", "b2@2s", "c@3s")

			at(time.Second, "again") // after the loop has been idle
			time.Sleep(time.Minute)
			synctest.Wait()
			if all := got.all(); all[len(all)-1] != "again@11s" {
				t.Errorf("after idling: %q, not again@11s", all[len(all)-1])
			}
		}
	})
}

func TestLoopTurn(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		var got notes
		l.CallSoon(func() {
			l.CallSoon(func() {
				got.add("1st")
				l.CallSoon(got.noting("next turn"))
			})
			l.CallLater(0, got.noting("timer 1"))
			l.CallLater(-time.Hour, got.noting("timer 2"))
			l.CallLater(0, got.noting("timer 3"))
			l.CallSoon(got.noting("2nd"))
		})
		for range 3 {
			flush(t, l)
		}
		got.expect(t, "1st", "2nd", "timer 1", "timer 2", "timer 3", "next turn")
	}, txaio.WithClock(clockwork.NewFakeClock())) // stands still: timers at the same instant
}

func TestLoopTurnByTurn(t *testing.T) {
	l := testutil.NewTestLoop()
	var got notes
	l.CallLater(time.Second, got.noting("second"))
	l.CallLater(0, func() {
		got.add("timer")
		l.CallSoon(got.noting("from the timer"))
		l.CallLater(0, got.noting("timer from the timer"))
	})
	l.CallSoon(func() {
		got.add("soon")
		l.CallSoon(got.noting("from soon"))
	})
	got.expect(t)
	l.RunOnce()
	got.expect(t, "soon", "timer")
	l.RunOnce()
	got.expect(t, "soon", "timer", "from soon", "from the timer", "timer from the timer")
	l.RunOnce()
	got.expect(t, "soon", "timer", "from soon", "from the timer", "timer from the timer")
}

func TestLoopPanicsGoToTheHandler(t *testing.T) {
	boom := errors.New("boom")
	fails := make(chan *txaio.Failure, 10)
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		var got notes
		l.CallSoon(func() {
			l.CallSoon(func() { panicOnPurpose(boom) })
			l.CallSoon(got.noting("rest of the turn"))
			l.CallLater(0, func() { panic("text") })
			l.CallLater(0, got.noting("timer"))
		})
		first, second := receive(t, fails, "a panic"), receive(t, fails, "a panic")
		flush(t, l)
		got.expect(t, "rest of the turn", "timer")
		if panicked := (*txaio.PanicError)(nil); !errors.As(first.Value(), &panicked) || !errors.Is(first, boom) {
			t.Errorf("the handler got %#v, not the panic", first.Value())
		}
		frames := txaio.FailureTraceback(first)
		if len(frames) == 0 || !strings.HasSuffix(frames[0].Function, ".panicOnPurpose") {
			t.Errorf("the traceback does not begin where the panic was: %v", frames)
		}
		if second.Error() != "text" {
			t.Errorf("the handler got %q", second)
		}
	}, txaio.WithExceptionHandler(func(fail *txaio.Failure) { fails <- fail }))
}

func panicOnPurpose(value any) { panic(value) }

func TestLoopGoesOnAfterPanics(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []txaio.LoopOption
	}{
		{"default handler", nil},
		{"handler that panics", []txaio.LoopOption{txaio.WithExceptionHandler(func(*txaio.Failure) { panic("in the handler") })}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inEachMode(t, func(t *testing.T, l *txaio.Loop) {
				var got notes
				l.CallSoon(func() {
					l.CallSoon(func() { panic("on purpose") })
					l.CallSoon(got.noting("1"))
					l.CallLater(0, func() { panic(errors.New("on purpose")) })
					l.CallLater(0, got.noting("2"))
				})
				for range 3 { // the timers may run as late as in the third turn
					flush(t, l)
				}
				got.expect(t, "1", "2")
			}, c.opts...)
		})
	}
}

// goexits are the ways in which a function of the loop can end its goroutine.
var goexits = map[string]func(){
	"Goexit":                      runtime.Goexit,
	"Goexit in the handler":       func() { panic(errExit) },
	"Goexit with a panic meeting": func() { defer panic("on purpose"); runtime.Goexit() },
}

var errExit = errors.New("the handler is to exit")

func exitingHandler(fail *txaio.Failure) {
	if errors.Is(fail, errExit) {
		runtime.Goexit()
	}
}

func TestLoopGoexitOnItsOwnGoroutine(t *testing.T) {
	for name, exit := range goexits {
		t.Run(name, func(t *testing.T) {
			l := txaio.NewLoop(txaio.WithExceptionHandler(exitingHandler))
			var got notes
			l.CallSoon(func() {
				l.CallSoon(got.noting("1"))
				l.CallSoon(exit)
				l.CallSoon(got.noting("2"))
				l.CallLater(0, exit)
				l.CallLater(0, exit)
				l.CallSoon(func() {
					got.add("3")
					l.CallSoon(got.noting("next turn"))
				})
			})
			flush(t, l)
			flush(t, l)
			flush(t, l)
			got.expect(t, "1", "2", "3", "next turn")
		})
	}
}

func TestLoopGoexitInRun(t *testing.T) {
	for name, exit := range goexits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := txaio.NewLoop(txaio.WithExceptionHandler(exitingHandler))
				var (
					got   notes
					ended bool
				)
				go func() {
					defer func() { ended = true }()
					got.add("Run returned %v", l.Run(t.Context()))
				}()
				synctest.Wait()
				l.CallSoon(func() {
					l.CallSoon(got.noting("1"))
					l.CallSoon(exit)
					l.CallSoon(got.noting("2"))
					l.CallLater(0, got.noting("3"))
					l.CallLater(time.Second, got.noting("4"))
				})
				synctest.Wait()
				if !ended {
					t.Error("the goroutine of Run goes on")
				}
				got.expect(t, "1", "2", "3")
				time.Sleep(time.Second)
				synctest.Wait()
				got.expect(t, "1", "2", "3", "4")
				if err := l.Run(endedContext()); err != context.Canceled {
					t.Errorf("after that Run returned %v", err)
				}
			})
		})
	}
}

func endedContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestLoopHasOneDriver(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		future := txaio.CreateFutureSuccess(1)
		errs := make(chan error, 2)
		l.CallSoon(func() {
			errs <- l.Run(t.Context())
			errs <- l.RunUntilComplete(future)
		})
		mustBeUsage(t, "Run inside a function of the loop", receive(t, errs, "Run"))
		mustBeUsage(t, "RunUntilComplete inside a function of the loop", receive(t, errs, "RunUntilComplete"))
		flush(t, l)
	})
	synctest.Test(t, func(t *testing.T) {
		l := txaio.NewLoop()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go l.Run(ctx)
		synctest.Wait()
		mustBeUsage(t, "Run during Run", l.Run(ctx))
		mustBeUsage(t, "RunUntilComplete during Run", l.RunUntilComplete(txaio.CreateFutureSuccess(1)))
		flush(t, l) // the first is still running
	})
	synctest.Test(t, func(t *testing.T) {
		l := txaio.NewLoop()
		busy := make(chan struct{})
		l.CallSoon(func() { <-busy })
		ctx, cancel := context.WithCancel(t.Context())
		go l.Run(ctx)
		synctest.Wait()
		mustBeUsage(t, "Run while another one waits to begin", l.Run(ctx))
		close(busy)
		synctest.Wait()
		short, end := context.WithTimeout(ctx, time.Second)
		defer end()
		mustBeUsage(t, "Run while another one has taken over", l.Run(short))
		cancel()
	})
}

func TestRunTakesOverAfterTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := txaio.NewLoop()
		ctx, cancel := context.WithCancel(t.Context())
		var (
			got   notes
			busy  = make(chan struct{})
			mine  atomic.Int64
			where = func(name string) func() {
				return func() { got.add("%s by Run: %t", name, goroutineID() == mine.Load()) }
			}
			result = make(chan error, 1)
		)
		l.CallSoon(func() {
			l.CallSoon(func() { <-busy })
			l.CallSoon(where("rest of the turn"))
		})
		synctest.Wait()
		l.CallSoon(where("next turn"))
		go func() {
			mine.Store(goroutineID())
			result <- l.Run(ctx)
		}()
		synctest.Wait()
		got.expect(t)
		close(busy)
		synctest.Wait()
		l.CallLater(time.Second, where("timer"))
		time.Sleep(time.Minute)
		cancel()
		if err := <-result; err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		l.CallSoon(where("afterwards"))
		synctest.Wait()
		got.expect(t, "rest of the turn by Run: false", "next turn by Run: true", "timer by Run: true", "afterwards by Run: false")
	})
}

func TestRunGivesUpWaitingWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := txaio.NewLoop()
		busy, result := make(chan struct{}), make(chan error, 1)
		l.CallSoon(func() { <-busy })
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { result <- l.Run(ctx) }()
		synctest.Wait()
		cancel(nil)
		if err := <-result; err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		close(busy)
		flush(t, l)
		flush(t, l)
	})
}

// If Run gives up waiting while the loop's own goroutine hands the loop over, no
// function is lost.
func TestRunGivesUpWhileItTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // of two channels that are ready, select takes any
			l := txaio.NewLoop()
			busy := make(chan struct{})
			l.CallSoon(func() { <-busy })
			synctest.Wait()
			handOver := sync.OnceFunc(func() { close(busy); synctest.Wait() })
			if err := l.Run(&endsAfter{endedContext(), handOver}); err != context.Canceled {
				t.Fatalf("Run returned %v", err)
			}
			flush(t, l)
		}
	})
}

// endsAfter is a context that ends when it has called a function.
type endsAfter struct {
	context.Context // which has ended
	call            func()
}

func (c *endsAfter) Done() <-chan struct{} {
	c.call()
	return c.Context.Done()
}

func TestRunWithContextThatHasEnded(t *testing.T) {
	l := txaio.NewLoop()
	ran := make(chan int64, 1)
	l.CallLater(0, func() { ran <- goroutineID() })
	if err := l.Run(endedContext()); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	if receive(t, ran, "the function") == goroutineID() {
		t.Error("Run ran a function though its context had ended")
	}
	ctx, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	if err := l.Run(ctx); err != context.DeadlineExceeded {
		t.Errorf("Run returned %v", err)
	}
}

func TestWorkLeftByRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := txaio.NewLoop()
		ctx, cancel := context.WithCancel(t.Context())
		var got notes
		here := goroutineID()
		where := func(name string) func() {
			return func() { got.add("%s by Run: %t", name, goroutineID() == here) }
		}
		l.CallLater(time.Second, func() {
			where("last")()
			l.CallSoon(where("next"))
			l.CallLater(time.Second, where("timer"))
			cancel()
		})
		if err := l.Run(ctx); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got.expect(t, "last by Run: true", "next by Run: false", "timer by Run: false")
	})
}

func TestRunUntilComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := txaio.NewLoop()
		defer testutil.ReplaceLoop(l)()
		start := time.Now()
		var got notes

		f := txaio.Sleep(3 * time.Second)
		txaio.AddCallbacks(f, func(v struct{}) (struct{}, error) { got.add("callback"); return v, nil }, nil)
		if err := l.RunUntilComplete(f); err != nil {
			t.Errorf("RunUntilComplete returned %v", err)
		}
		got.expect(t, "callback")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}

		if err := l.RunUntilComplete(f); err != nil {
			t.Errorf("with a settled future RunUntilComplete returned %v", err)
		}

		boom := errors.New("boom")
		failed := txaio.CreateFuture[int]()
		l.CallLater(time.Second, func() { _ = txaio.Reject(failed, boom) })
		err := l.RunUntilComplete(failed)
		if fail := (*txaio.Failure)(nil); !errors.As(err, &fail) || !errors.Is(err, boom) {
			t.Errorf("RunUntilComplete returned %v, not the failure", err)
		}
		if _, err := txaio.Await(t.Context(), failed); !errors.Is(err, boom) {
			t.Errorf("RunUntilComplete has left %v", err)
		}

		// Settled by another goroutine while the loop sleeps.
		other := txaio.CreateFuture[int]()
		go func() {
			time.Sleep(time.Hour)
			_ = txaio.Resolve(other, 1)
		}()
		if err := l.RunUntilComplete(other); err != nil {
			t.Errorf("RunUntilComplete returned %v", err)
		}
	})
}

// A future of another loop, or settled while the loop goes to sleep, ends
// RunUntilComplete.
func TestRunUntilCompleteIsWoken(t *testing.T) {
	defer testutil.ReplaceLoop(txaio.NewLoop())()
	l := txaio.NewLoop()
	result := make(chan error, 1)
	for i := range 2000 {
		f := txaio.CreateFuture[int]()
		go func() { result <- l.RunUntilComplete(f) }()
		for range i % 50 {
			runtime.Gosched()
		}
		_ = txaio.Resolve(f, i)
		if err := receive(t, result, "the end of RunUntilComplete"); err != nil {
			t.Fatal(err)
		}
	}
}

// An idle loop holds no goroutine, so there is nothing to close.
func TestIdleLoopHoldsNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	var loops []*txaio.Loop
	for range 100 {
		l := txaio.NewLoop()
		loops = append(loops, l)
		l.CallLater(time.Hour, func() {})
		var timers []txaio.DelayedCall
		for i := range 100 {
			timers = append(timers, l.CallLater(time.Duration(i)*time.Minute, func() {}))
			l.CallSoon(func() {})
		}
		flush(t, l)
		for _, timer := range timers {
			timer.Cancel()
		}
	}
	eventually(t, "idle loops hold no goroutine", func() bool { return runtime.NumGoroutine() <= before })
	runtime.KeepAlive(loops)
}

func TestFakeClockDrivesALoop(t *testing.T) {
	for _, mode := range loopModes {
		t.Run(mode.name, func(t *testing.T) {
			clock := clockwork.NewFakeClock()
			l := txaio.NewLoop(txaio.WithClock(clock))
			mode.drive(t, l)
			start := clock.Now()
			fired := make(chan string, 10)
			later := func(delay time.Duration) {
				l.CallLater(delay, func() { fired <- fmt.Sprintf("%v at %v", delay, l.Now().Sub(start)) })
			}
			later(0) // due without the clock being moved
			if got := receive(t, fired, "a timer without delay"); got != "0s at 0s" {
				t.Error(got)
			}
			for range 100 {
				start = clock.Now()
				later(time.Second)
				later(-time.Second)
				if got := receive(t, fired, "a timer with a negative delay"); got != "-1s at 0s" {
					t.Error(got)
				}
				if err := clock.BlockUntilContext(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				clock.Advance(time.Second - 1)
				flush(t, l)
				if len(fired) > 0 {
					t.Errorf("the timer fired early: %s", <-fired)
				}
				clock.Advance(1)
				if got := receive(t, fired, "a timer"); got != "1s at 1s" {
					t.Error(got)
				}
				// One step of the clock, past several timers.
				for _, delay := range []time.Duration{3, 1, 2} {
					later(delay * time.Hour)
				}
				flush(t, l)
				if err := clock.BlockUntilContext(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				start = clock.Now()
				clock.Advance(5 * time.Hour)
				for _, want := range []string{"1h0m0s at 5h0m0s", "2h0m0s at 5h0m0s", "3h0m0s at 5h0m0s"} {
					if got := receive(t, fired, want); got != want {
						t.Errorf("got %s, not %s", got, want)
					}
				}
			}
		})
	}
}

// hastyClock moves after the loop has read the time and before it sets a timer.
type hastyClock struct {
	*clockwork.FakeClock
	jump time.Duration
}

func (c *hastyClock) AfterFunc(d time.Duration, f func()) clockwork.Timer {
	c.Advance(c.jump)
	c.jump = 0
	return c.FakeClock.AfterFunc(d, f)
}

func TestClockMovedWhileTheLoopSetsATimer(t *testing.T) {
	for _, jump := range []time.Duration{time.Millisecond, 999 * time.Millisecond, time.Second, time.Hour} {
		clock := &hastyClock{clockwork.NewFakeClock(), jump}
		l := txaio.NewLoop(txaio.WithClock(clock))
		fired := make(chan struct{})
		l.CallLater(time.Second, func() { close(fired) })
		if rest := time.Second - jump; rest > 0 {
			clock.Advance(rest)
		}
		receive(t, fired, fmt.Sprintf("the timer, with the clock moved by %v", jump))
	}
}

// callingClock calls a function when it is asked for the time.
type callingClock struct {
	*clockwork.FakeClock
	now atomic.Pointer[func()]
}

func (c *callingClock) Now() time.Time {
	if now := c.now.Swap(nil); now != nil {
		(*now)()
	}
	return c.FakeClock.Now()
}

// A clock may queue functions when the loop asks it for the time.
func TestClockQueuesFunctions(t *testing.T) {
	for name, drive := range map[string]func(clock *callingClock, hook func(*txaio.Loop)){
		"RunOnce": func(clock *callingClock, hook func(*txaio.Loop)) {
			l := txaio.NewManualLoop(txaio.WithClock(clock))
			l.CallLater(time.Second, func() {})
			hook(l.Loop)
			l.RunOnce()
			l.RunOnce()
		},
		"Run": func(clock *callingClock, hook func(*txaio.Loop)) {
			l := txaio.NewLoop(txaio.WithClock(clock))
			l.CallLater(time.Second, func() {})
			hook(l)
			_ = l.Run(endedContext())
			f := txaio.CreateFuture[int]()
			l.CallSoon(func() { txaio.Resolve(f, 1) })
			_ = l.RunUntilComplete(f)
		},
		"the loop's own goroutine": func(clock *callingClock, hook func(*txaio.Loop)) {
			l := txaio.NewLoop(txaio.WithClock(clock))
			l.CallLater(time.Second, func() {})
			l.CallSoon(func() { hook(l) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &callingClock{FakeClock: clockwork.NewFakeClock()}
			ran, finished := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(finished)
				drive(clock, func(l *txaio.Loop) {
					now := func() { l.CallSoon(func() { close(ran) }) }
					clock.now.Store(&now)
				})
			}()
			receive(t, finished, "the end of what drives the loop")
			receive(t, ran, "the function that the clock has queued")
		})
	}
}

// If the clock panics, a ManualLoop goes on afterwards.
func TestClockPanics(t *testing.T) {
	clock := &callingClock{FakeClock: clockwork.NewFakeClock()}
	l := txaio.NewManualLoop(txaio.WithClock(clock))
	l.CallLater(time.Second, func() {})
	now := func() { panic("on purpose") }
	clock.now.Store(&now)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("RunOnce did not panic")
			}
		}()
		l.RunOnce()
	}()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		l.RunOnce()
	}()
	receive(t, finished, "the end of RunOnce")
}

// A loop misses no timer if its clock moves all the time, in steps that are no
// multiples of the timers' delays.
func TestClockMovedAllTheWhile(t *testing.T) {
	for _, mode := range loopModes {
		t.Run(mode.name, func(t *testing.T) {
			clock := clockwork.NewFakeClock()
			l := txaio.NewLoop(txaio.WithClock(clock))
			mode.drive(t, l)
			const rounds = 1000
			due := make(chan time.Time, 1)
			for range rounds {
				when := l.Now().Add(10)
				l.CallLater(10, func() { due <- when })
				for waiting := true; waiting; {
					select {
					case when := <-due:
						if l.Now().Before(when) {
							t.Fatalf("a timer for %v ran at %v", when, l.Now())
						}
						waiting = false
					default:
						clock.Advance(3)
						runtime.Gosched()
					}
				}
			}
		})
	}
}

func TestTimerCancel(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		timer := l.CallLater(time.Hour, func() { t.Error("a cancelled timer ran") })
		var (
			wg   sync.WaitGroup
			wins atomic.Int32
		)
		for range 16 {
			wg.Go(func() {
				if timer.Cancel() {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Errorf("Cancel returned true %d times", wins.Load())
		}

		ran := make(chan bool, 1)
		timer = nil
		l.CallSoon(func() {
			timer = l.CallLater(0, func() { ran <- timer.Cancel() })
		})
		if receive(t, ran, "the timer") {
			t.Error("Cancel() = true while the timer runs")
		}
		flush(t, l)
		if timer.Cancel() {
			t.Error("Cancel() = true after the timer ran")
		}
	})
}

// Each timer either runs once or is cancelled.
func TestTimerCancelRacesWithTheLoop(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		for range 300 {
			const count = 16
			var (
				wg              sync.WaitGroup
				ran, stopped    atomic.Int32
				runs, cancelled [count]atomic.Int32
			)
			for i := range count {
				wg.Go(func() {
					timer := l.CallLater(time.Duration(i)*time.Microsecond/4, func() {
						runs[i].Add(1)
						ran.Add(1)
					})
					runtime.Gosched()
					if timer.Cancel() {
						cancelled[i].Add(1)
						stopped.Add(1)
					}
				})
			}
			wg.Wait()
			eventually(t, "each timer ran or was cancelled", func() bool { return ran.Load()+stopped.Load() >= count })
			flush(t, l)
			for i := range count {
				if runs[i].Load()+cancelled[i].Load() != 1 {
					t.Fatalf("timer %d ran %d times and was cancelled %d times", i, runs[i].Load(), cancelled[i].Load())
				}
			}
		}
	})
}

func TestTimerCancelledInTheQueue(t *testing.T) {
	l := testutil.NewTestLoop()
	var got notes
	var second txaio.DelayedCall
	l.CallLater(time.Second, func() { got.add("first, %t, %t", second.Cancel(), second.Cancel()) })
	second = l.CallLater(time.Second, got.noting("second"))
	l.CallLater(time.Second, got.noting("third"))
	l.Advance(time.Second)
	got.expect(t, "first, true, false", "third")
}

func TestTimersFarAway(t *testing.T) {
	for _, later := range []time.Duration{0, time.Hour} {
		l := testutil.NewTestLoop()
		var got notes
		l.Advance(later)
		l.CallLater(math.MaxInt64, got.noting("end of time"))
		l.CallLater(math.MaxInt64-1, got.noting("just before"))
		l.CallLater(time.Second, got.noting("soon"))
		l.Advance(200 * 365 * 24 * time.Hour)
		got.expect(t, "soon")
		l.Advance(math.MaxInt64)
		if len(got.all()) != 3 {
			t.Errorf("after 292 years: %q", got.all())
		}
		// The clock is past the last time that the loop can represent.
		for range 2 {
			l.CallLater(0, got.noting("beyond"))
			l.CallLater(time.Second, got.noting("beyond"))
			l.Advance(math.MaxInt64)
			l.RunUntilIdle()
		}
		if len(got.all()) != 7 {
			t.Errorf("after 500 years: %q", got.all())
		}
	}
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		timer := l.CallLater(math.MaxInt64, func() { t.Error("a timer for the end of time ran") })
		flush(t, l)
		flush(t, l)
		timer.Cancel()
	})
}

func TestLoopNeedsFunctions(t *testing.T) {
	l := txaio.NewLoop()
	mustPanicWithUsage(t, "CallSoon(nil)", func() { l.CallSoon(nil) })
	mustPanicWithUsage(t, "CallLater(nil)", func() { l.CallLater(0, nil) })
	mustPanicWithUsage(t, "txaio.CallLater(nil)", func() { txaio.CallLater(0, nil) })
	flush(t, l)
}

func TestForgottenLoopIsCollected(t *testing.T) {
	for name, use := range map[string]func(l *txaio.Loop){
		"unused": func(*txaio.Loop) {},
		"idle":   func(l *txaio.Loop) { flush(t, l) },
		"cancelled timers": func(l *txaio.Loop) {
			for range 10 {
				l.CallLater(time.Hour, func() { panic(l) }).Cancel()
			}
		},
		"timers that ran": func(l *txaio.Loop) {
			l.CallLater(time.Hour, func() {}).Cancel()
			ran := make(chan struct{})
			l.CallLater(1, func() { close(ran) })
			receive(t, ran, "the timer")
		},
		"timers that ran in Run": func(l *txaio.Loop) {
			ctx, cancel := context.WithCancel(context.Background())
			l.CallLater(time.Hour, func() {}).Cancel()
			l.CallLater(1, cancel)
			_ = l.Run(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ref := func() weak.Pointer[txaio.Loop] {
				l := txaio.NewLoop()
				use(l)
				return weak.Make(l)
			}()
			eventually(t, "the loop was collected", func() bool {
				runtime.GC()
				return ref.Value() == nil
			})
		})
	}
}

func TestForgottenLoopRunsItsTimers(t *testing.T) {
	clock := clockwork.NewFakeClock()
	fired := make(chan string, 2)
	func() {
		l := txaio.NewLoop(txaio.WithClock(clock))
		l.CallLater(time.Minute, func() {}).Cancel()
		l.CallLater(time.Hour, func() { fired <- "first" })
		l.CallLater(2*time.Hour, func() { fired <- "second" })
	}()
	for _, want := range []string{"first", "second"} {
		for range 3 {
			runtime.GC()
		}
		if err := clock.BlockUntilContext(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
		if got := receive(t, fired, "the "+want+" timer of a forgotten loop"); got != want {
			t.Errorf("got the %s timer, not the %s", got, want)
		}
	}
}

// If the clock goes back, timers are late, and none is lost.
func TestClockGoesBack(t *testing.T) {
	clock := clockwork.NewFakeClock()
	l := txaio.NewLoop(txaio.WithClock(clock))
	fired := make(chan struct{})
	clock.Advance(-time.Hour)
	l.CallLater(time.Second, func() { close(fired) })
	clock.Advance(-time.Hour)
	flush(t, l)
	clock.Advance(time.Hour)
	clock.Advance(time.Second)
	receive(t, fired, "the timer")
}

// The default loop outlives bubbles of testing/synctest. A timer that was set in a
// bubble, pending or not, does not stop the loop outside or in the next bubble.
func TestDefaultLoopInBubbles(t *testing.T) {
	if _, child := inChild(t); !child { // in a new process, the loop's first timer is set in a bubble
		return
	}
	goroutines := runtime.NumGoroutine()
	if runtime.GOOS == "js" {
		goroutines++ // JavaScript's event handler, from the first event on
	}
	atRest := func() {
		eventually(t, "the loop is at rest", func() bool { return runtime.NumGoroutine() <= goroutines })
	}
	outside := func() {
		fired := make(chan struct{})
		txaio.CallLater(time.Millisecond, func() { close(fired) })
		receive(t, fired, "a timer outside the bubbles")
		// Its alarm stays set. Outside the bubble, the time of the bubble has passed: an
		// alarm that fires there now would run the bubble's timers.
		if !txaio.CallLater(time.Hour, func() {}).Cancel() {
			t.Error("a timer outside the bubbles cannot be cancelled")
		}
		atRest()
	}
	inside := func(end string) {
		synctest.Test(t, func(t *testing.T) {
			fired := false
			timer := txaio.CallLater(time.Second, func() { fired = true })
			switch end {
			case "fired":
				time.Sleep(time.Second)
				synctest.Wait()
				if !fired {
					t.Error("a timer in a bubble did not fire")
				}
			case "cancelled":
				if !timer.Cancel() {
					t.Error("a timer in a bubble cannot be cancelled")
				}
			}
		})
		atRest()
	}
	ends := []string{"fired", "cancelled", "pending"}
	for _, waiting := range []bool{false, true} { // with a timer that was set outside the bubbles
		for _, first := range ends {
			for _, second := range ends {
				t.Logf("%s, %s, an outer timer: %t", first, second, waiting)
				outer := txaio.CallLater(time.Hour, func() { t.Error("a timer for later fired") })
				if !waiting {
					outer.Cancel()
				}
				inside(first)
				inside(second)
				outside()
				inside(second)
				outside()
				outer.Cancel()
			}
		}
	}
}

// Timers for the end of time also work on a loop whose clock goes back to a time before
// the loop was made.
func TestTimersFarAwayWithTheClockBeforeTheStart(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	for _, back := range []time.Duration{3, time.Hour, 2 * century, math.MaxInt64} {
		t.Run(back.String(), func(t *testing.T) {
			finished := make(chan struct{})
			go func() {
				defer close(finished)
				l := testutil.NewTestLoop()
				var got notes
				l.CallLater(math.MaxInt64, got.noting("end of time"))
				l.Clock().Advance(-back)
				l.Advance(1)
				got.expect(t)
				l.CallLater(math.MaxInt64, got.noting("as far as can be"))
				l.CallLater(time.Second, got.noting("soon"))
				l.Advance(time.Minute)
				got.expect(t, "soon")
				for range 3 {
					l.Advance(math.MaxInt64)
				}
				got.expect(t, "soon", "as far as can be", "end of time")
			}()
			receive(t, finished, "the return of Advance")
		})
	}
	clock := clockwork.NewFakeClock()
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		timer := l.CallLater(math.MaxInt64, func() { t.Error("a timer for the end of time ran") })
		clock.Advance(-time.Hour)
		turns := l.Stats().Turns
		for range 100 {
			flush(t, l)
		}
		if turns = l.Stats().Turns - turns; turns > 100 {
			t.Errorf("the loop spins: %d turns for 100 functions", turns)
		}
		timer.Cancel()
	}, txaio.WithClock(clock))
}

// A loop keeps no function that has run, also if a function has ended the goroutine
// during the turn.
func TestLoopFreesWhatHasRun(t *testing.T) {
	for name, last := range map[string]func(){
		"return": func() {}, "panic": func() { panic("on purpose") }, "Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			captureLog(t, nil)
			l := txaio.NewLoop()
			var tasks, timers [10]weak.Pointer[[1 << 20]byte]
			l.CallSoon(func() { // so that all are in one turn
				for i := range tasks {
					big := new([1 << 20]byte)
					tasks[i] = weak.Make(big)
					l.CallSoon(func() { big[0] = 1 })
				}
				for i := range timers {
					big := new([1 << 20]byte)
					timers[i] = weak.Make(big)
					l.CallLater(0, func() { big[0] = 1 })
				}
				l.CallSoon(last)
				l.CallLater(0, last)
			})
			for range 3 { // the timers may run as late as in the third turn
				flush(t, l)
			}
			for i := range tasks {
				eventually(t, "what has run is collected", func() bool {
					runtime.GC()
					return tasks[i].Value() == nil && timers[i].Value() == nil
				})
			}
			runtime.KeepAlive(l)
		})
	}
}

// A loop without timers leaves no timer on its clock.
func TestLoopsWithoutTimersLeaveTheClock(t *testing.T) {
	clock := clockwork.NewFakeClock()
	fired := make(chan struct{})
	for i := range 1000 {
		l := txaio.NewLoop(txaio.WithClock(clock))
		l.CallLater(time.Hour, func() {}).Cancel()
		if i%100 == 0 {
			l.CallLater(0, func() { fired <- struct{}{} })
			receive(t, fired, "a timer")
			flush(t, l)
		}
	}
	if err := clock.BlockUntilContext(endedContext(), 1); err == nil {
		t.Error("something waits for the clock")
	}
}

// Negative delays count as 0, so those timers keep their order. (In asyncio the most
// negative one runs first. Twisted refuses them.)
func TestNegativeDelaysKeepTheirOrder(t *testing.T) {
	l := testutil.NewTestLoop()
	var got notes
	l.CallLater(0, got.noting("0"))
	l.CallLater(-time.Second, got.noting("-1s"))
	l.CallLater(-time.Hour, got.noting("-1h"))
	l.Advance(0)
	got.expect(t, "0", "-1s", "-1h")
}

func TestRunUntil(t *testing.T) {
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)
	loop.CallLater(time.Millisecond, func() { txaio.Resolve(f, 1) })
	if value, err := txaio.RunUntil(t.Context(), loop, f); err != nil || value != byBackend(2, 1) {
		t.Errorf("got %v, %v", value, err)
	}
	if value, err := txaio.RunUntil(t.Context(), loop, f); err != nil || value != byBackend(2, 1) {
		t.Errorf("of a settled future: %v, %v", value, err)
	}
	if value, err := txaio.RunUntil(endedContext(), loop, f); err != nil || value != byBackend(2, 1) {
		t.Errorf("of a settled future, with a context that has ended: %v, %v", value, err)
	}
	kept := &stoppable{Context: t.Context()}
	if _, err := txaio.RunUntil(kept, loop, f); err != nil || kept.waiting != 0 {
		t.Errorf("%d functions wait for the context, error %v", kept.waiting, err)
	}
	f = txaio.CreateFuture[int]()
	loop.CallSoon(func() { txaio.Reject(f, errOne) })
	_, err := txaio.RunUntil(t.Context(), loop, f)
	if fail, is := err.(*txaio.Failure); !is || fail.Value() != errOne {
		t.Errorf("got %v", err)
	}
	loop.CallSoon(func() {
		_, err := txaio.RunUntil(context.Background(), loop, f)
		mustBeUsage(t, "RunUntil on the loop", err)
		mustBeUsage(t, "Drain on the loop", loop.Drain(context.Background()))
	})
	flush(t, loop)
	mustPanicWithUsage(t, "RunUntil of nil", func() { txaio.RunUntil[int](t.Context(), loop, nil) })
	for name, loop := range map[string]*txaio.Loop{"nil": nil, "zero": new(txaio.Loop)} {
		mustPanicWithUsage(t, "RunUntil on a loop that is "+name, func() { _, _ = txaio.RunUntil(t.Context(), loop, f) })
		mustPanicWithUsage(t, "Drain of a loop that is "+name, func() { _ = loop.Drain(t.Context()) })
	}
}

// If the context ends first, the future does not change. If nobody looks at its later
// failure, that is reported.
func TestRunUntilContextEnds(t *testing.T) {
	log := captureLog(t, nil)
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := txaio.CreateFuture[int]()
		if _, err := txaio.RunUntil(ctx, loop, f); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		txaio.Reject(f, errors.New("after RunUntil"))
	})
	wantReport(t, log, "after RunUntil")
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := txaio.NewLoop()
		defer testutil.ReplaceLoop(loop)()
		n := new(notes)
		txaio.CallSoon(func() {
			n.add("soon")
			txaio.CallLater(time.Hour, n.noting("later"))
			txaio.MakeBatchedTimer(time.Minute, 0).CallLater(2*time.Hour, func() {
				n.add("batched")
				txaio.CallSoon(n.noting("at last"))
			})
		})
		if err := loop.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		n.expect(t, "soon", "later", "batched", "at last")
		if err := loop.Drain(t.Context()); err != nil {
			t.Errorf("of an empty loop: %v", err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		timer := txaio.CallLater(time.Hour, n.noting("left"))
		if err := loop.Drain(ctx); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		time.AfterFunc(time.Minute, func() { timer.Cancel() })
		began := time.Now()
		if err := loop.Drain(t.Context()); err != nil || time.Since(began) != time.Minute {
			t.Errorf("cancelling the last timer: %v after %v", err, time.Since(began))
		}
		n.expect(t, "soon", "later", "batched", "at last")
	})
}

// Drain runs what a call of Run has left, also if the loop's own goroutine has not
// begun with it yet.
func TestDrainRunsWhatRunLeft(t *testing.T) {
	for range 100 {
		l := txaio.NewLoop()
		ran := false
		ctx, cancel := context.WithCancel(t.Context())
		l.CallSoon(func() { cancel(); l.CallSoon(func() { ran = true }) })
		_ = l.Run(ctx)
		if err := l.Drain(t.Context()); err != nil || !ran {
			t.Fatalf("Drain returned %v; the function has run: %t", err, ran)
		}
	}
}

// What would run next may have been cancelled on another goroutine by then.
func TestRunawayThatWasCancelled(t *testing.T) {
	mustBeUsage(t, "Runaway", txaio.NewManualLoop().Runaway(1))
}

func TestDrainOnAFakeClock(t *testing.T) {
	loop := txaio.NewLoop(txaio.WithClock(clockwork.NewFakeClock()))
	ctx, cancel := context.WithCancel(t.Context())
	loop.CallLater(time.Hour, func() { t.Error("it ran") })
	loop.CallSoon(cancel)
	if err := loop.Drain(ctx); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	mustBeUsage(t, "Drain of a driven loop", testutil.NewTestLoop().Drain(t.Context()))
}

func TestRunUntilMisuseWithContextThatHasEnded(t *testing.T) {
	loop := txaio.NewLoop()
	f := txaio.CreateFuture[int]()
	onLoop(loop, func() {
		_, err := txaio.RunUntil(endedContext(), txaio.NewLoop(), f)
		mustBeUsage(t, "RunUntil on a loop", err)
	})
}
