//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
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

// The backends differ as docs/semantics.md says: one test for each row of its table.

func TestDifferenceWhereCallbacksRun(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(value int) (int, error) {
		watch(&x.journal, f, "added")
		x.note("a=%d", value)
		return value, nil
	}, nil)
	watch(&x.journal, f, "b")
	txaio.Resolve(f, 1)
	x.note("resolved")
	watch(&x.journal, f, "c")
	x.note("added to a settled one")
	x.RunUntilIdle()
	x.want(t, byBackend(
		[]string{"a=1", "b=1", "added=1", "resolved", "c=1", "added to a settled one"},
		[]string{"resolved", "added to a settled one", "a=1", "b=1", "c=1", "added=1"})...)

	// On the future backend each pair is an entry of its own in the queue.
	f = txaio.CreateFuture[int]()
	watch(&x.journal, f, "a")
	x.CallSoon(func() { x.note("before") })
	txaio.Cancel(f)
	x.CallSoon(func() { x.note("after") })
	watch(&x.journal, f, "b")
	x.RunOnce()
	x.want(t, byBackend(
		[]string{"a!cancelled", "b!cancelled", "before", "after"},
		[]string{"before", "a!cancelled", "after", "b!cancelled"})...)
}

func TestDifferenceReturnedValue(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFutureSuccess(1)
	txaio.AddCallbacks(f, func(value int) (int, error) { return value + 10, nil }, nil)
	watch(&x.journal, f, "next")
	wantValue(t, f, byBackend(11, 1))
	x.want(t, byBackend("next=11", "next=1"))
}

func TestDifferenceReturnedError(t *testing.T) {
	fails := func(int) (int, error) { return 0, errOne }
	panics := func(int) (int, error) { panic(errOne) }
	t.Run("callback", func(t *testing.T) {
		for name, callback := range map[string]func(int) (int, error){"returned": fails, "panic": panics} {
			t.Run(name, func(t *testing.T) {
				x := newFixture(t)
				f := txaio.CreateFutureSuccess(1)
				_, errback := noting[int](&x.journal, "same pair")
				txaio.AddCallbacks(f, callback, errback)
				watch(&x.journal, f, "next pair")
				x.RunUntilIdle()
				x.want(t, byBackend([]string{"next pair!one"}, []string{"same pair!one", "next pair=1"})...)
			})
		}
	})
	t.Run("callback without errback", func(t *testing.T) {
		printed, child := inChild(t)
		if child {
			x := newFixture(t)
			f := txaio.CreateFutureSuccess(1)
			txaio.AddCallbacks(f, fails, nil)
			watch(&x.journal, f, "next pair")
			x.RunUntilIdle()
			x.want(t, byBackend("next pair!one", "next pair=1"))
			return
		}
		if reported := strings.Contains(printed, "errors.errorString: one"); reported != txaio.UsingFuture {
			t.Errorf("reported as unhandled: %v\n%s", reported, printed)
		}
	})
	for name, test := range map[string]struct {
		errback          func(*txaio.Failure) (int, error)
		deferred, future []string
	}{
		"errback, another error": {
			func(*txaio.Failure) (int, error) { return 0, errTwo },
			[]string{"next pair!two"}, []string{"handler two", "next pair!one"}},
		"errback, panic": {
			func(*txaio.Failure) (int, error) { panic(errTwo) },
			[]string{"next pair!two"}, []string{"handler two", "next pair!one"}},
		"errback, the same failure": {
			func(fail *txaio.Failure) (int, error) { return 0, fail },
			[]string{"next pair!one"}, []string{"next pair!one"}},
	} {
		t.Run(name, func(t *testing.T) {
			x := newFixture(t)
			f := txaio.CreateFutureError[int](errOne)
			txaio.AddCallbacks(f, nil, test.errback)
			watch(&x.journal, f, "next pair")
			x.RunUntilIdle()
			x.want(t, byBackend(test.deferred, test.future)...)
		})
	}
}

func TestDifferenceErrbackReturnsNil(t *testing.T) {
	for name, null := range map[string]error{"nil": nil, "nil *Failure": (*txaio.Failure)(nil)} {
		t.Run(name, func(t *testing.T) {
			x := newFixture(t)
			f := txaio.CreateFutureError[int](errOne)
			txaio.AddCallbacks(f, nil, func(*txaio.Failure) (int, error) { return 5, null })
			watch(&x.journal, f, "next")
			x.RunUntilIdle()
			x.want(t, byBackend("next=5", "next!one"))
		})
	}
}

func TestDifferenceCancelPending(t *testing.T) {
	t.Run("canceller that settles", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) {
			x.note("canceller, settled %v", f.IsCalled())
			x.note("resolve %v", txaio.Resolve(f, 9) == nil)
		}))
		watch(&x.journal, f, "f")
		txaio.Cancel(f)
		x.note("cancel returned")
		x.RunUntilIdle()
		x.want(t, byBackend(
			[]string{"canceller, settled false", "f=9", "resolve true", "cancel returned"},
			[]string{"cancel returned", "canceller, settled true", "resolve false", "f!cancelled"})...)
	})
	t.Run("canceller that does not settle", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { x.note("canceller") }))
		watch(&x.journal, f, "f")
		txaio.Cancel(f)
		x.note("cancel returned")
		x.RunUntilIdle()
		wantErr(t, "Resolve after Cancel", txaio.Resolve(f, 1), txaio.ErrAlreadyCalled)
		x.want(t, byBackend(
			[]string{"canceller", "f!cancelled", "cancel returned"},
			[]string{"cancel returned", "canceller", "f!cancelled"})...)
	})
	t.Run("no canceller", func(t *testing.T) {
		for name, settle := range map[string]func(*txaio.Future[int]) error{
			"Resolve": func(f *txaio.Future[int]) error { return txaio.Resolve(f, 1) },
			"Reject":  func(f *txaio.Future[int]) error { return txaio.Reject(f, errOne) },
		} {
			x := newFixture(t)
			f := txaio.CreateFuture[int]()
			watch(&x.journal, f, "f")
			txaio.Cancel(f)
			wantErr(t, "first "+name, settle(f), byBackend(nil, txaio.ErrAlreadyCalled))
			wantErr(t, "second "+name, settle(f), txaio.ErrAlreadyCalled)
			watch(&x.journal, f, "later")
			x.RunUntilIdle()
			x.want(t, "f!cancelled", "later!cancelled")
		}
	})
}

func TestDifferenceCancelSettled(t *testing.T) {
	x := newFixture(t)
	for _, f := range []*txaio.Future[int]{
		txaio.CreateFutureSuccess(1), txaio.CreateFutureError[int](errOne),
	} {
		txaio.Cancel(f)
		x.RunUntilIdle()
		wantErr(t, "Resolve", txaio.Resolve(f, 2), txaio.ErrAlreadyCalled) // nothing is swallowed
		watch(&x.journal, f, "f")
		x.RunUntilIdle()
	}
	x.want(t, "f=1", "f!one")
}

func TestDifferenceCancelMessage(t *testing.T) {
	newFixture(t)
	f := txaio.CreateFuture[int]()
	txaio.Cancel(f, "too late")
	cancelled, ok := wantFailure(t, f, txaio.ErrCancelled).Value().(*txaio.CancelledError)
	if want := byBackend("", "too late"); !ok || cancelled.Message != want {
		t.Errorf("got %v, want message %q", cancelled, want)
	}
}

func TestDifferenceGatherConsume(t *testing.T) {
	x := newFixture(t)
	a, b := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	watch(&x.journal, b, "before")
	g := txaio.Gather([]*txaio.Future[int]{a, b}, true)
	watch(&x.journal, b, "after")
	fail := txaio.CreateFailure(errOne)
	txaio.Reject(b, fail)
	x.RunUntilIdle()
	wantSettled(t, g, false)
	txaio.Resolve(a, 1)
	got, err := await(t, g)
	if want := []txaio.Result[int]{{Value: 1}, {Failure: fail}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	x.want(t, "before!one", byBackend("after=0", "after!one"))
}

func TestDifferenceGatherSameTwice(t *testing.T) {
	newFixture(t)
	fail := txaio.CreateFailure(errOne)
	c := txaio.CreateFutureError[int](fail)
	got, err := await(t, txaio.Gather([]*txaio.Future[int]{c, c}, true))
	want := []txaio.Result[int]{{Failure: fail}, byBackend(txaio.Result[int]{}, txaio.Result[int]{Failure: fail})}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestDifferenceGatherNotConsume(t *testing.T) {
	x := newFixture(t)
	a, b, c := txaio.CreateFuture[int](), txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	g := txaio.Gather([]*txaio.Future[int]{a, b, c}, false)
	txaio.Reject(c, errTwo)
	x.RunUntilIdle()
	wantSettled(t, g, txaio.UsingFuture)
	txaio.Reject(b, errOne)
	txaio.Resolve(a, 1)
	wantFailure(t, g, byBackend(errOne, errTwo))
	wantFailure(t, b, errOne) // it is still there
}

func TestDifferenceCancelGather(t *testing.T) {
	ownReports(t)
	t.Run("children that fail", func(t *testing.T) {
		for _, consume := range []bool{true, false} {
			x := newFixture(t)
			done, a, b := txaio.CreateFutureSuccess(1), txaio.CreateFuture[int](), txaio.CreateFuture[int]()
			watch(&x.journal, a, "a")
			watch(&x.journal, b, "b")
			list := []*txaio.Future[int]{done, a, b}
			g := txaio.Gather(list, consume)
			clear(list) // Gather keeps its own
			x.RunUntilIdle()
			txaio.Cancel(g)
			wantSettled(t, g, txaio.UsingDeferred)
			x.RunUntilIdle()
			x.want(t, "a!cancelled", "b!cancelled")
			if txaio.UsingDeferred && consume {
				results, err := await(t, g)
				if err != nil || len(results) != 3 || results[0].Value != 1 || results[1].Failure == nil || results[2].Failure == nil {
					t.Errorf("got %v, %v", results, err)
				}
				continue
			}
			wantFailure(t, g, txaio.ErrCancelled)
		}
	})
	t.Run("child whose canceller resolves it", func(t *testing.T) {
		newFixture(t)
		child := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { txaio.Resolve(f, 3) }))
		g := txaio.Gather([]*txaio.Future[int]{child}, true)
		txaio.Cancel(g)
		if txaio.UsingFuture {
			wantFailure(t, g, txaio.ErrCancelled)
			return
		}
		if results, err := await(t, g); err != nil || results[0].Value != 3 {
			t.Errorf("got %v, %v", results, err)
		}
	})
	t.Run("child that goes on after its cancellation", func(t *testing.T) {
		x := newFixture(t)
		child, elsewhere := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
		g := txaio.Gather([]*txaio.Future[int]{child, elsewhere}, true)
		txaio.Resolve(elsewhere, 1)
		x.RunUntilIdle()
		txaio.Cancel(g)
		x.RunUntilIdle()
		wantSettled(t, g, true)
		txaio.Cancel(g)
		x.RunUntilIdle()
		wantValue(t, elsewhere, 1)
	})
}

func TestDifferenceGatherNothing(t *testing.T) {
	x := newFixture(t)
	for _, consume := range []bool{true, false} {
		for _, none := range [][]*txaio.Future[int]{nil, {}} {
			g := txaio.Gather(none, consume)
			wantSettled(t, g, true)
			txaio.AddCallbacks(g, func(results []txaio.Result[int]) ([]txaio.Result[int], error) {
				x.note("%d results, nil %v", len(results), results == nil)
				return results, nil
			}, nil)
			x.RunUntilIdle()
			x.want(t, "0 results, nil false")
		}
	}
}

func TestDifferenceErrbackReturnsTheValue(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFutureError[int](errOne)
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) { return 0, fail.Value() })
	watch(&x.journal, f, "next")
	x.RunUntilIdle()
	x.want(t, byBackend([]string{"next!one"}, []string{"handler one", "next!one"})...)
}

func TestDifferenceAwaitInsideCallback(t *testing.T) {
	x := newFixture(t)
	ended, end := context.WithCancel(context.Background())
	end()
	await := func() *txaio.Future[int] {
		f := txaio.CreateFuture[int]()
		txaio.AddCallbacks(f, func(value int) (int, error) {
			got, err := txaio.Await(ended, f)
			x.note("%d, %v", got, err)
			return value, nil
		}, nil)
		return f
	}
	txaio.Resolve(await(), 1)
	x.RunUntilIdle()
	x.CallSoon(func() { txaio.Resolve(await(), 2) })
	x.RunUntilIdle()
	x.want(t, byBackend(
		[]string{"0, " + context.Canceled.Error(), "0, " + txaio.ErrAwaitOnLoop.Error()},
		[]string{"1, <nil>", "2, <nil>"})...)
}

// libraryLog has the library's own log entries during a test. They may include reports
// of futures that earlier tests dropped, so tests look for texts of their own.
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

// captureLog records the library's log entries until the test ends. fire may be nil.
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

// settleReports waits until the failures that were dropped so far are reported.
func settleReports(t testing.TB, log *libraryLog) {
	t.Helper()
	for range 3 {
		runtime.GC()
	}
	text := fmt.Sprintf("sentinel %d", sentinels.Add(1))
	dropFailed(errors.New(text))
	wantReport(t, log, text)
}

// ownReports keeps failures that a test leaves unhandled from being reported during a
// later test or example. It returns what captureLog does.
func ownReports(t testing.TB) *libraryLog {
	log := captureLog(t, nil)
	t.Cleanup(func() { settleReports(t, log) })
	return log
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

// A failure that nothing handles is reported once.
func TestUnhandledFailures(t *testing.T) {
	const no, yes = "", "boom"
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	boom := func(err error) *txaio.Future[int] { return txaio.CreateFutureError[int](err) }
	for name, test := range map[string]struct {
		deferred, future string // the text of the report
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

// Twisted reports a cancelled Deferred, but asyncio does not report a cancelled future.
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

// An error may refer to its future. Both are still collected.
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

// If a log hook panics or calls Goexit, later failures are still reported. If it
// blocks, other cleanups of the runtime still run.
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
	eventually(t, "all were reported", func() bool { giveWay(); runtime.GC(); return fired.Load() == 4 })
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

// Reports of unhandled failures cost nothing for a future that succeeds.
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

// The tests below inject the faults of docs/reliability.md that no other test does.

// A fault is a way for a function to end without returning.
type fault struct {
	name string
	do   func()
}

var faults = []fault{
	{"panic", func() { panic(errors.New("injected")) }},
	{"Goexit", runtime.Goexit},
}

// A panic or Goexit in any function of a program ends only that call. Later functions
// of the loop run, on the loop's own goroutine.
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

// If the exception handler panics, both failures are logged. If it calls Goexit, its
// failure counts as handled.
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

// A fault in a log hook or a writer does not reach the code that logs. A loop that
// reports a panic goes on.
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

// Settling after a cancellation changes nothing, in all combinations.
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

// If 64 goroutines settle a future at once, one succeeds, and each callback runs once
// with its value.
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

// A loop that nobody refers to runs its functions and timers, and is collected after
// that.
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

// If a test loop is dropped, its functions never run.
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

// If a context ends, the calls that wait with it return, and the future does not
// change.
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

// If a clock jumps back, timers and batched timers are late by the jump, and none is
// lost. The system's clock cannot cause this, because loops use its monotonic reading.
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

// A callback that blocks for ever holds up its loop, and nothing else: other loops
// run, Await ends with its context, and debug mode and Stats show the problem.
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
		// Run cannot take over, and returns the context's error when that ends.
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

// Many goroutines use shared futures in all ways at once. Each callback runs exactly
// once, each gathered future is settled, and no goroutine is left.
func TestRace(t *testing.T) {
	ownReports(t)
	const (
		workers = 16
		rounds  = 200
		shared  = 4
	)
	before := runtime.NumGoroutine()
	loops := [2]*txaio.Loop{txaio.NewLoop(), txaio.NewLoop()}
	defer testutil.ReplaceLoop(loops[0])()
	for range rounds {
		var (
			futures [shared]*txaio.Future[int]
			added   atomic.Int64
			ran     [workers * shared * 2]atomic.Int64
			wg      sync.WaitGroup
			settled [shared]atomic.Int64
		)
		for i := range futures {
			txaio.SetLoop(loops[i%2])
			switch i % 3 {
			case 0:
				futures[i] = new(txaio.Future[int])
			case 1:
				futures[i] = txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { txaio.Resolve(f, -1) }))
			case 2:
				futures[i] = txaio.CreateFuture[int]()
			}
		}
		count := func(f *txaio.Future[int]) {
			n := added.Add(1) - 1
			txaio.AddCallbacks(f, func(v int) (int, error) {
				ran[n].Add(1)
				return v, nil
			}, func(fail *txaio.Failure) (int, error) {
				ran[n].Add(1)
				return 0, fail
			})
		}
		start := make(chan struct{})
		for worker := range workers {
			wg.Go(func() {
				<-start
				for i := range futures {
					f := futures[(i+worker)%shared]
					count(f)
					switch worker % 8 {
					case 0:
						if txaio.Resolve(f, worker) == nil {
							settled[(i+worker)%shared].Add(1)
						}
					case 1:
						if txaio.Reject(f, errOne) == nil {
							settled[(i+worker)%shared].Add(1)
						}
					case 2:
						txaio.Cancel(f)
					case 3:
						txaio.Await(context.Background(), f)
					case 4:
						txaio.Await(context.Background(), txaio.Gather(futures[:], worker < 8))
					case 5:
						g := txaio.Gather(futures[:], true)
						txaio.Cancel(g)
						<-g.Done()
					case 6:
						<-f.Done()
						txaio.IsCalled(f)
					case 7:
						ctx, cancel := context.WithCancel(context.Background())
						go cancel()
						txaio.Await(ctx, f)
					}
					count(f)
				}
			})
		}
		close(start)
		wg.Wait()
		for i, f := range futures {
			// This callback is the last one.
			last := make(chan struct{})
			txaio.AddCallbacks(f, func(v int) (int, error) { close(last); return v, nil },
				func(fail *txaio.Failure) (int, error) { close(last); return 0, fail })
			<-last
			// On the deferred backend a settling call may also be swallowed.
			if n := settled[i].Load(); n > byBackend[int64](2, 1) {
				t.Errorf("future %d was settled %d times", i, n)
			}
		}
		if n := added.Load(); n != int64(len(ran)) {
			t.Fatalf("%d callbacks were added", n)
		}
		for i := range ran {
			if n := ran[i].Load(); n != 1 {
				t.Errorf("callback %d ran %d times", i, n)
			}
		}
	}
	wantGoroutines(t, before)
}

// A gathered future that is cancelled and settled at the same time is either cancelled
// or settled, also if somebody waits for it.
func TestRaceCancelGather(t *testing.T) {
	ownReports(t)
	defer testutil.ReplaceLoop(txaio.NewLoop())()
	for range 2000 {
		f := txaio.CreateFuture[int]()
		g := txaio.Gather([]*txaio.Future[int]{f}, true)
		done := g.Done()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for !txaio.IsCalled(g) {
					txaio.Cancel(g)
					runtime.Gosched() // to those that settle it, on one processor
				}
			})
		}
		wg.Go(func() { txaio.Resolve(f, 1) })
		wg.Wait()
		<-done
	}
}

// A gathered future that does not consume failures fails with one of them, even if the
// last of the others succeeds at the same time, on any loop.
func TestRaceGatherFails(t *testing.T) {
	loops := [2]*txaio.Loop{txaio.NewLoop(), txaio.NewLoop()}
	defer testutil.ReplaceLoop(loops[0])()
	for range 20_000 {
		var futures [2]*txaio.Future[int]
		for i := range futures {
			txaio.SetLoop(loops[i])
			futures[i] = txaio.CreateFuture[int]()
		}
		g := txaio.Gather(futures[:], false)
		var wg sync.WaitGroup
		wg.Go(func() { txaio.Reject(futures[0], failureOne) })
		wg.Go(func() { txaio.Resolve(futures[1], 1) })
		wg.Wait()
		if results, err := txaio.Await(context.Background(), g); err == nil {
			t.Fatalf("results %v", results)
		}
	}
}

var failureOne = txaio.CreateFailure(errOne)

// Adding callbacks while a Deferred or future is being settled keeps their
// order.
func TestRaceKeepsOrder(t *testing.T) {
	const count = 2000
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	f := txaio.CreateFuture[int]()
	var order []int
	half, done := make(chan struct{}), make(chan struct{})
	go func() {
		<-half
		txaio.Resolve(f, 1)
	}()
	for i := range count {
		if i == count/2 {
			close(half)
		}
		txaio.AddCallbacks(f, func(v int) (int, error) {
			if order = append(order, i); len(order) == count {
				close(done)
			}
			return v, nil
		}, nil)
	}
	<-done
	for i, got := range order {
		if got != i {
			t.Fatalf("callback %d ran at place %d", got, i)
		}
	}
}

// wantGoroutines waits until only want goroutines are left.
func wantGoroutines(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > want {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), want, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

// A panic with nil, which only an old GODEBUG setting allows, is a failure like
// any other.
func TestNilPanic(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	if value := panicOf(func() { panic(nil) }); value != nil {
		t.Fatalf("GODEBUG has no effect: recover returned %v", value)
	}
	nilPanic := func() { panic(nil) }
	failing := func() (int, error) { panic(nil) }
	failingOf := func() (*txaio.Future[int], error) { panic(nil) }
	callback := func(int) (int, error) { panic(nil) }
	errback := func(*txaio.Failure) (int, error) { panic(nil) }
	text := new(runtime.PanicNilError).Error()
	inChain := txaio.ErrGoexit.Error() // a chain cannot tell the two apart
	for _, test := range []struct {
		name             string
		use              func(x *fixture)
		deferred, future []string
	}{
		{"callback", func(x *fixture) {
			f := txaio.CreateFuture[int]()
			_, same := noting[int](&x.journal, "same pair")
			txaio.AddCallbacks(f, callback, same)
			watch(&x.journal, f, "next")
			txaio.Resolve(f, 1)
		}, []string{"next!" + inChain}, []string{"same pair!" + text, "next=1"}},
		{"the only callback", func(x *fixture) {
			f := txaio.CreateFuture[int]()
			_, same := noting[int](&x.journal, "same pair")
			txaio.AddCallbacks(f, callback, same)
			txaio.Resolve(f, 1)
			x.RunUntilIdle()
			watch(&x.journal, f, "next")
		}, []string{"next!" + inChain}, []string{"same pair!" + text, "next=1"}},
		{"errback", func(x *fixture) {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, nil, errback)
			watch(&x.journal, f, "next")
			txaio.Reject(f, errOne)
		}, []string{"next!" + inChain}, []string{"handler " + text, "next!one"}},
		{"canceller", func(x *fixture) {
			f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { panic(nil) }))
			watch(&x.journal, f, "f")
			txaio.Cancel(f)
		}, []string{"f!cancelled", "handler " + text}, []string{"handler " + text, "f!cancelled"}},
		{"function", func(x *fixture) { txaio.CallSoon(nilPanic) }, []string{"handler " + text}, []string{"handler " + text}},
		{"timer", func(x *fixture) {
			txaio.CallLater(0, nilPanic)
			x.Advance(0)
		}, []string{"handler " + text}, []string{"handler " + text}},
		{"AsFuture", func(x *fixture) { watch(&x.journal, txaio.AsFuture(failing), "f") }, []string{"f!" + text}, []string{"f!" + text}},
		{"AsFutureOf", func(x *fixture) { watch(&x.journal, txaio.AsFutureOf(failingOf), "f") }, []string{"f!" + text}, []string{"f!" + text}},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newFixture(t)
			test.use(x)
			x.CallSoon(func() { x.note("the loop goes on") })
			x.RunUntilIdle()
			x.want(t, append(byBackend(test.deferred, test.future), "the loop goes on")...)
		})
	}
}

// The exception handler is called on the loop, for one failure at a time, even if
// cancellers panic on several goroutines.
func TestPanicsOfCancellersReachTheHandlerOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, handled, elsewhere int
		var loop *txaio.Loop
		loop = txaio.NewLoop(txaio.WithExceptionHandler(func(*txaio.Failure) {
			running++
			handled++
			if running > 1 {
				t.Error("the handler is called while it runs")
			}
			if !loop.InLoop() {
				elsewhere++
			}
			time.Sleep(time.Second) // for others to come
			running--
		}))
		defer testutil.ReplaceLoop(loop)()
		for range 10 {
			f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { panic("on purpose") }))
			txaio.Watch(f, nil, func(*txaio.Failure) {})
			go txaio.Cancel(f)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if handled != 10 || elsewhere > 0 {
			t.Errorf("%d failures were handled, %d not on the loop, want 10 and 0", handled, elsewhere)
		}
	})
}

// Futures, loops and timers print as their type and state, for every verb. They can be
// printed while other goroutines change them.
func TestPrintWhileOthersChangeIt(t *testing.T) {
	verbs := []string{"%v", "%+v", "%#v", "%d", "%s", "%x"}
	loop := txaio.NewLoop(txaio.WithName("printed"))
	defer testutil.ReplaceLoop(loop)()
	manual := txaio.NewManualLoop()
	batched := txaio.MakeBatchedTimer(time.Second, 1)
	for i := range 100 {
		f := txaio.CreateFuture[int]()
		timer := loop.CallLater(time.Hour, func() {})
		call := batched.CallLater(time.Hour, func() {})
		var wg sync.WaitGroup
		wg.Go(func() {
			watchValue(f)
			if i%2 == 0 {
				txaio.Resolve(f, 1)
			} else {
				txaio.Reject(f, errOne)
			}
			watchValue(f)
			timer.Cancel()
			call.Cancel()
			batched.CallLater(time.Hour, func() {}).Cancel()
			manual.CallSoon(func() {})
			manual.RunOnce()
		})
		for _, verb := range verbs {
			for _, c := range []struct {
				what any
				want string
			}{
				{f, "Future[int] "},
				{[]*txaio.Future[int]{f}, "[Future[int] "},
				{loop, `Loop "printed"`},
				{manual, "Loop"},
				{batched, "BatchedTimer 1s"},
				{timer, "DelayedCall"},
				{call, "DelayedCall"},
			} {
				text := fmt.Sprintf(verb, c.what)
				if _, list := c.what.([]*txaio.Future[int]); list && verb == "%#v" {
					c.want = "[]*txaio." // the alias prints as its target
				}
				if !strings.HasPrefix(text, c.want) {
					t.Errorf("%s prints %q", verb, text)
				}
			}
		}
		wg.Wait()
		if text, want := f.String(), "Future[int] "+[]string{"succeeded", "failed"}[i%2]; text != want {
			t.Errorf("it prints %q, not %q", text, want)
		}
	}
	for want, f := range map[string]*txaio.Future[string]{
		"Future[string] nil":     nil,
		"Future[string] pending": txaio.CreateFuture[string](),
	} {
		if text := fmt.Sprint(f); text != want {
			t.Errorf("it prints %q, not %q", text, want)
		}
	}
	cancelled := txaio.CreateFuture[string]()
	txaio.Cancel(cancelled)
	txaio.Watch(cancelled, nil, func(*txaio.Failure) {})
	if text, want := fmt.Sprint(cancelled), "Future[string] "+byBackend("failed", "cancelled"); text != want {
		t.Errorf("it prints %q, not %q", text, want)
	}
}

// watchValue adds callbacks that do nothing.
func watchValue(f *txaio.Future[int]) {
	txaio.Watch(f, func(int) {}, func(*txaio.Failure) {})
}

// The time that it takes for calls of Await to give up grows with their number,
// not with its square.
func TestAwaitsThatGiveUp(t *testing.T) {
	newFixture(t)
	took := func(n int) time.Duration {
		f := txaio.CreateFuture[int]()
		start := time.Now()
		_, err := txaio.Await(&nestedContext{endsWhileWaiting{}, f, n - 1}, f)
		wantErr(t, "Await", err, context.Canceled)
		return time.Since(start)
	}
	// With linear growth the ratio is 32, with quadratic growth 1,000. The test
	// compares the shortest times of many attempts, because a busy machine only adds
	// to a time.
	const few, many = 500, 16_000
	short, long := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range 100 {
		short, long = min(short, took(few)), min(long, took(many))
		if float64(long)/float64(short) <= 130 {
			return
		}
	}
	t.Errorf("%d calls of Await need %v to give up, %d of them %v", few, short, many, long)
}

// nestedContext is a context for a call of Await. It starts more calls while that one
// waits, and ends when they have given up.
type nestedContext struct {
	endsWhileWaiting
	f    *txaio.Future[int]
	more int
}

func (c *nestedContext) Done() <-chan struct{} {
	if c.more > 0 {
		_, _ = txaio.Await(&nestedContext{endsWhileWaiting{}, c.f, c.more - 1}, c.f)
	}
	return c.endsWhileWaiting.Done()
}

// endsWhileWaiting is a context that ends after Await has checked it and before it
// waits for it. Only the deferred backend checks it first.
type endsWhileWaiting struct {
	context.Context
	asked bool
}

func (c *endsWhileWaiting) Err() error {
	if c.asked || txaio.UsingFuture {
		return context.Canceled
	}
	c.asked = true
	return nil
}

func (*endsWhileWaiting) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}
