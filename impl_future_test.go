//go:build future

package txaio_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// These tests check the rules in Python's documentation of asyncio.Future.

func TestFutureStates(t *testing.T) {
	newFixture(t)
	fail := txaio.CreateFailure(errOne)
	tests := []struct {
		name      string
		settle    func(f *txaio.Future[int])
		value     int
		resultErr error // the error of Result
		exception error
		excErr    error
		cancelled bool
	}{
		{"pending", func(*txaio.Future[int]) {}, 0, txaio.ErrNotDone, nil, txaio.ErrNotDone, false},
		{"done", func(f *txaio.Future[int]) { f.SetResult(4) }, 4, nil, nil, nil, false},
		{"failed", func(f *txaio.Future[int]) { f.SetException(fail) }, 0, fail, errOne, nil, false},
		{"cancelled", func(f *txaio.Future[int]) { f.Cancel("why") }, 0, txaio.ErrCancelled, nil, txaio.ErrCancelled, true},
		{"failed with a CancelledError", func(f *txaio.Future[int]) { f.SetException(cancelledError) }, 0, txaio.ErrCancelled, cancelledError, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := txaio.CreateFuture[int]()
			test.settle(f)
			value, err := f.Result()
			if value != test.value || !errors.Is(err, test.resultErr) || (err == nil) != (test.resultErr == nil) {
				t.Errorf("Result() = %v, %v, want %v, %v", value, err, test.value, test.resultErr)
			}
			exception, err := f.Exception()
			if exception != test.exception || !errors.Is(err, test.excErr) || (err == nil) != (test.excErr == nil) {
				t.Errorf("Exception() = %v, %v, want %v, %v", exception, err, test.exception, test.excErr)
			}
			if f.Cancelled() != test.cancelled {
				t.Errorf("Cancelled() = %v", f.Cancelled())
			}
			settled := test.name != "pending"
			wantSettled(t, f, settled)
			if got := f.Cancel("again"); got == settled {
				t.Errorf("Cancel() = %v", got)
			}
			wantErr(t, "SetResult", f.SetResult(1), txaio.ErrAlreadyCalled)
			wantErr(t, "SetException", f.SetException(errTwo), txaio.ErrAlreadyCalled)
		})
	}
}

var cancelledError = &txaio.CancelledError{Message: "by hand"}

func TestFutureResultOfCancelled(t *testing.T) {
	newFixture(t)
	f := txaio.CreateFuture[int]()
	if !f.Cancel("why") {
		t.Error("Cancel() = false")
	}
	_, err := f.Result()
	if cancelled, ok := err.(*txaio.CancelledError); !ok || cancelled.Message != "why" {
		t.Errorf("Result's error is %T %v, want the *CancelledError", err, err)
	}
	_, err = f.Exception()
	if cancelled, ok := err.(*txaio.CancelledError); !ok || cancelled.Message != "why" {
		t.Errorf("Exception's error is %T %v, want the *CancelledError", err, err)
	}
	failed := txaio.CreateFutureError[int](errOne)
	if _, err := failed.Result(); !isFailure(err) {
		t.Errorf("Result's error is %T, want a *Failure", err)
	}
}

func isFailure(err error) bool {
	_, ok := err.(*txaio.Failure)
	return ok
}

func TestFutureDoneCallbacks(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	note := func(name string) func(*txaio.Future[int]) {
		return func(got *txaio.Future[int]) {
			value, _ := got.Result()
			x.note("%s %v %d", name, got == f, value)
		}
	}
	f.AddDoneCallback(note("a"))
	watch(&x.journal, f, "pair")
	f.AddDoneCallback(note("b"))
	f.SetResult(2)
	x.want(t)
	x.RunUntilIdle()
	f.AddDoneCallback(note("late"))
	x.want(t, "a true 2", "pair=2", "b true 2")
	x.RunUntilIdle()
	x.want(t, "late true 2")
}

// Gather's own callback runs in the order of addition, as other callbacks do.
func TestFutureGatherInOrder(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	var first, second *txaio.Future[[]txaio.Result[int]]
	first = txaio.Gather([]*txaio.Future[int]{f}, true)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		x.note("the first is called: %t, the second: %t", first.IsCalled(), second.IsCalled())
		return v, nil
	}, nil)
	second = txaio.Gather([]*txaio.Future[int]{f}, true)
	f.SetResult(1)
	x.RunUntilIdle()
	x.want(t, "the first is called: true, the second: false")
}

// Futures of several loops can be gathered. Each loop stores its own results, and the
// last one settles the gathered future.
func TestFutureGatherOfSeveralLoops(t *testing.T) {
	var futures []*txaio.Future[int]
	for range 3 {
		restore := testutil.ReplaceLoop(txaio.NewLoop())
		for range 100 {
			futures = append(futures, txaio.CreateFuture[int]())
		}
		restore()
	}
	g := txaio.Gather(futures, true)
	for _, third := range [][]*txaio.Future[int]{futures[:100], futures[100:200], futures[200:]} {
		go func() {
			for i, f := range third {
				txaio.Resolve(f, i)
			}
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	results, err := txaio.Await(ctx, g)
	if err != nil || len(results) != len(futures) {
		t.Fatalf("%d results, error %v", len(results), err)
	}
	for i, result := range results {
		if result.Value != i%100 || result.Failure != nil {
			t.Errorf("result %d is %v", i, result)
		}
	}
}

func TestFutureCallbacksSeeTheSame(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	for range 3 {
		txaio.AddCallbacks(f, func(v int) (int, error) { x.note("%d", v); return v * 2, nil }, nil)
	}
	f.SetResult(1)
	x.RunUntilIdle()
	x.want(t, "1", "1", "1")

	f = txaio.CreateFuture[int]()
	fail := txaio.CreateFailure(errOne)
	for range 3 {
		txaio.AddCallbacks(f, nil, func(got *txaio.Failure) (int, error) { x.note("%v", got == fail); return 1, nil })
	}
	f.SetException(fail)
	x.RunUntilIdle()
	x.want(t, "true", "true", "true")
}

func TestFutureErrorsFromCallbacks(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFutureSuccess(1)
	// The errback gets its own callback's error, and returns it or another one.
	txaio.AddCallbacks(f, func(int) (int, error) { return 0, errOne },
		func(fail *txaio.Failure) (int, error) { x.note("errback %v", fail); return 0, fail })
	txaio.AddCallbacks(f, func(int) (int, error) { panic(errOne) },
		func(fail *txaio.Failure) (int, error) { x.note("errback %v", fail); return 0, errTwo })
	txaio.AddCallbacks(f, func(int) (int, error) { return 0, (*txaio.Failure)(nil) },
		func(fail *txaio.Failure) (int, error) { x.note("not called"); return 0, nil })
	f.AddDoneCallback(func(*txaio.Future[int]) { panic("done callback") })
	watch(&x.journal, f, "next")
	x.RunUntilIdle()
	x.want(t, "errback one", "errback one", "handler two", "handler done callback", "next=1")
}

func TestFutureGoexitInCallbacks(t *testing.T) {
	var j journal
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(int) (int, error) { runtime.Goexit(); return 0, nil },
		func(fail *txaio.Failure) (int, error) { j.note("errback %v", fail); return 0, nil })
	watch(&j, f, "next")
	f.AddDoneCallback(func(*txaio.Future[int]) { runtime.Goexit() })
	watch(&j, f, "last")
	f.SetResult(1)
	onLoop(loop, func() { j.note("on loop") })
	j.want(t, "next=1", "last=1", "on loop")
}

func TestFutureCanceller(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { x.note("canceller %v", f.Cancelled()) }))
	f.AddDoneCallback(func(*txaio.Future[int]) { x.note("done") })
	f.Cancel()
	x.want(t)
	x.RunOnce()
	x.want(t, "canceller true", "done")
}

func TestFutureGatherCancel(t *testing.T) {
	x := newFixture(t)
	a, b := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	a.SetResult(1)
	g := txaio.Gather([]*txaio.Future[int]{a, b}, true)
	if !g.Cancel("enough") {
		t.Error("Cancel() = false with a child pending")
	}
	if g.Cancel("again") {
		t.Error("Cancel() = true with no child pending")
	}
	wantSettled(t, g, false) // until the children's callbacks have run
	wantSettled(t, b, true)
	if !b.Cancelled() {
		t.Error("the child is not cancelled")
	}
	x.RunUntilIdle()
	if g.Cancelled() {
		t.Error("Cancelled() = true: asyncio's gather fails with the CancelledError, which is not that")
	}
	exception, err := g.Exception()
	cancelled, ok := exception.(*txaio.CancelledError)
	if err != nil || !ok || cancelled.Message != "enough" {
		t.Errorf("Exception() = %v, %v", exception, err)
	}
	if g.Cancel() {
		t.Error("Cancel() = true when settled")
	}

	g = txaio.Gather([]*txaio.Future[int]{a}, true)
	if g.Cancel() {
		t.Error("Cancel() = true with no child pending")
	}
	x.RunUntilIdle()
	if results, err := g.Result(); err != nil || results[0].Value != 1 {
		t.Errorf("Result() = %v, %v", results, err)
	}
}

// A future's callbacks run on the loop that was current when it was created.
func TestFutureLoops(t *testing.T) {
	first, second := newFixture(t), newFixture(t) // second is current now
	testutil.ReplaceLoop(first.TestLoop)
	a := txaio.CreateFuture[int]()
	testutil.ReplaceLoop(second.TestLoop)
	b := txaio.CreateFuture[int]()
	watch(&first.journal, a, "a")
	watch(&second.journal, b, "b")
	zero := new(txaio.Future[int])
	watch(&second.journal, zero, "zero")
	a.SetResult(1)
	b.SetResult(2)
	zero.SetResult(3)
	testutil.ReplaceLoop(first.TestLoop) // existing futures stay where they are
	second.RunUntilIdle()
	first.want(t)
	second.want(t, "b=2", "zero=3")
	first.RunUntilIdle()
	first.want(t, "a=1")
	watch(&first.journal, zero, "zero") // a zero Future is on the loop that is current
	first.RunUntilIdle()
	first.want(t, "zero=3")

	// Gather's result is on the loop of the first.
	g := txaio.Gather([]*txaio.Future[int]{b, a}, true)
	g.AddDoneCallback(func(*txaio.Future[[]txaio.Result[int]]) { second.note("gathered") })
	second.RunUntilIdle()
	first.RunUntilIdle()
	second.want(t)
	second.RunUntilIdle()
	second.want(t, "gathered")

	// AddTimeout's timer and result are on the loop of the future.
	late := txaio.CreateFuture[int]()
	testutil.ReplaceLoop(second.TestLoop)
	watch(&first.journal, txaio.AddTimeout(late, time.Second), "late")
	second.Advance(time.Minute)
	first.want(t)
	first.Advance(time.Second)
	first.want(t, "late!timed out after 1s")
}

func TestFutureZeroValue(t *testing.T) {
	ownReports(t)
	x := newFixture(t)
	for _, settle := range []func(*txaio.Future[int]) error{
		func(f *txaio.Future[int]) error { return f.SetResult(0) },
		func(f *txaio.Future[int]) error { return f.SetException(errOne) },
		func(f *txaio.Future[int]) error { txaio.Cancel(f); return nil },
	} {
		var f txaio.Future[int]
		wantErr(t, "settling", settle(&f), nil)
		watch(&x.journal, &f, "f")
		g := txaio.Gather([]*txaio.Future[int]{new(txaio.Future[int])}, true)
		txaio.Cancel(g)
		x.RunUntilIdle()
		wantSettled(t, g, true)
	}
	x.want(t, "f=0", "f!one", "f!cancelled")
}

// queueLoop is an EventLoop that is not of this package.
type queueLoop struct{ queue []func() }

func (l *queueLoop) CallSoon(fn func()) { l.queue = append(l.queue, fn) }
func (l *queueLoop) Now() time.Time     { return time.Unix(0, 0) }
func (l *queueLoop) CallLater(time.Duration, func()) txaio.DelayedCall {
	panic("not used")
}

func (l *queueLoop) run() {
	for len(l.queue) > 0 {
		fn := l.queue[0]
		l.queue = l.queue[1:]
		fn()
	}
}

func TestFutureOnForeignLoop(t *testing.T) {
	printed, child := inChild(t)
	if !child {
		if !strings.Contains(printed, "errors.errorString: two") {
			t.Errorf("the errback's error was not reported:\n%s", printed)
		}
		return
	}
	var j journal
	loop := &queueLoop{}
	defer testutil.ReplaceLoop(loop)()
	f := txaio.CreateFuture[int]()
	watch(&j, f, "a")
	txaio.AddCallbacks(f, nil, func(*txaio.Failure) (int, error) { return 0, errTwo })
	watch(&j, f, "b")
	f.SetException(errOne)
	j.want(t)
	loop.run()
	j.want(t, "a!one", "b!one")
}

// refusingLoop is a loop whose CallSoon panics.
type refusingLoop struct{ queueLoop }

func (l *refusingLoop) CallSoon(func()) { panic("not now") }

// A loop that panics does not leave a future locked.
func TestFutureOnLoopThatPanics(t *testing.T) {
	defer testutil.ReplaceLoop(&refusingLoop{})()
	f := txaio.CreateFuture[int]()
	nop := func(v int) (int, error) { return v, nil }
	txaio.AddCallbacks(f, nop, nil)
	for _, c := range []struct {
		name string
		use  func()
	}{
		{"Resolve", func() { txaio.Resolve(f, 1) }},
		{"AddCallbacks", func() { txaio.AddCallbacks(f, nop, nil) }},
		{"AddDoneCallback", func() { f.AddDoneCallback(func(*txaio.Future[int]) {}) }},
		{"Gather", func() { txaio.Gather([]*txaio.Future[int]{f}, true) }},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the loop's panic disappeared", c.name)
				}
			}()
			c.use()
		}()
		called := make(chan bool, 1)
		go func() { called <- txaio.IsCalled(f) }()
		select {
		case <-called:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the future is locked", c.name)
		}
	}
}

func TestFutureCallbacksRunOnTheLoopsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		loop := txaio.NewLoop()
		defer testutil.ReplaceLoop(loop)()
		hold := make(chan struct{})
		loop.CallSoon(func() { <-hold })
		f := txaio.CreateFuture[int]()
		watch(&j, f, "f")
		f.SetResult(1)
		synctest.Wait()
		j.want(t) // the loop is busy
		close(hold)
		synctest.Wait()
		j.want(t, "f=1")
	})
}

func TestFutureMisuse(t *testing.T) {
	newFixture(t)
	f := txaio.CreateFuture[int]()
	wantUsageError(t, func() { f.SetException(nil) }, "nil")
	wantUsageError(t, func() { f.AddDoneCallback(nil) }, "AddDoneCallback")
	var none *txaio.Future[int]
	for _, fn := range []func(){
		func() { _ = none.SetResult(1) }, func() { _ = none.SetException(errOne) }, func() { none.Cancel() },
		func() { none.Cancelled() }, func() { _, _ = none.Result() }, func() { _, _ = none.Exception() },
		func() { none.AddDoneCallback(func(*txaio.Future[int]) {}) },
	} {
		wantUsageError(t, fn, "nil")
	}
	wantSettled(t, f, false)
}

// In Python's txaio a canceller is a callback of the future, so every settling
// schedules it: the loop takes a turn, and finds the timers that are due. Few programs
// of a conformance run check this.
func TestCancellerIsScheduledHoweverSettled(t *testing.T) {
	for _, canceller := range []bool{false, true} {
		x := newFixture(t)
		var opts []txaio.FutureOption[int]
		if canceller {
			opts = append(opts, txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
		}
		f := txaio.CreateFuture(opts...)
		x.CallLater(0, func() { x.note("timer") })
		txaio.Resolve(f, 1)
		x.RunUntilIdle()
		if canceller {
			x.want(t, "timer")
		} else {
			x.want(t)
		}
	}
}

// As in asyncio, Result and Exception retrieve a failure, and a done callback
// does not.
func TestUnhandledFutureNative(t *testing.T) {
	x, log := newFixture(t), captureLog(t, nil)
	for text, use := range map[string]func(f *txaio.Future[int]){
		"native: Result":    func(f *txaio.Future[int]) { _, _ = f.Result() },
		"native: Exception": func(f *txaio.Future[int]) { _, _ = f.Exception() },
		"native: done":      func(f *txaio.Future[int]) { f.AddDoneCallback(func(*txaio.Future[int]) {}) },
		"native: early": func(f *txaio.Future[int]) {
			g := txaio.CreateFuture[int]()
			_, _ = g.Result()
			_, _ = g.Exception()
			fail, _ := f.Exception()
			_ = g.SetException(fail)
		},
	} {
		func() { use(txaio.CreateFutureError[int](errors.New(text))) }()
		x.RunUntilIdle()
	}
	settleReports(t, log)
	for text, want := range map[string]int{"native: Result": 0, "native: Exception": 0, "native: done": 1, "native: early": 1} {
		if got := len(log.with(text)); got != want {
			t.Errorf("%s: reported %d times, want %d", text, got, want)
		}
	}
}

// The future of AddTimeout counts as cancelled if its source was cancelled.
func TestAddTimeoutCancelledState(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	limited := txaio.AddTimeout(f, time.Second)
	f.Cancel("enough")
	x.RunUntilIdle()
	if !limited.Cancelled() {
		t.Error("it does not count as cancelled")
	}

	// So it does if it was cancelled itself, also after the future was settled.
	f = txaio.CreateFuture[int]()
	limited = txaio.AddTimeout(f, time.Second)
	f.SetResult(1)
	if !limited.Cancel("late") {
		t.Error("Cancel() = false though it is pending")
	}
	x.RunUntilIdle()
	if !limited.Cancelled() {
		t.Error("it does not count as cancelled if that was late")
	}
}

// promptLoop is a loop that runs what is queued before CallLater returns, as a loop
// on another goroutine can.
type promptLoop struct{ queueLoop }

func (l *promptLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	l.run()
	return applicationTimer{time.AfterFunc(delay, fn)}
}

func TestAddTimeoutOnPromptLoop(t *testing.T) {
	loop := &promptLoop{}
	defer testutil.ReplaceLoop(loop)()
	limited := txaio.AddTimeout(txaio.CreateFutureSuccess(1), time.Hour)
	loop.run()
	if value, err := limited.Result(); value != 1 || err != nil {
		t.Errorf("got %v, %v", value, err)
	}
}

// Cancelling a settled future allocates nothing, and cancelling a gathered future makes
// one failure for all children.
func TestFutureCancelIsCheap(t *testing.T) {
	x := newFixture(t)
	settled := txaio.CreateFutureSuccess(1)
	for name, cancel := range map[string]func(){
		"Cancel":         func() { settled.Cancel() },
		"txaio.Cancel":   func() { txaio.Cancel(settled, "too late") },
		"with a message": func() { settled.Cancel("too late") },
	} {
		if n := testing.AllocsPerRun(100, cancel); n != 0 {
			t.Errorf("%s of a settled future allocates %v times", name, n)
		}
	}
	children := make([]*txaio.Future[int], 10)
	failures := make(map[*txaio.Failure]bool)
	for i := range children {
		children[i] = txaio.CreateFuture[int]()
		txaio.Watch(children[i], nil, func(fail *txaio.Failure) { failures[fail] = true })
	}
	g := txaio.Gather(children, false)
	txaio.Watch(g, nil, func(fail *txaio.Failure) { failures[fail] = true })
	g.Cancel("enough")
	x.RunUntilIdle()
	if len(failures) != 1 {
		t.Errorf("%d failures for one cancellation", len(failures))
	}
}

// TestGatherCancelOnLoopThatTakesOneAtATime cancels futures on a loop whose
// CallSoon returns only when the loop has taken the function.
func TestGatherCancelOnLoopThatTakesOneAtATime(t *testing.T) {
	loop := make(channelLoop) // unbuffered
	go func() {
		for fn := range loop {
			fn()
		}
	}()
	defer testutil.ReplaceLoop(loop)()
	child := txaio.CreateFuture[int]()
	all := txaio.Gather([]*txaio.Future[int]{child}, true)
	watchValue(child) // queues a second function while the loop runs the first
	cancelled := make(chan bool, 1)
	go func() { cancelled <- all.Cancel() }()
	if !receive(t, cancelled, "the return of Cancel") {
		t.Error("Cancel returned false")
	}
	receive(t, all.Done(), "the end of the gathering")
	if _, err := all.Result(); err == nil {
		t.Error("the gathering was cancelled, and has not failed")
	}
}

// takingLoop is a loop whose CallSoon waits until the test releases it.
type takingLoop struct {
	channelLoop
	asked, taken chan struct{}
}

func (l takingLoop) CallSoon(fn func()) {
	l.asked <- struct{}{}
	<-l.taken
	l.channelLoop <- fn
}

// While a loop is slow to take functions, a goroutine may pass on callbacks of other
// goroutines. Later functions of those come after their callbacks.
func TestFutureOnSlowLoopKeepsTheOrder(t *testing.T) {
	var n notes
	loop := takingLoop{make(channelLoop, 3), make(chan struct{}, 3), make(chan struct{})}
	defer testutil.ReplaceLoop(loop)()
	slow, quick := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	txaio.Watch(slow, func(int) { n.add("slow") }, nil)
	txaio.Watch(quick, func(int) { n.add("quick") }, nil)
	resolved := make(chan error, 1)
	go func() { resolved <- txaio.Resolve(slow, 1) }()
	receive(t, loop.asked, "the call of CallSoon")
	called := make(chan struct{})
	go func() {
		if err := txaio.Resolve(quick, 2); err != nil {
			t.Error(err)
		}
		txaio.CallSoon(func() { n.add("CallSoon") })
		close(called)
	}()
	receive(t, called, "the return of CallSoon")
	close(loop.taken)
	if err := receive(t, resolved, "the return of Resolve"); err != nil {
		t.Error(err)
	}
	for range 3 {
		(<-loop.channelLoop)()
	}
	n.expect(t, "slow", "quick", "CallSoon")
}

// exitingLoop calls runtime.Goexit in CallSoon once.
type exitingLoop struct {
	queueLoop
	exited bool
}

func (l *exitingLoop) CallSoon(fn func()) {
	if !l.exited {
		l.exited = true
		runtime.Goexit()
	}
	l.queueLoop.CallSoon(fn)
}

func TestFutureOnLoopThatExits(t *testing.T) {
	var n notes
	loop := &exitingLoop{}
	defer testutil.ReplaceLoop(loop)()
	f := txaio.CreateFuture[int]()
	for _, name := range []string{"first", "second"} {
		txaio.Watch(f, func(int) { n.add("%s", name) }, nil)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = txaio.Resolve(f, 1)
	}()
	<-done
	txaio.Watch(f, func(int) { n.add("third") }, nil)
	loop.run()
	n.expect(t, "second", "third")
}
