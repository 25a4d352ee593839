//go:build deferred || future

package txaio_test

import (
	"bytes"
	"context"
	"encoding/json"
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

// The tasks and regions of runtime/trace: a turn, and the functions in it.
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
	log := captureLog(t, nil)
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
					// Refused, and so without a say in the labels.
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
