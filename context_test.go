//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// inBubble runs a test on a loop of its own in a bubble.
func inBubble(t *testing.T, test func(t *testing.T, loop *txaio.Loop)) {
	synctest.Test(t, func(t *testing.T) {
		loop := txaio.NewLoop()
		defer testutil.ReplaceLoop(loop)()
		test(t, loop)
	})
}

func TestCancelOnDone(t *testing.T) {
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		ctx, cancel := context.WithCancelCause(t.Context())
		f := txaio.CreateFuture[int]()
		txaio.CancelOnDone(ctx, f)
		j := new(journal)
		watch(j, f, "f")
		synctest.Wait()
		if f.IsCalled() {
			t.Fatal("cancelled before its time")
		}
		cancel(errors.New("the reason"))
		synctest.Wait()
		j.want(t, byBackend("f!cancelled", "f!cancelled: the reason"))
		if _, err := txaio.Await(t.Context(), f); !errors.Is(err, txaio.ErrCancelled) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		late := txaio.CreateFuture[int]()
		txaio.CancelOnDone(ctx, late)
		synctest.Wait()
		if !late.IsCalled() {
			t.Error("a context that has ended already does not cancel")
		}
	})
}

// Cancellers and callbacks run on the loop, not on the goroutine that ended the context.
func TestCancelOnDoneRunsOnTheLoop(t *testing.T) {
	x := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
	watch(&x.journal, f, "f")
	txaio.CancelOnDone(ctx, f)
	cancel()
	eventually(t, "it is queued", func() bool { return x.Stats().Ready == 1 })
	x.want(t)
	x.RunUntilIdle()
	x.want(t, "canceller", byBackend("f!cancelled", "f!cancelled: context canceled"))
}

// stoppable is a context that counts the functions that wait for its end.
type stoppable struct {
	context.Context
	waiting int
}

func (s *stoppable) AfterFunc(func()) (stop func() bool) {
	s.waiting++
	return func() bool { s.waiting--; return true }
}
func (s *stoppable) Done() <-chan struct{} { return make(chan struct{}) }

func TestCancelOnDoneReleases(t *testing.T) {
	x, log := newFixture(t), ownReports(t)
	ctx := &stoppable{Context: context.Background()}
	for _, settle := range []func(f *txaio.Future[int]){
		func(f *txaio.Future[int]) { txaio.Resolve(f, 1) },
		func(f *txaio.Future[int]) { txaio.Reject(f, errors.New("released")) },
		func(f *txaio.Future[int]) { txaio.Cancel(f) },
	} {
		f := txaio.CreateFuture[int]()
		txaio.CancelOnDone(ctx, f)
		if ctx.waiting != 1 {
			t.Fatalf("%d functions wait for the context", ctx.waiting)
		}
		settle(f)
		x.RunUntilIdle()
		if ctx.waiting != 0 {
			t.Errorf("%d functions wait for the context", ctx.waiting)
		}
	}
	wantReport(t, log, "errorString: released") // CancelOnDone has not seen it
}

func TestCancelOnDoneStop(t *testing.T) {
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		ctx, cancel := context.WithCancel(t.Context())
		f, other := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
		stop, tooLate := txaio.CancelOnDone(ctx, f), txaio.CancelOnDone(ctx, other)
		if !stop() || stop() {
			t.Error("stop is not true once")
		}
		cancel()
		synctest.Wait()
		if f.IsCalled() || !other.IsCalled() {
			t.Error("stop stopped another CancelOnDone, or not its own")
		}
		if tooLate() || txaio.CancelOnDone(ctx, f)() {
			t.Error("stop is true after the context ended")
		}
		synctest.Wait()
		_, _ = txaio.Await(t.Context(), f)
		_, _ = txaio.Await(t.Context(), other)

		settled := txaio.CreateFutureSuccess(1)
		stop = txaio.CancelOnDone(t.Context(), settled)
		synctest.Wait()
		if stop() {
			t.Error("stop is true though the future was settled")
		}
	})
}

// The error is different for a deadline and a call of cancel, also after Then and
// Gather, and also if the context has a cause of its own.
func TestCancelOnDoneDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errOne)
		defer cancel()
		f := txaio.CreateFuture[int]()
		withCanceller := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) {}))
		g := txaio.Gather([]*txaio.Future[int]{txaio.Then(f, passValue), withCanceller}, false)
		txaio.CancelOnDone(ctx, g) // and so f, and the one with a canceller
		time.Sleep(2 * time.Second)
		for name, of := range map[string]txaio.AnyFuture{"f": f, "with a canceller": withCanceller, "gathered": g} {
			results, _ := txaio.Await(t.Context(), txaio.GatherAny([]txaio.AnyFuture{of}, true))
			for _, want := range []error{context.DeadlineExceeded, context.Canceled, txaio.ErrCancelled, errOne} {
				if err := results[0].Failure; !errors.Is(err, want) {
					t.Errorf("%s: %v is not %v", name, err, want)
				}
			}
		}
		plain := txaio.CreateFuture[int]()
		txaio.Cancel(plain)
		if _, err := txaio.Await(t.Context(), plain); errors.Is(err, context.DeadlineExceeded) {
			t.Error("Cancel has a deadline")
		}
	})
}

// A cancellation by a context is not reported as unhandled, even if it was passed on.
func TestCancelOnDoneIsNotReported(t *testing.T) {
	log := captureLog(t, nil)
	x := newFixture(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	func() {
		f := txaio.CreateFuture[int]()
		g := txaio.Then(f, passValue)
		txaio.CancelOnDone(ctx, f)
		if _, err := txaio.Await(ended(), g); err != context.Canceled {
			t.Errorf("got %v", err)
		}
		passed := txaio.CreateFuture[int]()
		txaio.Watch(txaio.Then(f, passValue), nil, func(fail *txaio.Failure) { txaio.Reject(passed, fail) })
		cancel(errors.New("explained"))
		eventually(t, "the cancellation is queued", x.Ready)
		x.RunUntilIdle()
	}()
	settleReports(t, log)
	if got := log.with("CancelledError"); len(got) > 0 {
		t.Errorf("reported %q", got)
	}
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// The traceback shows the call of AddTimeout, not the timer.
func TestAddTimeoutTraceback(t *testing.T) {
	x := newFixture(t)
	limited := setLimit(txaio.CreateFuture[int]())
	x.Advance(time.Second)
	fail := wantFailure(t, limited, context.DeadlineExceeded)
	if trace := txaio.FailureFormatTraceback(fail); !strings.Contains(trace, "txaio_test.setLimit") {
		t.Errorf("traceback:\n%s", trace)
	}
}

func setLimit(f *txaio.Future[int]) *txaio.Future[int] { return txaio.AddTimeout(f, time.Second) }

func TestAddTimeout(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
	watch(&x.journal, f, "before")
	limited := txaio.AddTimeout(f, 5*time.Second)
	if (limited == f) != txaio.UsingDeferred {
		t.Error("deferred: the same; future: another")
	}
	watch(&x.journal, limited, "limited")
	x.Advance(5*time.Second - 1)
	x.want(t)
	x.Advance(1)
	x.want(t, "canceller", "before!cancelled", "limited!timed out after 5s")
	_, err := await(t, limited)
	var timeout *txaio.TimeoutError
	if !errors.As(err, &timeout) || timeout.Delay != 5*time.Second || !timeout.Timeout() || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, txaio.ErrCancelled) {
		t.Errorf("got %v", err)
	}
}

func TestAddTimeoutOfNil(t *testing.T) {
	x := newFixture(t)
	wantUsageError(t, func() { txaio.AddTimeout[int](nil, time.Second) }, "nil")
	if timers := x.Stats().Timers; timers != 0 {
		t.Errorf("%d timers were set", timers)
	}
}

// A future that is settled in time keeps its outcome, and leaves no timer.
func TestAddTimeoutInTime(t *testing.T) {
	for name, test := range map[string]struct {
		settle func(f *txaio.Future[int])
		want   string
	}{
		"value":     {func(f *txaio.Future[int]) { txaio.Resolve(f, 7) }, "f=7"},
		"failure":   {func(f *txaio.Future[int]) { txaio.Reject(f, errOne) }, "f!one"},
		"cancelled": {func(f *txaio.Future[int]) { txaio.Cancel(f, "by hand") }, byBackend("f!cancelled", "f!cancelled: by hand")},
	} {
		for _, after := range []time.Duration{0, time.Second / 2, time.Second} { // the last is just in time
			t.Run(fmt.Sprintf("%s after %v", name, after), func(t *testing.T) {
				x := newFixture(t)
				f := txaio.CreateFuture[int]()
				if after == 0 {
					test.settle(f)
				} else {
					txaio.CallLater(after, func() { test.settle(f) })
				}
				limited := txaio.AddTimeout(f, time.Second)
				watch(&x.journal, limited, "f")
				if after > 0 {
					x.Advance(after - 1)
					x.want(t)
				}
				x.Advance(1)
				x.want(t, test.want)
				if timers := x.Stats().Timers; timers != 0 {
					t.Errorf("%d timers are left", timers)
				}
				x.Advance(time.Hour)
				x.want(t)
			})
		}
	}
}

// On the deferred backend, a canceller can settle the future with its own outcome. On
// the future backend the future is already cancelled when the canceller runs.
func TestAddTimeoutCancellerDecides(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { txaio.Resolve(f, 3) }))
	watch(&x.journal, txaio.AddTimeout(f, -1), "f")
	x.Advance(0)
	x.want(t, byBackend("f=3", "f!timed out after -1ns"))

	f = txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { txaio.Reject(f, errOne) }))
	watch(&x.journal, txaio.AddTimeout(f, time.Second), "f")
	x.Advance(time.Second)
	x.want(t, byBackend("f!one", "f!timed out after 1s"))
}

func TestAddTimeoutCancelled(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	limited := txaio.AddTimeout(f, time.Second)
	watch(&x.journal, limited, "limited")
	txaio.Cancel(limited, "enough")
	x.RunUntilIdle()
	if !f.IsCalled() {
		t.Error("cancelling the future of AddTimeout does not cancel its source")
	}
	x.want(t, byBackend("limited!cancelled", "limited!cancelled: enough"))
	if timers := x.Stats().Timers; timers != 0 {
		t.Errorf("%d timers are left", timers)
	}
}

func TestAddTimeoutOfGather(t *testing.T) {
	x := newFixture(t)
	children := []*txaio.Future[int]{txaio.CreateFuture[int](), txaio.CreateFuture[int]()}
	limited := txaio.AddTimeout(txaio.Gather(children, false), time.Second)
	txaio.AddCallbacks(limited, nil, func(fail *txaio.Failure) ([]txaio.Result[int], error) {
		x.note("%v", fail)
		return nil, fail
	})
	x.Advance(time.Second)
	// On the deferred backend the gathered future fails because its children do.
	x.want(t, "timed out after 1s")
	for _, child := range children {
		if !child.IsCalled() {
			t.Error("a child is still pending")
		}
		wantFailure(t, child, txaio.ErrCancelled)
	}
}

// If nobody looks at the failure of AddTimeout's future, it is reported.
func TestAddTimeoutUnhandled(t *testing.T) {
	x, log := newFixture(t), captureLog(t, nil)
	func() {
		f := txaio.CreateFuture[int]()
		txaio.AddTimeout(f, 1234*time.Second)
		x.Advance(2000 * time.Second)
	}()
	wantReport(t, log, "TimeoutError: timed out after 20m34s")
	func() {
		f := txaio.CreateFuture[int]()
		txaio.AddTimeout(f, time.Hour)
		txaio.Reject(f, errors.New("failed in time"))
		x.RunUntilIdle()
	}()
	wantReport(t, log, "failed in time") // AddTimeout does not handle the failure
	func() {
		txaio.AddCallbacks(txaio.AddTimeout(txaio.CreateFuture[int](), 4321*time.Second), nil, passFailure)
		x.Advance(5000 * time.Second)
	}()
	settleReports(t, log)
	if got := log.with("1h12m1s"); len(got) > 0 {
		t.Errorf("reported %q", got)
	}
	// f's own failure is not reported, because f has passed it on.
	func() {
		txaio.AddCallbacks(txaio.AddTimeout(txaio.CreateFutureError[int](errors.New("passed on")), time.Hour), nil, passFailure)
		f := txaio.CreateFuture[int]()
		txaio.AddCallbacks(txaio.AddTimeout(f, time.Hour), nil, passFailure)
		txaio.Reject(f, errors.New("passed on"))
		x.RunUntilIdle()
	}()
	settleReports(t, log)
	if got := log.with("passed on"); len(got) > 0 {
		t.Errorf("reported %q", got)
	}
}

// The future of AddTimeout can be cancelled until it is settled. On the future backend
// it is settled a turn of the loop after its source.
func TestAddTimeoutCancelledLate(t *testing.T) {
	for name, test := range map[string]struct {
		settle func(f *txaio.Future[int])
		want   string
	}{
		"value":   {func(f *txaio.Future[int]) { txaio.Resolve(f, 1) }, byBackend("limited=1", "limited!cancelled: late")},
		"failure": {func(f *txaio.Future[int]) { txaio.Reject(f, errOne) }, byBackend("limited!one", "limited!cancelled: late")},
	} {
		t.Run(name, func(t *testing.T) {
			x := newFixture(t)
			f := txaio.CreateFuture[int]()
			limited := txaio.AddTimeout(f, time.Second)
			watch(&x.journal, limited, "limited")
			test.settle(f)
			txaio.Cancel(limited, "late")
			x.RunUntilIdle()
			x.want(t, test.want)
			txaio.Cancel(limited, "later")
			x.Advance(time.Hour)
			x.want(t)
		})
	}
}

// The source decides the outcome of AddTimeout's future. On the deferred backend, a
// gathered future that consumes errors succeeds when its children are cancelled.
func TestAddTimeoutOfConsumingGather(t *testing.T) {
	x := newFixture(t)
	children := []*txaio.Future[int]{txaio.CreateFutureSuccess(1), txaio.CreateFuture[int]()}
	limited := txaio.AddTimeout(txaio.Gather(children, true), time.Second)
	txaio.Watch(limited, func(results []txaio.Result[int]) {
		x.note("%d, %v", results[0].Value, results[1].Failure)
	}, func(fail *txaio.Failure) { x.note("%v", fail) })
	x.Advance(time.Minute)
	x.want(t, byBackend("1, cancelled", "timed out after 1s"))
}
