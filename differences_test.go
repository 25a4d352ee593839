//go:build deferred || future

package txaio_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/txaio-go/txaio"
)

// Where the backends differ, and that they do: one test for each row of the
// table in docs/semantics.md.

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

	// The same future twice: the first place consumes its failure.
	c := txaio.CreateFutureError[int](fail)
	got, err = await(t, txaio.Gather([]*txaio.Future[int]{c, c}, true))
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
