//go:build deferred || future

package txaio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func usingDebug(t testing.TB) {
	previous := txaio.Debug()
	txaio.SetDebug(true)
	t.Cleanup(func() { txaio.SetDebug(previous) })
}

//go:noinline
func createsIt() *txaio.Future[int] { return txaio.CreateFuture[int]() }

//go:noinline
func settlesIt(f *txaio.Future[int]) { _ = txaio.Resolve(f, 1) }

//go:noinline
func failsIt(f *txaio.Future[int]) { _ = txaio.Reject(f, errOne) }

// places returns which of the functions above are in a text with frames.
func places(text string) string {
	var found []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, function := range []string{"createsIt", "settlesIt", "failsIt"} {
			if strings.HasSuffix(line, "in github.com/txaio-go/txaio_test."+function) {
				found = append(found, function)
			}
		}
		if strings.HasPrefix(line, "The future was") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "; ")
}

const (
	createdAt = "The future was created at (most recent call last):; createsIt"
	settledAt = "; The future was first settled at (most recent call last):; "
)

func TestDebugSettleTwice(t *testing.T) {
	newFixture(t)
	f := createsIt()
	settlesIt(f)
	if err := txaio.Resolve(f, 2); err != txaio.ErrAlreadyCalled {
		t.Errorf("without debug mode got %v", err)
	}
	usingDebug(t)
	f = createsIt()
	settlesIt(f)
	for _, err := range []error{txaio.Resolve(f, 2), txaio.Reject(f, errTwo)} {
		if !errors.Is(err, txaio.ErrAlreadyCalled) {
			t.Errorf("got %v, want ErrAlreadyCalled", err)
		}
		if got := places(err.Error()); got != createdAt+settledAt+"settlesIt" || !strings.HasPrefix(err.Error(), txaio.ErrAlreadyCalled.Error()+"\n") {
			t.Errorf("got:\n%s", err)
		}
	}
}

func TestDebugFailure(t *testing.T) {
	x := newFixture(t)
	usingDebug(t)
	f := createsIt()
	fail := txaio.CreateFailure(errTwo)
	var seen *txaio.Failure
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) { seen = fail; return 0, fail })
	failsIt(f)
	x.RunUntilIdle()
	text := txaio.FailureFormatTraceback(seen)
	if got := places(text); got != "failsIt; "+createdAt+settledAt+"failsIt" || !strings.Contains(text, "\nerrors.errorString: one\nThe future was") {
		t.Errorf("got:\n%s", text)
	}
	// A *Failure is passed on unchanged, and shows the first future that failed with it.
	f, g := createsIt(), txaio.CreateFuture[int]()
	_, _ = txaio.Reject(f, fail), txaio.Reject(g, fail)
	if _, err := await(t, g); err != error(fail) {
		t.Errorf("got another failure: %v", err)
	}
	if got := places(txaio.FailureFormatTraceback(fail)); got != createdAt+strings.TrimSuffix(settledAt, "; ") {
		t.Errorf("got:\n%s", txaio.FailureFormatTraceback(fail))
	}
	wantFailure(t, f, errTwo)
}

func TestDebugFailureOfCallback(t *testing.T) {
	x := newFixture(t)
	usingDebug(t)
	f := createsIt()
	var seen *txaio.Failure
	note := func(fail *txaio.Failure) (int, error) { seen = fail; return 0, fail }
	txaio.AddCallbacks(f, func(int) (int, error) { return 0, errOne }, note)
	txaio.AddCallbacks(f, nil, note)
	settlesIt(f)
	x.RunUntilIdle()
	if got := places(txaio.FailureFormatTraceback(seen)); !strings.HasSuffix(got, createdAt+settledAt+"settlesIt") {
		t.Errorf("got:\n%s", txaio.FailureFormatTraceback(seen))
	}
}

func TestDebugUnhandledFailure(t *testing.T) {
	newFixture(t)
	usingDebug(t)
	log := captureLog(t, nil)
	func() { failsIt(createsIt()) }()
	var entry string
	eventually(t, "it was reported", func() bool {
		runtime.GC()
		found := log.with("createsIt")
		if len(found) > 0 {
			entry = found[0]
		}
		return entry != ""
	})
	if got := places(entry); got != "failsIt; "+createdAt+settledAt+"failsIt" {
		t.Errorf("logged:\n%s", entry)
	}
}

// The environment variable sets debug mode from the start of the program.
func TestDebugEnvironment(t *testing.T) {
	if txaio.Debug() != (os.Getenv("TXAIO_DEBUG") == "1") {
		t.Errorf("Debug() = %v with TXAIO_DEBUG=%q", txaio.Debug(), os.Getenv("TXAIO_DEBUG"))
	}
	if os.Getenv("TXAIO_TEST_CHILD") != "" {
		return
	}
	for _, value := range []string{"0", "1"} {
		if out, err := runSelf(t.Name(), "TXAIO_TEST_CHILD=1", "TXAIO_DEBUG="+value); err != nil {
			t.Errorf("with TXAIO_DEBUG=%s: %v\n%s", value, err, out)
		}
	}
}

func slowFunction() { time.Sleep(150 * time.Millisecond) }

func TestDebugSlowCallback(t *testing.T) {
	usingDebug(t)
	log := captureLog(t, nil)
	slow := func() []string { return log.with("Executing ") }
	synctest.Test(t, func(t *testing.T) {
		loop := txaio.NewLoop(txaio.WithName("slow"), txaio.WithExceptionHandler(func(*txaio.Failure) {}))
		defer testutil.ReplaceLoop(loop)()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			time.Sleep(time.Minute)
			got := slow()
			if len(got) != len(want) {
				t.Errorf("%s: logged %q, want %q", what, got, want)
			} else {
				for i := range want {
					if !strings.Contains(got[i], want[i]) || !strings.HasPrefix(got[i], "warning: Executing github.com/txaio-go/txaio") || !strings.HasSuffix(got[i], " on loop slow") {
						t.Errorf("%s: logged %q, want %q", what, got[i], want[i])
					}
				}
			}
			log.mu.Lock()
			log.entries = nil
			log.mu.Unlock()
		}
		loop.CallSoon(func() { time.Sleep(99 * time.Millisecond) })
		expect("a quick one")
		loop.CallSoon(slowFunction)
		expect("a function", "txaio_test.slowFunction took 150ms")
		loop.CallLater(time.Second, slowFunction)
		expect("a timer", "txaio_test.slowFunction took 150ms")
		loop.CallSoon(func() { slowFunction(); panic("it") })
		expect("a panic", "took 150ms")
		loop.CallSoon(func() { slowFunction(); runtime.Goexit() })
		expect("Goexit", "took 150ms")
		f := createsIt()
		txaio.AddCallbacks(f, slowCallback, nil)
		txaio.AddCallbacks(f, slowCallback, nil)
		loop.CallSoon(func() { settlesIt(f) })
		expect("callbacks", byBackend(
			[]string{"took 300ms"}, // inside the function that resolves
			[]string{"txaio_test.slowCallback took 150ms", "txaio_test.slowCallback took 150ms"})...)
		f = createsIt()
		txaio.AddCallbacks(f, nil, slowErrback)
		txaio.AddCallbacks(f, passValue, slowErrback)
		loop.CallSoon(func() { failsIt(f) })
		expect("errbacks", byBackend([]string{"took 300ms"},
			[]string{"txaio_test.slowErrback took 150ms", "txaio_test.slowErrback took 150ms"})...)

		txaio.SetSlowCallbackDuration(time.Second)
		defer txaio.SetSlowCallbackDuration(100 * time.Millisecond)
		loop.CallSoon(slowFunction)
		expect("with a longer limit")
		if got := loop.Stats().Longest; got != byBackend[time.Duration](300, 150)*time.Millisecond {
			t.Errorf("longest: %v", got)
		}
		txaio.SetSlowCallbackDuration(100 * time.Millisecond)
		txaio.SetDebug(false)
		loop.CallSoon(slowFunction)
		expect("without debug mode")
	})
	if got := txaio.SlowCallbackDuration(); got != 100*time.Millisecond {
		t.Errorf("the limit is %v", got)
	}
	wantUsageError(t, func() { txaio.SetSlowCallbackDuration(0) }, "positive", "0s")
}

func slowCallback(v int) (int, error)              { slowFunction(); return v, nil }
func slowErrback(fail *txaio.Failure) (int, error) { slowFunction(); return 0, fail }

func TestPendingFutures(t *testing.T) {
	ownReports(t)
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	mine := func() (list []string) {
		for _, p := range txaio.PendingFutures() {
			if strings.Contains(p.String(), "TestPendingFutures") {
				list = append(list, p.String())
			}
		}
		return list
	}
	before := createsIt() // not in debug mode
	usingDebug(t)
	var first, second *txaio.Future[int]
	var sleeping *txaio.Future[struct{}]
	ctx, cancel := context.WithCancel(context.Background())
	loop.CallSoon(func() {
		first, second = createsIt(), createsIt()
		sleeping = txaio.Sleep(time.Hour)
		settlesIt(createsIt())
		failsIt(createsIt())
		txaio.Cancel(createsIt())
		cancel()
	})
	_ = loop.Run(ctx)
	kind := byBackend("*txaio.Deferred", "*txaio.Future")
	got := mine()
	if len(got) != 3 || !strings.HasPrefix(got[0], kind+"[int] created at (most recent call last):\n  ") || !strings.HasPrefix(got[2], kind+"[struct {}] created") || places(got[0]) != "createsIt" {
		t.Errorf("pending: %q", got)
	}
	settlesIt(first)
	if got := mine(); len(got) != 2 {
		t.Errorf("with one settled: %q", got)
	}
	if !sleeping.IsCalled() {
		txaio.Cancel(sleeping)
	}
	runtime.KeepAlive(second)
	runtime.KeepAlive(before)
	second, before = nil, nil
	eventually(t, "dropped futures are not pending", func() bool { runtime.GC(); return len(mine()) == 0 })

	all := txaio.Gather([]*txaio.Future[int]{createsIt()}, true)
	late := txaio.AddTimeout(createsIt(), time.Hour)
	if got := mine(); len(got) != byBackend(3, 4) {
		t.Errorf("with a gathering and a time limit: %q", got)
	}
	txaio.Cancel(all)
	txaio.Cancel(late)
}

// If debug mode is off, it costs no allocation for a future, and keeps none alive.
func TestDebugOffTracksNothing(t *testing.T) {
	defer txaio.SetDebug(txaio.Debug())
	txaio.SetDebug(false)
	f := createsIt()
	for _, p := range txaio.PendingFutures() {
		if strings.Contains(p.String(), "TestDebugOffTracksNothing") {
			t.Errorf("pending: %v", p)
		}
	}
	runtime.KeepAlive(f)
	if allocs := testing.AllocsPerRun(1000, func() { txaio.CreateFuture[int]() }); allocs > 1 {
		t.Errorf("creating a future allocates %v times", allocs)
	}
}

func TestLoopStats(t *testing.T) {
	loop := testutil.NewTestLoop(txaio.WithName("counted"))
	want := func(want string) {
		t.Helper()
		got, err := json.Marshal(loop.Stats())
		if err != nil || string(got) != want {
			t.Errorf("got  %s, error %v\nwant %s", got, err, want)
		}
	}
	want(`{"name":"counted","ready":0,"timers":0,"turns":0,"run":0,"longest_turn":0,"longest_ns":0}`)
	for range 3 {
		loop.CallSoon(func() { loop.CallSoon(func() {}) })
	}
	timer := loop.CallLater(time.Second, func() {})
	loop.CallLater(time.Second, func() {})
	want(`{"name":"counted","ready":3,"timers":2,"turns":0,"run":0,"longest_turn":0,"longest_ns":0}`)
	loop.RunOnce()
	want(`{"name":"counted","ready":3,"timers":2,"turns":1,"run":3,"longest_turn":3,"longest_ns":0}`)
	timer.Cancel()
	loop.CallSoon(func() {})
	want(`{"name":"counted","ready":4,"timers":1,"turns":1,"run":3,"longest_turn":3,"longest_ns":0}`)
	loop.Advance(time.Second)
	want(`{"name":"counted","ready":0,"timers":0,"turns":3,"run":8,"longest_turn":4,"longest_ns":0}`)
}

func TestLoopStatsLongest(t *testing.T) {
	usingDebug(t)
	captureLog(t, nil)
	synctest.Test(t, func(t *testing.T) {
		loop := txaio.NewLoop()
		for _, ms := range []time.Duration{3, 7, 5} {
			loop.CallSoon(func() { time.Sleep(ms * time.Millisecond) })
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if got := loop.Stats().Longest; got != 7*time.Millisecond {
			t.Errorf("longest: %v", got)
		}
	})
}

func tracedFunction()                                {}
func tracedTimer()                                   {}
func tracedCallback(v int) (int, error)              { return v, nil }
func tracedErrback(fail *txaio.Failure) (int, error) { panic("it") }

// runtime/trace shows a task for each turn, and regions for the functions in it.
func TestTraceRegions(t *testing.T) {
	loop := testutil.NewTestLoop(txaio.WithName("traced"), txaio.WithExceptionHandler(func(*txaio.Failure) {}))
	defer testutil.ReplaceLoop(loop)()
	work := func() {
		loop.CallSoon(tracedFunction)
		loop.CallLater(0, tracedTimer)
		f := txaio.CreateFuture[int]()
		txaio.AddCallbacks(f, tracedCallback, nil)
		settlesIt(f)
		f = txaio.CreateFuture[int]()
		txaio.AddCallbacks(f, nil, tracedErrback)
		failsIt(f)
		loop.RunUntilIdle()
		loop.Advance(0)
	}
	log := ownReports(t)
	defer txaio.SetSlowCallbackDuration(txaio.SlowCallbackDuration())
	txaio.SetSlowCallbackDuration(1)
	var out bytes.Buffer
	if err := trace.Start(&out); err != nil {
		t.Fatal("this test takes a trace of its own: run it without -trace: ", err)
	}
	work()
	trace.Stop()
	for _, name := range []string{"txaio turn: traced", "txaio_test.tracedFunction", "txaio_test.tracedTimer", "txaio_test.tracedCallback", "txaio_test.tracedErrback"} {
		if !bytes.Contains(out.Bytes(), []byte(name)) {
			t.Errorf("the trace does not have %q", name)
		}
	}
	if loop.Stats().Longest == 0 {
		t.Error("functions are not timed while a trace is taken")
	}
	if got := log.with("Executing"); len(got) > 0 && !txaio.Debug() {
		t.Errorf("logged without debug mode: %q", got)
	}
	run := loop.Stats().Run
	work()
	if got := loop.Stats().Run; got != 2*run {
		t.Errorf("%d functions ran with a trace, %d without", run, got-run)
	}
}

// labelled reports whether a goroutine has the label.
func labelled(t *testing.T, key, value string) bool {
	t.Helper()
	var out strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&out, 1); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "labels:") && strings.Contains(line, `"`+key+`":"`+value+`"`) {
			return true
		}
	}
	return false
}

func TestLabelsOfLoopGoroutine(t *testing.T) {
	const key = "txaio_loop"
	loop := txaio.NewLoop(txaio.WithName("labelled"))
	own := make(chan bool)
	loop.CallSoon(func() { own <- labelled(t, key, "labelled") })
	if !receive(t, own, "the function") {
		t.Error("the loop's own goroutine has no label")
	}
	eventually(t, "the loop's own goroutine ended", func() bool { return !labelled(t, key, "labelled") })

	synctest.Test(t, func(t *testing.T) {
		loop := txaio.NewLoop(txaio.WithName("labelled"))
		run := func(request string, end func(cancel func())) {
			done := make(chan struct{})
			go pprof.Do(t.Context(), pprof.Labels("request", request), func(ctx context.Context) {
				defer close(done)
				defer func() {
					synctest.Wait() // the goroutine that context starts has the labels of the one that cancels
					if labelled(t, key, "labelled") || !labelled(t, "request", request) {
						t.Errorf("%s: Run did not put back the labels", request)
					}
					_ = loop.RunUntilComplete(txaio.CreateFutureSuccess(1))
					if !labelled(t, "request", request) {
						t.Errorf("%s: RunUntilComplete changed the labels", request)
					}
				}()
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				loop.CallLater(time.Second, func() {
					if !labelled(t, key, "labelled") || !labelled(t, "request", request) {
						t.Errorf("%s: Run's goroutine lacks a label", request)
					}
					// A refused Run does not change the labels.
					mustBeUsage(t, "Run inside Run", loop.Run(context.Background()))
					if !labelled(t, key, "labelled") {
						t.Errorf("%s: the label is gone", request)
					}
					end(cancel)
				})
				_ = loop.Run(ctx)
			})
			<-done
		}
		defer testutil.ReplaceLoop(loop)()
		run("return", func(cancel func()) { cancel() })
		run("Goexit", func(func()) { runtime.Goexit() })
	})
}

// A loop without a name has no labels, not even those of the goroutine that wakes it.
func TestLabelsOfUnnamedLoop(t *testing.T) {
	loop := txaio.NewLoop()
	done, result := make(chan struct{}), make(chan bool, 2)
	pprof.Do(t.Context(), pprof.Labels("request", "wakes"), func(context.Context) {
		look := func() {
			<-done // this goroutine has the label until then
			result <- labelled(t, "request", "wakes")
		}
		loop.CallSoon(func() {
			loop.CallSoon(look)
			runtime.Goexit() // and so a second goroutine
		})
	})
	close(done)
	if receive(t, result, "the function") {
		t.Error("the loop has the labels of the goroutine that woke it")
	}
}

// BenchmarkDebug shows the cost of debug mode, as the difference between on and off.
func BenchmarkDebug(b *testing.B) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		b.Run("future/"+name, func(b *testing.B) {
			loop := testutil.NewTestLoop()
			defer testutil.ReplaceLoop(loop)()
			defer txaio.SetDebug(txaio.Debug())
			txaio.SetDebug(on)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := txaio.CreateFuture[int]()
				txaio.AddCallbacks(f, passValue, nil)
				_ = txaio.Resolve(f, 1)
				if i%100 == 0 {
					loop.RunUntilIdle()
				}
			}
		})
		b.Run("turn of one function/"+name, func(b *testing.B) {
			loop := testutil.NewTestLoop()
			defer txaio.SetDebug(txaio.Debug())
			txaio.SetDebug(on)
			left := b.N
			var again func()
			again = func() {
				if left--; left > 0 {
					loop.CallSoon(again)
				}
			}
			loop.CallSoon(again)
			b.ReportAllocs()
			b.ResetTimer()
			loop.RunUntilIdle()
		})
	}
}

// BenchmarkUnhandled shows the cost of a failed future. If it has an errback from the
// start, it needs no cleanup. If it gets one later, it has a cleanup for a while.
func BenchmarkUnhandled(b *testing.B) {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	fail := txaio.CreateFailure(errors.New("it"))
	for name, add := range map[string]bool{"errback first": true, "errback later": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := txaio.CreateFuture[int]()
				if add {
					txaio.AddCallbacks(f, nil, passFailure)
				}
				_ = txaio.Reject(f, fail)
				if !add {
					txaio.AddCallbacks(f, nil, passFailure)
				}
				if i%100 == 0 {
					loop.RunUntilIdle()
				}
			}
		})
	}
}
