//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// applicationLoop is an EventLoop of an application, with nothing of this package.
type applicationLoop struct {
	mu      sync.Mutex
	queue   []func()
	running bool
	timers  int // how many were made
}

func (l *applicationLoop) Now() time.Time { return time.Now() }

func (l *applicationLoop) CallSoon(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, fn)
	if !l.running {
		l.running = true
		go l.run()
	}
}

func (l *applicationLoop) run() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		fn := l.queue[0]
		l.queue = l.queue[1:]
		l.mu.Unlock()
		fn()
	}
}

func (l *applicationLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timers++
	return applicationTimer{time.AfterFunc(delay, func() { l.CallSoon(fn) })}
}

type applicationTimer struct{ *time.Timer }

func (t applicationTimer) Cancel() bool { return t.Stop() }

func TestSetLoop(t *testing.T) {
	usingDefaultLoop(t)
	standard := txaio.CurrentLoop()
	if _, ok := standard.(*txaio.Loop); !ok {
		t.Errorf("the default loop is a %T", standard)
	}
	one, other := txaio.NewLoop(), txaio.NewLoop()
	if previous := txaio.SetLoop(one); previous != standard {
		t.Error("SetLoop did not return the default loop")
	}
	if previous := txaio.SetLoop(other); previous != one {
		t.Error("SetLoop did not return the loop it replaced")
	}
	if txaio.CurrentLoop() != other {
		t.Error("CurrentLoop is not the loop that was set")
	}
	restore := testutil.ReplaceLoop(one)
	if txaio.CurrentLoop() != one {
		t.Error("ReplaceLoop did not set the loop")
	}
	restore()
	if txaio.CurrentLoop() != other {
		t.Error("ReplaceLoop's function did not put the loop back")
	}
	if previous := txaio.SetLoop(nil); previous != other || txaio.CurrentLoop() != standard {
		t.Error("SetLoop(nil) did not go back to the default loop")
	}
	if previous := txaio.SetLoop(nil); previous != standard {
		t.Error("SetLoop(nil) did not return the default loop")
	}
}

// uncomparableLoop has a type that is not comparable.
type uncomparableLoop struct {
	*testutil.TestLoop
	_ []int
}

// hiddenLoop has a comparable type, but comparing two panics if they hold loops that
// are not comparable.
type hiddenLoop struct{ txaio.EventLoop }

func TestLoopsThatCannotBeCompared(t *testing.T) {
	for _, loop := range []txaio.EventLoop{
		uncomparableLoop{TestLoop: testutil.NewTestLoop()},
		hiddenLoop{uncomparableLoop{TestLoop: testutil.NewTestLoop()}},
	} {
		usingDefaultLoop(t)
		txaio.SetLoop(loop)
		txaio.SetLoop(txaio.SetLoop(loop))
		txaio.SetLoop(nil)
		if _, err := txaio.WithConfig(txaio.Config{Loop: loop}); err != nil {
			t.Errorf("%T: %v", loop, err)
		}
		_, err := txaio.WithConfig(txaio.Config{Loop: loop})
		if txaio.UsingDeferred && err == nil || txaio.UsingFuture && err != nil {
			t.Errorf("%T: WithConfig again: %v", loop, err)
		}
		txaio.SetLoop(nil)
	}
}

func TestWithConfig(t *testing.T) {
	usingDefaultLoop(t)
	one, other := txaio.NewLoop(), txaio.NewLoop()
	first, err := txaio.WithConfig(txaio.Config{Loop: one})
	if err != nil || first.Loop() != one {
		t.Fatalf("the first loop: %v", err)
	}
	if same, err := txaio.WithConfig(txaio.Config{Loop: one}); err != nil || same.Loop() != one {
		t.Errorf("the same loop again: %v", err)
	}
	second, err := txaio.WithConfig(txaio.Config{Loop: other})
	if txaio.UsingDeferred {
		mustBeUsage(t, "WithConfig with a second loop", err)
		if second != nil {
			t.Error("WithConfig returned an API with its error")
		}
		if txaio.CurrentLoop() != one {
			t.Error("on the deferred backend WithConfig did not configure the loop")
		}
	} else {
		if err != nil || second.Loop() != other || first.Loop() != one {
			t.Errorf("a second loop: %v", err)
		}
		if txaio.CurrentLoop() == one {
			t.Error("on the future backend WithConfig changed the current loop")
		}
	}

	current, err := txaio.WithConfig(txaio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, loop := range []txaio.EventLoop{other, nil, one} {
		txaio.SetLoop(loop)
		if current.Loop() != txaio.CurrentLoop() {
			t.Error("without a loop in its Config an API does not use the current one")
		}
	}

	txaio.SetLoop(other)
	_, err = txaio.WithConfig(txaio.Config{Loop: one})
	if txaio.UsingDeferred {
		mustBeUsage(t, "WithConfig with another loop than SetLoop's", err)
	} else if err != nil {
		t.Error(err)
	}
}

func TestAPIUsesItsLoop(t *testing.T) {
	usingDefaultLoop(t)
	mine, others := testutil.NewTestLoop(), testutil.NewTestLoop()
	api, err := txaio.WithConfig(txaio.Config{Loop: mine})
	if err != nil {
		t.Fatal(err)
	}
	txaio.SetLoop(others)

	var got notes
	api.CallLater(time.Second, got.noting("CallLater"))
	api.MakeBatchedTimer(2*time.Second, 0).CallLater(3*time.Second, got.noting("batched"))
	noteSuccess(&got, "Sleep", api.Sleep(3*time.Second))
	others.Advance(time.Minute)
	got.expect(t)
	mine.Advance(10 * time.Second)
	got.expect(t, "CallLater", "batched", "Sleep")
}

func noteSuccess[T any](n *notes, name string, f *txaio.Future[T]) *txaio.Future[T] {
	txaio.AddCallbacks(f, func(v T) (T, error) { n.add("%s", name); return v, nil }, nil)
	return f
}

// Callbacks of the futures of the On functions run on the API's loop on the future
// backend, and at once on the deferred backend.
func TestFuturesOnAPI(t *testing.T) {
	usingDefaultLoop(t)
	mine, others := testutil.NewTestLoop(), testutil.NewTestLoop()
	api, err := txaio.WithConfig(txaio.Config{Loop: mine})
	if err != nil {
		t.Fatal(err)
	}
	txaio.SetLoop(others)

	var got notes
	noteFailure := func(name string, f *txaio.Future[int]) {
		txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) { got.add("%s", name); return 0, nil })
	}
	pending := txaio.CreateFutureOn[int](api)
	noteSuccess(&got, "CreateFutureOn", pending)
	if err := txaio.Resolve(pending, 1); err != nil {
		t.Error(err)
	}
	noteSuccess(&got, "CreateFutureOn with a result", txaio.CreateFutureOn(api, txaio.WithResult(1)))
	noteSuccess(&got, "CreateFutureSuccessOn", txaio.CreateFutureSuccessOn(api, 1))
	noteFailure("CreateFutureErrorOn", txaio.CreateFutureErrorOn[int](api, errors.New("it failed")))
	noteSuccess(&got, "AsFutureOn", txaio.AsFutureOn(api, func() (int, error) { return 1, nil }))
	noteFailure("AsFutureOn, failing", txaio.AsFutureOn(api, func() (int, error) { return 0, errors.New("it failed") }))
	noteFailure("AsFutureOfOn, failing", txaio.AsFutureOfOn(api, func() (*txaio.Future[int], error) { panic("it failed") }))
	noteSuccess(&got, "GatherOn nothing", txaio.GatherOn[int](api, nil, false))
	want := []string{"CreateFutureOn", "CreateFutureOn with a result", "CreateFutureSuccessOn", "CreateFutureErrorOn",
		"AsFutureOn", "AsFutureOn, failing", "AsFutureOfOn, failing", "GatherOn nothing"}
	if txaio.UsingFuture {
		others.Advance(time.Minute)
		got.expect(t)
		mine.RunUntilIdle()
	}
	got.expect(t, want...)

	// Gathered on one loop, the children on another.
	child := txaio.CreateFuture[int]()
	noteSuccess(&got, "GatherOn", txaio.GatherOn(api, []*txaio.Future[int]{child}, false))
	if err := txaio.Resolve(child, 1); err != nil {
		t.Error(err)
	}
	others.RunUntilIdle()
	if txaio.UsingFuture {
		got.expect(t, want...)
		mine.RunUntilIdle()
	}
	got.expect(t, append(want, "GatherOn")...)
}

// A future stays on the loop on which it was created.
func TestFutureStaysOnItsLoop(t *testing.T) {
	mine, others := testutil.NewTestLoop(), testutil.NewTestLoop()
	defer testutil.ReplaceLoop(mine)()
	f := txaio.CreateFuture[int]()
	txaio.SetLoop(others)
	var got notes
	noteSuccess(&got, "callback", f)
	if err := txaio.Resolve(f, 1); err != nil {
		t.Error(err)
	}
	others.RunUntilIdle()
	if txaio.UsingFuture {
		got.expect(t)
	}
	mine.RunUntilIdle()
	got.expect(t, "callback")
}

func TestForeignLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(applicationLoop)
		defer testutil.ReplaceLoop(l)()
		start := time.Now()
		var got notes
		at := func(name string) func() {
			return func() { got.add("%s@%v", name, time.Since(start)) }
		}

		f := txaio.CreateFuture[int]()
		noteSuccess(&got, "callback", f)
		if err := txaio.Resolve(f, 1); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		got.expect(t, "callback")

		txaio.CallLater(time.Second, at("timer"))
		if !txaio.CallLater(time.Second, at("cancelled")).Cancel() {
			t.Error("Cancel() = false")
		}
		timers := l.timers
		batched := txaio.MakeBatchedTimer(2*time.Second, 2)
		for range 4 {
			batched.CallLater(3*time.Second, at("batched"))
		}
		if l.timers != timers+1 {
			t.Errorf("%d timers for one bucket", l.timers-timers)
		}
		batched.CallLater(3*time.Second, func() { panic("on purpose") }).Cancel()
		if _, err := txaio.Await(context.Background(), txaio.Sleep(5*time.Second)); err != nil {
			t.Error(err)
		}
		at("slept")()
		got.expect(t, "callback", "timer@1s", "batched@2s", "batched@2s", "batched@3s", "batched@3s", "slept@5s")

		// Batched calls that panic or are cancelled.
		batched.CallLater(2*time.Second, func() { panic("on purpose") })
		batched.CallLater(2*time.Second, at("after the panic"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if all := got.all(); !slices.ContainsFunc(all, func(note string) bool { return note[:5] == "after" }) {
			t.Errorf("a panic kept another call of the bucket from running: %q", all)
		}
		runtime.KeepAlive(l)
	})
}

// Setting the current loop again changes nothing: the calls of a bucket share its
// timer.
func TestSetLoopToTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(applicationLoop)
		defer testutil.ReplaceLoop(l)()
		batched := txaio.MakeBatchedTimer(time.Hour, 0, txaio.RoundUp())
		first := batched.CallLater(time.Minute, func() {})
		txaio.SetLoop(l)
		second := batched.CallLater(time.Minute, func() {})
		if l.timers != 1 {
			t.Errorf("%d timers for one bucket", l.timers)
		}
		if !first.Cancel() || !second.Cancel() {
			t.Error("Cancel() = false")
		}
	})
}

// overridingLoop embeds a loop and overrides one of its methods.
type overridingLoop struct {
	*txaio.Loop
	soon atomic.Int64
}

func (l *overridingLoop) CallSoon(fn func()) {
	l.soon.Add(1)
	l.Loop.CallSoon(fn)
}

func TestEmbeddedLoop(t *testing.T) {
	var handled atomic.Int64
	loop := &overridingLoop{Loop: txaio.NewLoop(txaio.WithExceptionHandler(func(*txaio.Failure) { handled.Add(1) }))}
	defer testutil.ReplaceLoop(loop)()
	called := make(chan error)
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(value int) (int, error) {
		_, err := txaio.Await(context.Background(), txaio.CreateFuture[int]())
		called <- err
		return value, nil
	}, nil)
	loop.Loop.CallSoon(func() { txaio.Resolve(f, 1) }) // so callbacks run there on both backends
	if err := <-called; err != txaio.ErrAwaitOnLoop {
		t.Errorf("Await on the loop: %v", err)
	}
	if soon := loop.soon.Load(); soon != byBackend[int64](0, 1) {
		t.Errorf("CallSoon was called %d times", soon)
	}
	failed := make(chan struct{})
	txaio.MakeBatchedTimer(time.Millisecond, 0).CallLater(0, func() { panic("on purpose") })
	txaio.MakeBatchedTimer(time.Millisecond, 0).CallLater(time.Millisecond, func() { close(failed) })
	<-failed
	if handled.Load() != 1 {
		t.Errorf("the exception handler was called %d times", handled.Load())
	}
}

// channelLoop is an EventLoop that has nothing but a channel. A panic ends it.
type channelLoop chan func()

func (channelLoop) Now() time.Time { return time.Now() }

func (l channelLoop) CallSoon(fn func()) { l <- fn }

func (l channelLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	return applicationTimer{time.AfterFunc(delay, func() { l <- fn })}
}

// handlingLoop is a channelLoop that has an exception handler.
type handlingLoop struct {
	channelLoop
	handle func(*txaio.Failure)
}

func (l handlingLoop) HandleFailure(fail *txaio.Failure) { l.handle(fail) }

// A panic of a function on a loop of another type does not reach that loop. It goes
// to the loop's exception handler, or to the log if it has none.
func TestForeignLoopGoesOnAfterPanics(t *testing.T) {
	fails := func() { panic("on purpose") }
	for name, inject := range map[string]func(){
		"callback": func() {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, func(int) (int, error) { panic("on purpose") }, nil)
			txaio.Watch(f, nil, func(*txaio.Failure) {})
			txaio.Resolve(f, 1)
		},
		"errback": func() {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, nil, func(*txaio.Failure) (int, error) { panic("on purpose") })
			txaio.Watch(f, nil, func(*txaio.Failure) {})
			txaio.Reject(f, errOne)
		},
		"canceller": func() {
			f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { panic("on purpose") }))
			txaio.Watch(f, nil, func(*txaio.Failure) {})
			txaio.Cancel(f)
		},
		"function": func() { txaio.CallSoon(fails) },
		"timer":    func() { txaio.CallLater(time.Second, fails) },
		"batched":  func() { txaio.MakeBatchedTimer(time.Second, 0).CallLater(time.Second, fails) },
	} {
		for _, handler := range []string{"none", "handles", "panics"} {
			t.Run(name+", handler: "+handler, func(t *testing.T) {
				log := captureLog(t, nil)
				synctest.Test(t, func(t *testing.T) {
					channel := make(channelLoop, 100)
					defer close(channel)
					go func() {
						defer func() {
							if value := recover(); value != nil {
								t.Errorf("the loop died of %v", value)
							}
						}()
						for fn := range channel {
							fn()
						}
					}()
					var loop txaio.EventLoop = channel
					handled := 0
					if handler != "none" {
						loop = handlingLoop{channel, func(*txaio.Failure) {
							handled++
							if handler == "panics" {
								panic("in the handler")
							}
						}}
					}
					defer testutil.ReplaceLoop(loop)()
					inject()
					time.Sleep(time.Minute)
					synctest.Wait()
					ran := false
					txaio.CallSoon(func() { ran = true })
					synctest.Wait()
					if !ran {
						t.Error("the loop has stopped")
					}
					if name == "callback" || name == "errback" && txaio.UsingDeferred {
						return // it is the future's failure
					}
					if want := handler != "none"; (handled == 1) != want || handled > 1 {
						t.Errorf("the handler was called %d times", handled)
					}
				})
				if handler == "handles" || name == "callback" || name == "errback" && txaio.UsingDeferred {
					return
				}
				if len(log.with("on purpose")) == 0 {
					t.Error("the panic is not in the log")
				}
				if reported := len(log.with("in the handler")) > 0; reported != (handler == "panics") {
					t.Errorf("the handler's own panic is in the log: %t", reported)
				}
			})
		}
	}
}

// burstLoop is a loop that queues a burst of functions in its first call of CallSoon.
type burstLoop struct {
	channelLoop
	burst *sync.Once
	queue func()
}

func (l burstLoop) CallSoon(fn func()) {
	l.burst.Do(l.queue)
	l.channelLoop.CallSoon(fn)
}

// The adapter to a loop of another type keeps no function that has run.
func TestForeignLoopFreesWhatHasRun(t *testing.T) {
	const functions = 10
	var kept [functions]weak.Pointer[[1 << 20]byte]
	loop := burstLoop{make(channelLoop, 100), new(sync.Once), func() {
		for i := range kept {
			big := new([1 << 20]byte)
			kept[i] = weak.Make(big)
			txaio.CallSoon(func() { big[0] = 1 })
		}
	}}
	defer testutil.ReplaceLoop(loop)()
	txaio.CallSoon(func() {})
	for range functions + 1 {
		(<-loop.channelLoop)()
	}
	for i := range kept {
		eventually(t, "what has run is collected", func() bool {
			runtime.GC()
			return kept[i].Value() == nil
		})
	}
	runtime.KeepAlive(txaio.CurrentLoop())
}

// Await refuses to wait in functions that the package gives to a loop of another type,
// even if the loop does not report that it is running, and for futures of any loop.
func TestAwaitInFunctionsOfForeignLoops(t *testing.T) {
	usingDefaultLoop(t)
	pending := txaio.CreateFuture[int]()
	t.Cleanup(testutil.ReplaceLoop(&applicationLoop{}))
	for name, run := range map[string]func(fn func()){
		"CallSoon":  txaio.CallSoon,
		"CallLater": func(fn func()) { txaio.CallLater(0, fn) },
	} {
		for _, f := range []*txaio.Future[int]{pending, txaio.CreateFuture[int]()} {
			got := make(chan error)
			run(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				_, err := txaio.Await(ctx, f)
				got <- err
			})
			if err := receive(t, got, "the end of Await"); err != txaio.ErrAwaitOnLoop {
				t.Errorf("%s: Await returned %v", name, err)
			}
		}
	}
	done := make(chan error)
	txaio.CallSoon(func() { done <- txaio.NewLoop().Run(context.Background()) })
	mustBeUsage(t, "Run on a foreign loop", receive(t, done, "the end of Run"))
}
