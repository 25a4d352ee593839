//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
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

// places are the functions that a text with frames names, of those above.
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
	// A failure stays what it is, and that of the first future that fails with it.
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

// What the variable says holds from the start of the program.
func TestDebugEnvironment(t *testing.T) {
	if txaio.Debug() != (os.Getenv("TXAIO_DEBUG") == "1") {
		t.Errorf("Debug() = %v with TXAIO_DEBUG=%q", txaio.Debug(), os.Getenv("TXAIO_DEBUG"))
	}
	if os.Getenv("TXAIO_TEST_CHILD") != "" {
		return
	}
	for _, value := range []string{"0", "1"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDebugEnvironment$")
		cmd.Env = append(os.Environ(), "TXAIO_TEST_CHILD=1", "TXAIO_DEBUG="+value)
		if out, err := cmd.CombinedOutput(); err != nil {
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

// Off, debug mode costs no allocation for a future, and holds none.
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
