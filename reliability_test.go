//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/jonboulle/clockwork"
	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// The faults of docs/reliability.md that no other test injects.

// A fault is a way in which a function ends that should have returned.
type fault struct {
	name string
	do   func()
}

var faults = []fault{
	{"panic", func() { panic(errors.New("injected")) }},
	{"Goexit", runtime.Goexit},
}

// In each function that a program hands in, a panic and Goexit end that call
// alone: what comes after it on the loop runs, on the loop's own goroutine.
func TestFaultsLeaveTheLoopRunning(t *testing.T) {
	log := captureLog(t, nil)
	for _, fault := range faults {
		broken := func(v int) (int, error) { fault.do(); return v, nil }
		brokenErrback := func(*txaio.Failure) (int, error) { fault.do(); return 0, nil }
		for name, inject := range map[string]func(loop *txaio.Loop){
			"callback": func(*txaio.Loop) {
				f := txaio.CreateFuture[int]()
				txaio.AddCallbacks(f, broken, nil)
				txaio.Resolve(f, 1)
			},
			"errback": func(*txaio.Loop) {
				f := txaio.CreateFuture[int]()
				txaio.AddCallbacks(f, nil, brokenErrback)
				txaio.Reject(f, errOne)
			},
			"canceller": func(*txaio.Loop) {
				f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { fault.do() }))
				txaio.AddCallbacks(f, nil, passFailure)
				txaio.Cancel(f)
			},
			"function":       func(loop *txaio.Loop) { loop.CallSoon(fault.do) },
			"timer function": func(loop *txaio.Loop) { loop.CallLater(1, fault.do) },
			"batched timer": func(loop *txaio.Loop) {
				txaio.MakeBatchedTimer(time.Millisecond, 1).CallLater(0, fault.do)
			},
			"time limit": func(*txaio.Loop) {
				f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { fault.do() }))
				txaio.AddCallbacks(txaio.AddTimeout(f, 1), nil, passFailure)
			},
			"context": func(*txaio.Loop) {
				f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { fault.do() }))
				txaio.AddCallbacks(f, nil, passFailure)
				ctx, cancel := context.WithCancel(context.Background())
				txaio.CancelOnDone(ctx, f)
				cancel()
			},
		} {
			t.Run(fault.name+" in "+name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, loop *txaio.Loop) {
					loop.CallSoon(func() { inject(loop) })
					synctest.Wait()
					time.Sleep(time.Second)
					ran := false
					loop.CallSoon(func() { ran = true })
					synctest.Wait()
					if !ran {
						t.Error("the loop has stopped")
					}
				})
				if fault.name == "panic" { // of a callback on the deferred backend, when it is collected
					wantReport(t, log, "injected")
				}
				settleReports(t, log)
				log.mu.Lock()
				log.entries = nil
				log.mu.Unlock()
			})
		}
	}
}

// The exception handler that panics loses neither failure; one that calls
// Goexit has had its failure.
func TestFaultsInExceptionHandler(t *testing.T) {
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			log := captureLog(t, nil)
			var handled atomic.Int64
			loop := txaio.NewLoop(txaio.WithExceptionHandler(func(*txaio.Failure) {
				handled.Add(1)
				fault.do()
			}))
			for i := range 3 {
				loop.CallSoon(func() { panic(fmt.Errorf("original %d", i)) })
			}
			flush(t, loop)
			if handled.Load() != 3 {
				t.Errorf("the handler was called %d times", handled.Load())
			}
			want := 3
			if fault.name == "Goexit" {
				want = 0
			}
			if got := len(log.with("original")); got != want {
				t.Errorf("%d failures were logged, want %d", got, want)
			}
			if got := len(log.with("Panic in the event loop's exception handler")); got != want {
				t.Errorf("%d panics of the handler were logged, want %d", got, want)
			}
		})
	}
}

// faultyWriter fails, panics, or calls Goexit.
type faultyWriter struct{ fail func() error }

func (w *faultyWriter) Write(p []byte) (int, error) {
	if err := w.fail(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// What goes wrong in a log hook or a writer does not reach whoever logs: the
// loop that reports a panic goes on.
func TestFaultsInLogging(t *testing.T) {
	for _, where := range []string{"hook", "writer"} {
		for _, fault := range append(faults, fault{"error", nil}) {
			t.Run(fault.name+" in "+where, func(t *testing.T) {
				var calls atomic.Int64
				fail := func() error {
					calls.Add(1)
					if fault.do == nil {
						return errOne
					}
					fault.do()
					return nil
				}
				logger := logrus.New()
				logger.SetOutput(io.Discard)
				if where == "writer" {
					logger.SetOutput(&faultyWriter{fail})
				} else {
					logger.AddHook(faultyHook(fail))
				}
				txaio.SetLogrus(logger)
				defer txaio.SetLogrus(nil)
				loop := txaio.NewLoop()
				for range 3 {
					loop.CallSoon(func() { panic("reported") })
				}
				done := make(chan struct{})
				loop.CallSoon(func() { close(done) })
				receive(t, done, "the loop going on")
				if calls.Load() < 3 {
					t.Errorf("%d entries were written", calls.Load())
				}
			})
		}
	}
}

type faultyHook func() error

func (faultyHook) Levels() []logrus.Level        { return logrus.AllLevels }
func (hook faultyHook) Fire(*logrus.Entry) error { return hook() }

// Settling after a cancellation, in all combinations, changes nothing any more.
func TestFaultSettleAfterCancel(t *testing.T) {
	for _, settle := range []func(f *txaio.Future[int]) error{
		func(f *txaio.Future[int]) error { return txaio.Resolve(f, 1) },
		func(f *txaio.Future[int]) error { return txaio.Reject(f, errOne) },
	} {
		x := newFixture(t)
		f := txaio.CreateFuture[int]()
		watch(&x.journal, f, "f")
		txaio.Cancel(f)
		wantErr(t, "first", settle(f), byBackend(nil, txaio.ErrAlreadyCalled))
		wantErr(t, "second", settle(f), txaio.ErrAlreadyCalled)
		txaio.Cancel(f)
		x.RunUntilIdle()
		x.want(t, "f!cancelled")
	}
}

// A canceller that cancels its own future is called once, and the future fails
// once.
func TestFaultCancelInsideCanceller(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) {
		x.note("canceller")
		txaio.Cancel(f)
	}))
	watch(&x.journal, f, "f")
	txaio.Cancel(f)
	txaio.Cancel(f)
	x.RunUntilIdle()
	x.want(t, "canceller", "f!cancelled")
}

// Of 64 goroutines that settle a future at once, one does, and each callback
// runs once with its value.
func TestFaultResolveFrom64Goroutines(t *testing.T) {
	const goroutines = 64
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	for range 100 {
		f := txaio.CreateFuture[int]()
		got := make(chan int, 3)
		for range 2 {
			txaio.AddCallbacks(f, func(v int) (int, error) { got <- v; return v, nil }, nil)
		}
		var (
			won    atomic.Int64
			winner atomic.Int64
			start  = make(chan struct{})
			wg     sync.WaitGroup
		)
		for i := range goroutines {
			wg.Go(func() {
				<-start
				switch err := txaio.Resolve(f, i); err {
				case nil:
					won.Add(1)
					winner.Store(int64(i))
				case txaio.ErrAlreadyCalled:
				default:
					t.Errorf("Resolve returned %v", err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d goroutines settled the future", won.Load())
		}
		for range 2 {
			if v := receive(t, got, "a callback"); v != int(winner.Load()) {
				t.Errorf("a callback got %d, not %d", v, winner.Load())
			}
		}
		flush(t, loop)
		if len(got) > 0 {
			t.Error("a callback ran twice")
		}
	}
}

// A loop that nobody refers to any more runs what it has been given, and is
// collected after that.
func TestFaultLoopDroppedWithWork(t *testing.T) {
	var ran atomic.Int64
	release := make(chan struct{})
	pointer := func() weak.Pointer[txaio.Loop] {
		loop := txaio.NewLoop()
		loop.CallSoon(func() { <-release })
		for range 1000 {
			loop.CallSoon(func() { ran.Add(1) })
		}
		loop.CallLater(1, func() { ran.Add(1) })
		return weak.Make(loop)
	}()
	runtime.GC()
	close(release)
	eventually(t, "everything ran and the loop was collected", func() bool {
		runtime.GC()
		return ran.Load() == 1001 && pointer.Value() == nil
	})
}

// What a test loop holds when it is dropped is gone: nobody runs it.
func TestFaultTestLoopDroppedWithWork(t *testing.T) {
	ran := false
	pointer := func() weak.Pointer[txaio.Loop] {
		loop := testutil.NewTestLoop()
		loop.CallSoon(func() { ran = true })
		return weak.Make(loop.Loop)
	}()
	eventually(t, "the loop was collected", func() bool { runtime.GC(); return pointer.Value() == nil })
	if ran {
		t.Error("the function ran")
	}
}

// A context that ends releases whoever waits with it, and leaves the future as
// it is.
func TestFaultContextEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		ctx, cancel := context.WithCancel(t.Context())
		f := txaio.CreateFuture[int]()
		awaited, ran := make(chan error, 1), make(chan error, 1)
		go func() { _, err := txaio.Await(ctx, f); awaited <- err }()
		go func() { ran <- loop.Run(ctx) }()
		synctest.Wait()
		cancel()
		wantErr(t, "Await", <-awaited, context.Canceled)
		wantErr(t, "Run", <-ran, context.Canceled)
		if f.IsCalled() {
			t.Error("the future was settled")
		}
		txaio.Resolve(f, 1)
		wantValueOf(t, f, 1)
	})
}

func wantValueOf(t *testing.T, f *txaio.Future[int], want int) {
	t.Helper()
	if got, err := txaio.Await(t.Context(), f); got != want || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// A clock that jumps back makes timers late by the jump, and loses none; those
// of a batched timer likewise. The system's clock cannot do that: loops go by
// its monotonic reading.
func TestFaultClockJumpsBack(t *testing.T) {
	clock := clockwork.NewFakeClockAt(time.Unix(1e6, 0))
	loop := txaio.NewLoop(txaio.WithClock(clock))
	defer testutil.ReplaceLoop(loop)()
	fired := make(chan string, 3)
	loop.CallLater(10*time.Second, func() { fired <- "timer" })
	txaio.MakeBatchedTimer(time.Second, 1).CallLater(10*time.Second, func() { fired <- "batched" })
	clock.Advance(-time.Hour)
	flush(t, loop)
	clock.Advance(time.Hour + 9*time.Second)
	flush(t, loop)
	if len(fired) > 0 {
		t.Errorf("%s fired early", <-fired)
	}
	clock.Advance(time.Second)
	for range 2 {
		receive(t, fired, "a timer")
	}
}

// A callback that blocks for ever holds up its loop, and nothing else: other
// loops run, Await and its context work, and debug mode and Stats tell.
func TestFaultCallbackBlocks(t *testing.T) {
	inBubble(t, func(t *testing.T, stuck *txaio.Loop) {
		block := make(chan struct{})
		defer close(block)
		stuck.CallSoon(func() { <-block })
		synctest.Wait()
		stuck.CallSoon(func() {})
		if got := stuck.Stats().Ready; got != 1 {
			t.Errorf("%d functions wait", got)
		}
		other := txaio.NewLoop()
		ran := false
		other.CallSoon(func() { ran = true })
		synctest.Wait()
		if !ran {
			t.Error("another loop does not run")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := txaio.Await(ctx, txaio.CreateFuture[int]()); err != context.DeadlineExceeded {
			t.Errorf("Await returned %v", err)
		}
		// Run cannot take over, and says so when its context ends.
		if err := stuck.Run(ctx); err != context.DeadlineExceeded {
			t.Errorf("Run returned %v", err)
		}
	})
}

// The text that reports a panic names the place of the panic.
func TestFaultTraceback(t *testing.T) {
	log := captureLog(t, nil)
	loop := txaio.NewLoop()
	loop.CallSoon(faultyFunction)
	flush(t, loop)
	if entry := strings.Join(log.with("a fault with a place"), ""); !strings.Contains(entry, "in github.com/txaio-go/txaio_test.faultyFunction\n") {
		t.Errorf("logged %q", entry)
	}
}

func faultyFunction() { panic("a fault with a place") }
