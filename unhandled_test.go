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

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// libraryLog is what the library itself logs during a test. What earlier tests
// dropped may be in it too, so tests look for texts of their own.
type libraryLog struct {
	mu      sync.Mutex
	entries []string
	fire    func(entry *logrus.Entry) // called first
}

func (*libraryLog) Levels() []logrus.Level { return logrus.AllLevels }

func (l *libraryLog) Fire(entry *logrus.Entry) error {
	if l.fire != nil {
		l.fire(entry)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entry.Level.String()+": "+entry.Message)
	return nil
}

// with returns the entries that contain text.
func (l *libraryLog) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, entry := range l.entries {
		if strings.Contains(entry, text) {
			found = append(found, entry)
		}
	}
	return found
}

// captureLog records what the library logs until the test ends. fire may be
// nil.
func captureLog(t testing.TB, fire func(entry *logrus.Entry)) *libraryLog {
	l := &libraryLog{fire: fire}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.AddHook(l)
	txaio.SetLogrus(logger)
	t.Cleanup(func() { txaio.SetLogrus(nil) })
	return l
}

const unhandled = "Unhandled error in Deferred"
const neverRetrieved = "Future exception was never retrieved"

// wantReport waits until the error with the given text has been reported, and
// returns the entry.
func wantReport(t testing.TB, log *libraryLog, text string) string {
	t.Helper()
	eventually(t, text+" was reported", func() bool { runtime.GC(); return len(log.with(text)) > 0 })
	return log.with(text)[0]
}

// settleReports waits until what has been dropped so far has been reported.
func settleReports(t testing.TB, log *libraryLog) {
	t.Helper()
	for range 3 {
		runtime.GC()
	}
	text := fmt.Sprintf("sentinel %d", sentinels.Add(1))
	dropFailed(errors.New(text))
	wantReport(t, log, text)
}

// ownReports keeps the reports of the failures that a test leaves unhandled
// from coming out during a later one.
func ownReports(t testing.TB) {
	log := captureLog(t, nil)
	t.Cleanup(func() { settleReports(t, log) })
}

var sentinels atomic.Int64

//go:noinline
func dropFailed(err error) { txaio.CreateFutureError[int](err) }

func passFailure(fail *txaio.Failure) (int, error) { return 0, fail }
func passValue(v int) (int, error)                 { return v, nil }

func TestUnhandledFailureIsLogged(t *testing.T) {
	log := captureLog(t, nil)
	dropFailed(errors.New("nobody looked"))
	entry := wantReport(t, log, "nobody looked")
	head := "error: " + byBackend(unhandled, neverRetrieved) + "\nTraceback (most recent call last):\n"
	if !strings.HasPrefix(entry, head) || !strings.Contains(entry, "in github.com/txaio-go/txaio_test.dropFailed\nerrors.errorString: nobody looked") {
		t.Errorf("logged:\n%s", entry)
	}
	settleReports(t, log)
	if entries := log.with("nobody looked"); len(entries) != 1 {
		t.Errorf("logged %d times", len(entries))
	}
}

// Who has seen a failure, and what is reported in the end.
func TestUnhandledFailures(t *testing.T) {
	const no, yes = "", "boom"
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	boom := func(err error) *txaio.Future[int] { return txaio.CreateFutureError[int](err) }
	for name, test := range map[string]struct {
		deferred, future string // the text of what is reported
		drop             func(x *fixture, err error)
	}{
		"dropped": {yes, yes, func(x *fixture, err error) { boom(err) }},
		"rejected later": {yes, yes, func(x *fixture, err error) {
			txaio.Reject(txaio.CreateFuture[int](), err)
		}},
		"callback only": {yes, yes, func(x *fixture, err error) {
			txaio.AddCallbacks(boom(err), passValue, nil)
		}},
		"callback only, before": {yes, yes, func(x *fixture, err error) {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, passValue, nil)
			txaio.AddCallbacks(f, passValue, nil)
			txaio.Reject(f, err)
		}},
		"errback afterwards": {no, no, func(x *fixture, err error) {
			txaio.AddCallbacks(boom(err), passValue, passFailure)
		}},
		"errback before": {no, no, func(x *fixture, err error) {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, nil, passFailure)
			txaio.Reject(f, err)
		}},
		"second errback": {no, no, func(x *fixture, err error) {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, passValue, nil)
			txaio.AddCallbacks(f, nil, passFailure)
			txaio.Reject(f, err)
		}},
		"second errback afterwards": {no, no, func(x *fixture, err error) {
			f := boom(err)
			txaio.AddCallbacks(f, passValue, nil)
			txaio.AddCallbacks(f, passValue, passFailure)
		}},
		"errback with a new error": {"another", no, func(x *fixture, err error) {
			// On the future backend it goes to the loop's exception handler.
			txaio.AddCallbacks(boom(err), nil, func(*txaio.Failure) (int, error) {
				return 0, fmt.Errorf("another %s", strings.TrimPrefix(err.Error(), "boom "))
			})
		}},
		"recovered and failed again": {"another", no, func(x *fixture, err error) {
			f := boom(err)
			txaio.AddCallbacks(f, nil, func(*txaio.Failure) (int, error) { return 0, nil })
			txaio.AddCallbacks(f, func(int) (int, error) { panic(fmt.Errorf("another %s", strings.TrimPrefix(err.Error(), "boom "))) }, func(*txaio.Failure) (int, error) { return 0, nil })
		}},
		"Await": {no, no, func(x *fixture, err error) { _, _ = txaio.Await(ended, boom(err)) }},
		"Await, gave up": {yes, yes, func(x *fixture, err error) {
			f := txaio.CreateFuture[int]()
			_, _ = txaio.Await(ended, f)
			txaio.Reject(f, err)
		}},
		"IsCalled, Done":  {yes, yes, func(x *fixture, err error) { f := boom(err); f.IsCalled(); <-f.Done() }},
		"Gather consumes": {no, no, func(x *fixture, err error) { txaio.Gather([]*txaio.Future[int]{boom(err)}, true) }},
		"Gather fails": {yes, yes, func(x *fixture, err error) {
			txaio.Gather([]*txaio.Future[int]{boom(err)}, false)
		}},
		"Gather fails, handled": {no, no, func(x *fixture, err error) {
			f := txaio.CreateFuture[int]()
			g := txaio.Gather([]*txaio.Future[int]{f}, false)
			txaio.AddCallbacks(g, nil, func(fail *txaio.Failure) ([]txaio.Result[int], error) { return nil, fail })
			txaio.Reject(f, err)
		}},
		"passed to another future": {yes, yes, func(x *fixture, err error) {
			other := txaio.CreateFuture[int]()
			txaio.AddCallbacks(boom(err), nil, func(fail *txaio.Failure) (int, error) {
				txaio.Reject(other, fail)
				return 0, fail
			})
		}},
		"RunUntilComplete": {no, no, func(x *fixture, err error) {
			loop := txaio.NewLoop()
			defer testutil.ReplaceLoop(loop)()
			_ = loop.RunUntilComplete(boom(err))
		}},
		"cancelled": {"", "", func(x *fixture, err error) {
			f := txaio.CreateFuture[int]()
			txaio.Cancel(f, err.Error())
		}},
		"recovered": {no, no, func(x *fixture, err error) {
			txaio.AddCallbacks(boom(err), nil, func(*txaio.Failure) (int, error) { return 1, nil })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			x, log := newFixture(t), captureLog(t, nil)
			id := fmt.Sprintf("<%s>", name)
			collected := make(chan struct{})
			func() {
				err := &struct{ error }{errors.New("boom " + id)}
				runtime.AddCleanup(err, func(struct{}) { close(collected) }, struct{}{})
				test.drop(x, err)
				x.RunUntilIdle()
			}()
			eventually(t, "the error was collected", func() bool {
				runtime.GC()
				select {
				case <-collected:
					return true
				default:
					return false
				}
			})
			settleReports(t, log)
			var got []string
			for _, entry := range log.with(id) {
				if strings.Contains(entry, byBackend(unhandled, neverRetrieved)) {
					got = append(got, entry)
				}
			}
			want := byBackend(test.deferred, test.future)
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want+" "+id)) {
				t.Errorf("reported %q, want %q", got, want)
			}
		})
	}
}

// Twisted reports a Deferred that was cancelled, asyncio a future not.
func TestUnhandledCancellation(t *testing.T) {
	newFixture(t)
	log := captureLog(t, nil)
	func() { txaio.Cancel(txaio.CreateFuture[int]()) }()
	if txaio.UsingDeferred {
		wantReport(t, log, "txaio.CancelledError: cancelled")
		return
	}
	settleReports(t, log)
	if got := log.with("CancelledError"); len(got) > 0 {
		t.Errorf("reported %q", got)
	}
}

// An error that refers to its future keeps neither from being collected.
type cyclicError struct{ f *txaio.Future[int] }

func (e *cyclicError) Error() string { return "cyclic" }

func TestUnhandledErrorThatRefersToItsFuture(t *testing.T) {
	log := captureLog(t, nil)
	func() {
		f := txaio.CreateFuture[int]()
		txaio.Reject(f, &cyclicError{f})
	}()
	wantReport(t, log, "txaio_test.cyclicError: cyclic")
}

// The error's Error method may use the future: no lock is held.
type curiousError struct{ f *txaio.Future[int] }

func (e *curiousError) Error() string { return fmt.Sprint("curious ", e.f.IsCalled()) }

func TestUnhandledErrorThatAsksItsFuture(t *testing.T) {
	log := captureLog(t, nil)
	func() {
		f := txaio.CreateFuture[int]()
		txaio.Reject(f, &curiousError{f})
	}()
	wantReport(t, log, "curious true")
}

// In a log hook neither Goexit nor a panic loses the reports after it, and one
// that blocks holds up nothing else of the runtime.
func TestUnhandledReportsAndHooks(t *testing.T) {
	var fired atomic.Int64
	log := captureLog(t, func(entry *logrus.Entry) {
		if !strings.Contains(entry.Message, "hooked") {
			return
		}
		switch fired.Add(1) {
		case 1:
			runtime.Goexit()
		case 2:
			panic("in a hook")
		}
	})
	func() {
		for i := range 4 {
			dropFailed(fmt.Errorf("hooked %d", i))
		}
	}()
	eventually(t, "all were reported", func() bool { runtime.GC(); return fired.Load() == 4 })
	eventually(t, "two were logged", func() bool { return len(log.with("hooked")) == 2 })

	block, blocked := make(chan struct{}), make(chan struct{}, 1)
	log = captureLog(t, func(entry *logrus.Entry) {
		if strings.Contains(entry.Message, "blocks") {
			blocked <- struct{}{}
			<-block
		}
	})
	dropFailed(errors.New("blocks"))
	eventually(t, "the hook blocks", func() bool { runtime.GC(); return len(blocked) > 0 })
	for range 2 * runtime.GOMAXPROCS(0) {
		dropFailed(errors.New("after it"))
	}
	cleaned := make(chan struct{})
	func() {
		object := &struct{ p *int }{new(int)}
		runtime.AddCleanup(object, func(c chan struct{}) { close(c) }, cleaned)
	}()
	eventually(t, "other cleanups run", func() bool {
		runtime.GC()
		select {
		case <-cleaned:
			return true
		default:
			return false
		}
	})
	close(block)
	wantReport(t, log, "after it")
}

func TestUnhandledFailureInABubble(t *testing.T) {
	log := captureLog(t, nil)
	synctest.Test(t, func(t *testing.T) {
		defer testutil.ReplaceLoop(txaio.NewLoop())()
		for range 10 {
			dropFailed(errors.New("in a bubble"))
		}
		runtime.GC()
	})
	wantReport(t, log, "in a bubble")
}

// Nothing is held, and nothing allocated, for a future that succeeds.
func TestUnhandledCostsSuccessNothing(t *testing.T) {
	x := testutil.UseLoop(t) // a foreign loop costs more
	const futures = 100
	allocs := testing.AllocsPerRun(100, func() {
		for range futures {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, passValue, nil)
			_ = txaio.Resolve(f, 1)
		}
		x.RunUntilIdle()
	})
	if allocs >= futures+futures/2 {
		t.Errorf("%v allocations for %d futures that succeed, want one each", allocs, futures)
	}
}
