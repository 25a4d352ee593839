//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func TestCreateFuture(t *testing.T) {
	newFixture(t)
	tests := []struct {
		name    string
		make    func() *txaio.Future[int]
		settled bool
		value   int
		err     error
	}{
		{"pending", func() *txaio.Future[int] { return txaio.CreateFuture[int]() }, false, 0, nil},
		{"result", func() *txaio.Future[int] { return txaio.CreateFuture(txaio.WithResult(7)) }, true, 7, nil},
		{"zero result", func() *txaio.Future[int] { return txaio.CreateFuture(txaio.WithResult(0)) }, true, 0, nil},
		{"error", func() *txaio.Future[int] { return txaio.CreateFuture(txaio.WithError[int](errOne)) }, true, 0, errOne},
		{"canceller", func() *txaio.Future[int] {
			return txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) {}))
		}, false, 0, nil},
		{"canceller and result", func() *txaio.Future[int] {
			return txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) {}), txaio.WithResult(7))
		}, true, 7, nil},
		{"success", func() *txaio.Future[int] { return txaio.CreateFutureSuccess(7) }, true, 7, nil},
		{"failure", func() *txaio.Future[int] { return txaio.CreateFutureError[int](errOne) }, true, 0, errOne},
		{"zero value", func() *txaio.Future[int] { return new(txaio.Future[int]) }, false, 0, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := test.make()
			wantSettled(t, f, test.settled)
			switch {
			case test.err != nil:
				wantFailure(t, f, test.err)
			case test.settled:
				wantValue(t, f, test.value)
			}
		})
	}
}

// wantSettled checks every function and method that reports whether f is settled.
func wantSettled(t *testing.T, f txaio.AnyFuture, want bool) {
	t.Helper()
	if txaio.IsCalled(f) != want || f.IsCalled() != want {
		t.Errorf("IsCalled = %v, want %v", f.IsCalled(), want)
	}
	select {
	case <-f.Done():
		if !want {
			t.Error("Done is closed")
		}
	default:
		if want {
			t.Error("Done is not closed")
		}
	}
}

func TestDoneIsClosedBySettling(t *testing.T) {
	ownReports(t)
	newFixture(t)
	for name, settle := range map[string]func(*txaio.Future[int]){
		"resolve": func(f *txaio.Future[int]) { txaio.Resolve(f, 1) },
		"reject":  func(f *txaio.Future[int]) { txaio.Reject(f, errOne) },
		"cancel":  func(f *txaio.Future[int]) { txaio.Cancel(f) },
	} {
		t.Run(name, func(t *testing.T) {
			f := txaio.CreateFuture[int]()
			done := f.Done()
			wantSettled(t, f, false)
			settle(f)
			wantSettled(t, f, true)
			<-done
		})
	}
}

func TestSettleTwice(t *testing.T) {
	for _, first := range []string{"resolve", "reject"} {
		t.Run(first, func(t *testing.T) {
			x := newFixture(t)
			f := txaio.CreateFuture[int]()
			watch(&x.journal, f, "f")
			if first == "resolve" {
				wantErr(t, "Resolve", txaio.Resolve(f, 1), nil)
			} else {
				wantErr(t, "Reject", txaio.Reject(f, errOne), nil)
			}
			wantErr(t, "second Resolve", txaio.Resolve(f, 2), txaio.ErrAlreadyCalled)
			wantErr(t, "second Reject", txaio.Reject(f, errTwo), txaio.ErrAlreadyCalled)
			x.RunUntilIdle()
			wantErr(t, "third Resolve", txaio.Resolve(f, 3), txaio.ErrAlreadyCalled)
			x.RunUntilIdle()
			if first == "resolve" {
				x.want(t, "f=1")
			} else {
				x.want(t, "f!one")
			}
		})
	}
}

func TestCallbacksRunInOrder(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	watch(&x.journal, f, "a")
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) { x.note("skipped"); return 0, fail })
	watch(&x.journal, f, "b")
	x.RunUntilIdle()
	x.want(t)
	txaio.Resolve(f, 1)
	watch(&x.journal, f, "c")
	x.RunUntilIdle()
	watch(&x.journal, f, "d")
	x.RunUntilIdle()
	x.want(t, "a=1", "b=1", "c=1", "d=1")

	f = txaio.CreateFuture[int]()
	watch(&x.journal, f, "a")
	txaio.AddCallbacks(f, func(value int) (int, error) { x.note("skipped"); return value, nil }, nil)
	watch(&x.journal, f, "b")
	txaio.Reject(f, errOne)
	watch(&x.journal, f, "c")
	x.RunUntilIdle()
	x.want(t, "a!one", "b!one", "c!one")
}

func TestCallbackThatAddsCallbacks(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(value int) (int, error) {
		watch(&x.journal, f, "inner")
		x.note("outer=%d", value)
		return value, nil
	}, nil)
	watch(&x.journal, f, "next")
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	x.want(t, "outer=1", "next=1", "inner=1")
}

func TestWatchPassesOn(t *testing.T) {
	x := newFixture(t)
	onValue := func(value int) { x.note("value %d", value) }
	onFailure := func(fail *txaio.Failure) { x.note("failure %v", fail) }
	for _, f := range []*txaio.Future[int]{txaio.CreateFutureSuccess(1), txaio.CreateFutureError[int](errOne)} {
		txaio.Watch(f, onValue, onFailure)
		txaio.Watch(f, onValue, nil)
		txaio.Watch(f, nil, onFailure)
		watch(&x.journal, f, "next")
		x.RunUntilIdle()
	}
	x.want(t, "value 1", "value 1", "next=1", "failure one", "failure one", "next!one")
}

func TestEachFailureIsTheSame(t *testing.T) {
	x := newFixture(t)
	fail := txaio.CreateFailure(errOne)
	f := txaio.CreateFuture[int]()
	same := func(got *txaio.Failure) (int, error) { x.note("same %v", got == fail); return 0, got }
	txaio.AddCallbacks(f, nil, same)
	txaio.AddCallbacks(f, nil, same)
	txaio.Reject(f, fail)
	if got := wantFailure(t, f, errOne); got != fail {
		t.Error("Await returned another failure")
	}
	x.want(t, "same true", "same true")
}

func TestAsFuture(t *testing.T) {
	newFixture(t)
	called := false
	f := txaio.AsFuture(func() (int, error) { called = true; return 3, nil })
	if !called {
		t.Error("the function was not called at once")
	}
	wantValue(t, f, 3)
	wantFailure(t, txaio.AsFuture(func() (int, error) { return 3, errOne }), errOne)

	fail := txaio.CreateFailure(errOne)
	if got := wantFailure(t, txaio.AsFuture(func() (int, error) { return 0, fail }), errOne); got != fail {
		t.Error("the returned failure was not kept")
	}
	wantValue(t, txaio.AsFuture(func() (int, error) { return 3, (*txaio.Failure)(nil) }), 3)
	wantPanicError(t, wantFailure(t, txaio.AsFuture(func() (int, error) { panic(errOne) }), errOne), errOne)
	var none map[string]int
	f = txaio.AsFuture(func() (int, error) { none["a"] = 1; return 1, nil })
	if _, err := await(t, f); err == nil || !strings.Contains(err.Error(), "nil map") {
		t.Errorf("got %v", err)
	}
}

func wantPanicError(t *testing.T, fail *txaio.Failure, value any) {
	t.Helper()
	var panicked *txaio.PanicError
	if !errors.As(fail, &panicked) || panicked.Value != value {
		t.Errorf("got %v, want a *PanicError of %v", fail.Value(), value)
	}
}

func TestAsFutureOf(t *testing.T) {
	ownReports(t)
	newFixture(t)
	pending := txaio.CreateFuture[int]()
	if f := txaio.AsFutureOf(func() (*txaio.Future[int], error) { return pending, nil }); f != pending {
		t.Error("not the same future")
	}
	wantFailure(t, txaio.AsFutureOf(func() (*txaio.Future[int], error) { return nil, errOne }), errOne)
	if f := txaio.AsFutureOf(func() (*txaio.Future[int], error) { return pending, errOne }); f == pending {
		t.Error("the error was ignored")
	}
	fail := wantFailure(t, txaio.AsFutureOf(func() (*txaio.Future[int], error) { panic(errTwo) }), errTwo)
	wantPanicError(t, fail, errTwo)

	_, err := await(t, txaio.AsFutureOf(func() (*txaio.Future[int], error) { return nil, nil }))
	var usage *txaio.UsageError
	if !errors.As(err, &usage) || !strings.Contains(usage.Error(), "neither a future nor an error") {
		t.Errorf("got %v, want a *UsageError", err)
	}
}

func TestIsFuture(t *testing.T) {
	ownReports(t)
	newFixture(t)
	for _, test := range []struct {
		v    any
		want bool
	}{
		{txaio.CreateFuture[int](), true},
		{txaio.CreateFutureError[func()](errOne), true},
		{txaio.Gather[int](nil, true), true},
		{nil, false},
		{1, false},
		{errOne, false},
		{make(chan struct{}), false},
		{txaio.CreateFailure(errOne), false},
	} {
		if got := txaio.IsFuture(test.v); got != test.want {
			t.Errorf("IsFuture(%T) = %v", test.v, got)
		}
	}
}

type point struct{ X, Y int }

// recover works only if RejectOnPanic is itself the deferred function. The compiler may
// put a wrapper between them for a type parameter.
func TestRejectOnPanic(t *testing.T) {
	ownReports(t)
	newFixture(t)
	t.Run("int", rejectOnPanic[int])
	t.Run("string", rejectOnPanic[string])
	t.Run("struct", rejectOnPanic[point])
	t.Run("pointer", rejectOnPanic[*point])
	t.Run("interface", rejectOnPanic[io.Reader])
	t.Run("slice", rejectOnPanic[[]byte])
	t.Run("error", rejectOnPanic[error])
	t.Run("empty struct", rejectOnPanic[struct{}])

	t.Run("not in generic code", func(t *testing.T) {
		number, text, list := txaio.CreateFuture[int](), txaio.CreateFuture[string](), txaio.CreateFuture[[]byte]()
		fault, reader, place := txaio.CreateFuture[error](), txaio.CreateFuture[io.Reader](), txaio.CreateFuture[*point]()
		func() { defer txaio.RejectOnPanic(number); panic(errOne) }()
		func() { defer txaio.RejectOnPanic(text); panic(errOne) }()
		func() { defer txaio.RejectOnPanic(list); panic(errOne) }()
		func() { defer txaio.RejectOnPanic(fault); panic(errOne) }()
		func() { defer txaio.RejectOnPanic(reader); panic(errOne) }()
		func() { defer txaio.RejectOnPanic(place); panic(errOne) }()
		for _, f := range []txaio.AnyFuture{number, text, list, fault, reader, place} {
			wantSettled(t, f, true)
		}
		wantPanicError(t, wantFailure(t, number, errOne), errOne)
	})
}

func rejectOnPanic[T any](t *testing.T) {
	f := txaio.CreateFuture[T]()
	func() {
		defer txaio.RejectOnPanic(f)
		explode(errOne)
	}()
	wantSettled(t, f, true)
	fail := wantFailure(t, f, errOne)
	wantPanicError(t, fail, errOne)
	if frames := txaio.FailureTraceback(fail); len(frames) == 0 || !strings.HasSuffix(frames[0].Function, ".explode") {
		t.Errorf("the stack is not the panic's:\n%s", txaio.FailureFormatTraceback(fail))
	}

	f = txaio.CreateFuture[T]()
	func() { defer txaio.RejectOnPanic(f) }()
	wantSettled(t, f, false)
	func() {
		defer txaio.RejectOnPanic(f)
		txaio.Resolve(f, *new(T))
	}()
	if value, err := await(t, f); err != nil || !reflect.DeepEqual(value, *new(T)) {
		t.Errorf("got %v, %v", value, err)
	}
}

//go:noinline
func explode(value any) { panic(value) }

func TestRejectOnPanicAfterSettling(t *testing.T) {
	printed, child := inChild(t)
	if child {
		newFixture(t)
		f := txaio.CreateFutureSuccess(1)
		func() {
			defer txaio.RejectOnPanic(f)
			explode("after the fact")
		}()
		wantValue(t, f, 1)
		return
	}
	for _, word := range []string{"after the fact", "explode"} {
		if !strings.Contains(printed, word) {
			t.Errorf("the panic was not reported with %q:\n%s", word, printed)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Run("pending", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture[int]()
		watch(&x.journal, f, "f")
		txaio.Cancel(f)
		wantSettled(t, f, true)
		x.RunUntilIdle()
		x.want(t, "f!cancelled")
		fail := wantFailure(t, f, txaio.ErrCancelled)
		if !errors.Is(fail, context.Canceled) {
			t.Error("errors.Is does not find context.Canceled")
		}
		txaio.Cancel(f)
		x.RunUntilIdle()
		x.want(t)
	})
	t.Run("canceller", func(t *testing.T) {
		x := newFixture(t)
		var f *txaio.Future[int]
		f = txaio.CreateFuture(txaio.WithCanceller(func(got *txaio.Future[int]) { x.note("canceller %v", got == f) }))
		watch(&x.journal, f, "f")
		txaio.Cancel(f)
		txaio.Cancel(f)
		wantErr(t, "Resolve", txaio.Resolve(f, 1), txaio.ErrAlreadyCalled)
		x.RunUntilIdle()
		x.want(t, "canceller true", "f!cancelled")
	})
	t.Run("canceller that panics", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { panic("broken canceller") }))
		watch(&x.journal, f, "f")
		txaio.Cancel(f)
		x.RunUntilIdle()
		want := []string{"handler broken canceller", "f!cancelled"}
		if txaio.UsingDeferred { // the callbacks run in Cancel, the handler on the loop
			slices.Reverse(want)
		}
		x.want(t, want...)
	})
	t.Run("settled", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
		watch(&x.journal, f, "f")
		txaio.Resolve(f, 1)
		txaio.Cancel(f)
		x.RunUntilIdle()
		txaio.Cancel(f)
		x.RunUntilIdle()
		x.want(t, "f=1")
	})
	t.Run("not called without Cancel", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
		txaio.Reject(f, &txaio.CancelledError{})
		wantFailure(t, f, txaio.ErrCancelled)
		x.want(t)
	})
}

func TestGather(t *testing.T) {
	newFixture(t)
	for _, consume := range []bool{false, true} {
		t.Run(fmt.Sprintf("consume %v", consume), func(t *testing.T) {
			a, b, c := txaio.CreateFuture[string](), txaio.CreateFutureSuccess("b"), txaio.CreateFuture[string]()
			list := []*txaio.Future[string]{a, b, c, b}
			g := txaio.Gather(list, consume)
			clear(list) // Gather keeps its own
			wantSettled(t, g, false)
			txaio.Resolve(c, "c")
			txaio.Resolve(a, "a")
			results, err := await(t, g)
			want := []txaio.Result[string]{{Value: "a"}, {Value: "b"}, {Value: "c"}, {Value: "b"}}
			if err != nil || !reflect.DeepEqual(results, want) {
				t.Errorf("got %v, %v, want %v", results, err, want)
			}
		})
	}
	t.Run("failure consumed", func(t *testing.T) {
		a, b := txaio.CreateFuture[string](), txaio.CreateFuture[string]()
		g := txaio.Gather([]*txaio.Future[string]{a, b}, true)
		fail := txaio.CreateFailure(errOne)
		txaio.Reject(a, fail)
		txaio.Resolve(b, "b")
		results, err := await(t, g)
		want := []txaio.Result[string]{{Failure: fail}, {Value: "b"}}
		if err != nil || !reflect.DeepEqual(results, want) {
			t.Errorf("got %v, %v, want %v", results, err, want)
		}
	})
	t.Run("failure not consumed", func(t *testing.T) {
		a, b := txaio.CreateFuture[string](), txaio.CreateFuture[string]()
		g := txaio.Gather([]*txaio.Future[string]{a, b}, false)
		fail := txaio.CreateFailure(errOne)
		txaio.Resolve(a, "a")
		txaio.Reject(b, fail)
		if got := wantFailure(t, g, errOne); got != fail {
			t.Error("another failure")
		}
	})
	for name, fail := range map[string]error{"lets go of the futures": nil, "lets go of the futures when one fails": errOne} {
		t.Run(name, func(t *testing.T) {
			var pointers []weak.Pointer[txaio.Future[string]]
			g := func() *txaio.Future[[]txaio.Result[string]] {
				list := []*txaio.Future[string]{txaio.CreateFuture[string](), txaio.CreateFutureSuccess("b")}
				for _, f := range list {
					pointers = append(pointers, weak.Make(f))
				}
				g := txaio.Gather(list, false)
				g.Done()
				if fail != nil {
					txaio.Reject(list[0], fail)
				} else {
					txaio.Resolve(list[0], "a")
				}
				return g
			}()
			if _, err := await(t, g); !errors.Is(err, fail) {
				t.Fatal(err)
			}
			for i, pointer := range pointers {
				eventually(t, fmt.Sprintf("future %d was collected", i), func() bool {
					runtime.GC()
					return pointer.Value() == nil
				})
			}
			runtime.KeepAlive(g)
		})
	}
	t.Run("of gathers", func(t *testing.T) {
		a, b := txaio.CreateFuture[string](), txaio.CreateFuture[string]()
		inner := txaio.Gather([]*txaio.Future[string]{a}, true)
		other := txaio.Gather([]*txaio.Future[string]{b}, true)
		g := txaio.Gather([]*txaio.Future[[]txaio.Result[string]]{inner, other}, true)
		txaio.Cancel(g)
		await(t, g)
		wantSettled(t, a, true)
		wantSettled(t, b, true)
	})
}

func TestAwait(t *testing.T) {
	background := context.Background()
	t.Run("settled", func(t *testing.T) {
		newFixture(t)
		ended, cancel := context.WithCancel(background)
		cancel()
		value, failed := txaio.CreateFutureSuccess(4), txaio.CreateFutureError[int](errOne)
		if got, err := txaio.Await(ended, value); got != 4 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		_, err := txaio.Await(ended, failed)
		if _, ok := err.(*txaio.Failure); !ok || !errors.Is(err, errOne) {
			t.Errorf("got %T %v, want a *Failure", err, err)
		}
		if n := testing.AllocsPerRun(100, func() { txaio.Await(background, value) }); n != 0 {
			t.Errorf("Await of a settled future allocates %v times", n)
		}
	})
	t.Run("pending", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer testutil.ReplaceLoop(txaio.NewLoop())()
			for _, settle := range []func(*txaio.Future[int]){
				func(f *txaio.Future[int]) { txaio.Resolve(f, 4) },
				func(f *txaio.Future[int]) { txaio.Reject(f, errOne) },
				func(f *txaio.Future[int]) { txaio.Cancel(f) },
			} {
				f := txaio.CreateFuture[int]()
				type outcome struct {
					value int
					err   error
				}
				outcomes := make(chan outcome, 3)
				for range cap(outcomes) {
					go func() {
						value, err := txaio.Await(background, f)
						outcomes <- outcome{value, err}
					}()
				}
				synctest.Wait()
				if len(outcomes) != 0 {
					t.Fatal("Await returned too early")
				}
				settle(f)
				synctest.Wait()
				want, wantErr := txaio.Await(background, f)
				for range cap(outcomes) {
					if got := <-outcomes; got != (outcome{want, wantErr}) {
						t.Errorf("got %v, want %v, %v", got, want, wantErr)
					}
				}
			}
		})
	})
	t.Run("context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer testutil.ReplaceLoop(txaio.NewLoop())()
			ctx, cancel := context.WithTimeout(background, time.Minute)
			defer cancel()
			f := txaio.CreateFuture[int]()
			if _, err := txaio.Await(ctx, f); err != context.DeadlineExceeded {
				t.Errorf("err = %v", err)
			}
			if _, err := txaio.Await(ctx, f); err != context.DeadlineExceeded {
				t.Errorf("with an ended context: err = %v", err)
			}
			wantSettled(t, f, false)
			wantErr(t, "Resolve", txaio.Resolve(f, 1), nil)
			if got, err := txaio.Await(ctx, f); got != 1 || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	})
	t.Run("context ends just after the future was settled", func(t *testing.T) {
		newFixture(t)
		for range 100 { // of two channels that are ready, select takes any
			f := txaio.CreateFuture[int]()
			ctx := &settlesWhileWaiting{settle: func() { txaio.Resolve(f, 1) }}
			if got, err := txaio.Await(ctx, f); got != 1 || err != nil {
				t.Fatalf("got %v, %v", got, err)
			}
		}
	})
}

// settlesWhileWaiting is a context that ends when it has called settle.
type settlesWhileWaiting struct {
	endsWhileWaiting
	settle func()
}

func (c *settlesWhileWaiting) Done() <-chan struct{} {
	c.settle()
	return c.endsWhileWaiting.Done()
}

func TestAwaitOnLoop(t *testing.T) {
	check := func(t *testing.T, loop txaio.EventLoop) {
		defer testutil.ReplaceLoop(loop)()
		pending, settled := txaio.CreateFuture[int](), txaio.CreateFutureSuccess(1)
		onLoop(loop, func() {
			if _, err := txaio.Await(context.Background(), pending); err != txaio.ErrAwaitOnLoop {
				t.Errorf("pending: err = %v", err)
			}
			atDepth(200, func() {
				if _, err := txaio.Await(endedContext(), pending); err != txaio.ErrAwaitOnLoop {
					t.Errorf("pending, deep in the stack: err = %v", err)
				}
			})
			if value, err := txaio.Await(context.Background(), settled); value != 1 || err != nil {
				t.Errorf("settled: got %v, %v", value, err)
			}
		})
		f := txaio.CreateFuture[int]()
		g := txaio.Then(f, func(v int) (int, error) { return v + 1, nil })
		awaited := make(chan struct{})
		txaio.Watch(f, func(int) {
			defer close(awaited)
			if value, err := txaio.Await(context.Background(), g); value != 2 || err != nil {
				t.Errorf("settled by Then, in a later callback: got %v, %v", value, err)
			}
		}, nil)
		onLoop(loop, func() { txaio.Resolve(f, 1) })
		<-awaited
		go txaio.Resolve(pending, 2)
		if value, err := txaio.Await(context.Background(), pending); value != 2 || err != nil {
			t.Errorf("not on the loop: got %v, %v", value, err)
		}
	}
	t.Run("own goroutine", func(t *testing.T) { check(t, txaio.NewLoop()) })
	t.Run("Run", func(t *testing.T) {
		loop := txaio.NewLoop()
		ctx, cancel := context.WithCancel(context.Background())
		stopped := make(chan error)
		go func() { stopped <- loop.Run(ctx) }()
		check(t, loop)
		cancel()
		<-stopped
	})
	t.Run("TestLoop", func(t *testing.T) {
		x := newFixture(t)
		f := txaio.CreateFuture[int]()
		x.CallSoon(func() {
			_, err := txaio.Await(context.Background(), f)
			x.note("%v", err == txaio.ErrAwaitOnLoop)
		})
		x.RunUntilIdle()
		x.want(t, "true")
	})
}

// spyLoop counts timers that were cancelled in time.
type spyLoop struct {
	*testutil.TestLoop
	stopped int
}

type spyTimer struct {
	txaio.DelayedCall
	loop *spyLoop
}

func (l *spyLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	return spyTimer{l.TestLoop.CallLater(delay, fn), l}
}

func (t spyTimer) Cancel() bool {
	stopped := t.DelayedCall.Cancel()
	if stopped {
		t.loop.stopped++
	}
	return stopped
}

// atDepth calls fn that many calls deep.
func atDepth(depth int, fn func()) {
	if depth > 0 {
		atDepth(depth-1, fn)
		return
	}
	fn()
}

// knowingLoop is a channelLoop that says whether it is running.
type knowingLoop struct {
	channelLoop
	running bool
}

func (l knowingLoop) InLoop() bool { return l.running }

// A loop of another type may say that it is running; any Loop is found on the stack.
func TestAwaitOnForeignLoop(t *testing.T) {
	for name, test := range map[string]struct {
		loop txaio.EventLoop
		want error
	}{
		"running":      {knowingLoop{nil, true}, txaio.ErrAwaitOnLoop},
		"not running":  {knowingLoop{nil, false}, context.Canceled},
		"does not say": {channelLoop(nil), context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			defer testutil.ReplaceLoop(test.loop)()
			f := txaio.CreateFuture[int]()
			_, err := txaio.Await(endedContext(), f)
			wantErr(t, "Await", err, test.want)
			onLoop(txaio.NewLoop(), func() { _, err = txaio.Await(endedContext(), f) })
			wantErr(t, "Await on another loop", err, txaio.ErrAwaitOnLoop)
		})
	}
}

func TestSleep(t *testing.T) {
	x := newFixture(t)
	loop := &spyLoop{TestLoop: x.TestLoop}
	defer testutil.ReplaceLoop(loop)()

	f := txaio.Sleep(2 * time.Second)
	x.Advance(2*time.Second - 1)
	wantSettled(t, f, false)
	x.Advance(1)
	wantSettled(t, f, true)

	for _, delay := range []time.Duration{0, -time.Second} {
		f = txaio.Sleep(delay)
		wantSettled(t, f, false)
		x.Advance(0)
		x.RunOnce()
		wantSettled(t, f, true)
	}

	f = txaio.Sleep(time.Hour)
	watch(&x.journal, f, "sleep")
	txaio.Cancel(f)
	x.RunUntilIdle()
	x.want(t, "sleep!cancelled")
	if loop.stopped != 1 {
		t.Error("cancelling did not stop the timer")
	}
	x.Advance(2 * time.Hour)
	x.want(t)
}

// Misuse panics with a *UsageError that names the mistake.
func TestMisuse(t *testing.T) {
	x := newFixture(t)
	var noFailure error = (*txaio.Failure)(nil)
	pending := func() *txaio.Future[int] { return txaio.CreateFuture[int]() }
	tests := []struct {
		name  string
		fn    func()
		words []string
	}{
		{"WithResult and WithError", func() { txaio.CreateFuture(txaio.WithResult(1), txaio.WithError[int](errOne)) }, []string{"WithResult", "WithError"}},
		{"WithError and WithResult", func() { txaio.CreateFuture(txaio.WithError[int](errOne), txaio.WithResult(0)) }, []string{"WithResult", "WithError"}},
		{"WithError nil", func() { txaio.CreateFuture(txaio.WithError[int](nil)) }, []string{"nil"}},
		{"CreateFutureError nil", func() { txaio.CreateFutureError[int](nil) }, []string{"nil"}},
		{"CreateFutureError nil *Failure", func() { txaio.CreateFutureError[int](noFailure) }, []string{"nil"}},
		{"Reject nil", func() { txaio.Reject(pending(), nil) }, []string{"nil"}},
		{"Reject nil *Failure", func() { txaio.Reject(pending(), noFailure) }, []string{"nil"}},
		{"CreateFailure nil", func() { txaio.CreateFailure(nil) }, []string{"nil"}},
		{"CreateFailure nil *Failure", func() { txaio.CreateFailure(noFailure) }, []string{"nil"}},
		{"Watch with neither", func() { txaio.Watch(pending(), nil, nil) }, []string{"value", "failure"}},
		{"AddCallbacks with neither", func() { txaio.AddCallbacks(pending(), nil, nil) }, []string{"callback", "errback"}},
		{"WithClock nil", func() { txaio.WithClock(nil) }, []string{"clock", "nil"}},
		{"CallLater nil", func() { txaio.CallLater(time.Second, nil) }, []string{"CallLater", "nil"}},
		{"CallSoon nil", func() { x.CallSoon(nil) }, []string{"CallSoon", "nil"}},
		{"bucket zero", func() { txaio.MakeBatchedTimer(0, 1) }, []string{"bucket"}},
		{"bucket negative", func() { txaio.MakeBatchedTimer(-time.Second, 1) }, []string{"bucket"}},
		{"chunk size negative", func() { txaio.MakeBatchedTimer(time.Second, -1) }, []string{"chunk"}},
		{"batched CallLater nil", func() { txaio.MakeBatchedTimer(time.Second, 1).CallLater(time.Second, nil) }, []string{"nil"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantUsageError(t, test.fn, test.words...) })
	}

	t.Run("leaves the future as it was", func(t *testing.T) {
		f := pending()
		wantUsageError(t, func() { txaio.Reject(f, nil) })
		wantSettled(t, f, false)
		wantErr(t, "Resolve", txaio.Resolve(f, 1), nil)
		wantUsageError(t, func() { txaio.Reject(f, nil) }) // also when settled
		wantValue(t, f, 1)
	})
}

func TestNilFunctionIsAFailure(t *testing.T) {
	newFixture(t)
	for _, f := range []*txaio.Future[int]{txaio.AsFuture[int](nil), txaio.AsFutureOf[int](nil)} {
		var panicked *txaio.PanicError
		if _, err := await(t, f); !errors.As(err, &panicked) {
			t.Errorf("got %v, want a *PanicError", err)
		}
	}
}

func TestTimeNs(t *testing.T) {
	before := time.Now().UnixNano()
	now := txaio.TimeNs()
	if after := time.Now().UnixNano(); now < before || now > after {
		t.Errorf("TimeNs() = %d between %d and %d", now, before, after)
	}
}

func TestPerfCounterNs(t *testing.T) {
	last := txaio.PerfCounterNs()
	grows := func(t *testing.T) {
		for range 10_000 {
			now := txaio.PerfCounterNs()
			if now < last {
				t.Fatalf("PerfCounterNs() went from %d back to %d", last, now)
			}
			last = now
		}
	}
	grows(t)
	outside := last
	for range 2 { // in each bubble it follows the bubble's clock
		synctest.Test(t, func(t *testing.T) {
			last = txaio.PerfCounterNs()
			grows(t)
			begin := txaio.PerfCounterNs()
			time.Sleep(time.Hour)
			if took := time.Duration(txaio.PerfCounterNs() - begin); took != time.Hour {
				t.Errorf("an hour took %v", took)
			}
			grows(t)
		})
	}
	last = outside
	grows(t)
}

// Nil futures, options and loops are misuse. So are zero values of types that need a
// constructor.
func TestNilIsMisuse(t *testing.T) {
	x := newFixture(t)
	current := txaio.CurrentLoop()
	var (
		none        *txaio.Future[int]
		noLoop      *txaio.Loop
		zeroLoop    = new(txaio.Loop)
		noManual    *txaio.ManualLoop
		zeroManual  = new(txaio.ManualLoop)
		noBatched   *txaio.BatchedTimer
		zeroBatched = new(txaio.BatchedTimer)
		zeroFailure = new(txaio.Failure)
		nothing     = func() {}
		pending     = txaio.CreateFuture[int]()
		ctx         = context.Background()
	)
	for name, fn := range map[string]func(){
		"IsCalled":             func() { txaio.IsCalled(nil) },
		"IsCalled, typed":      func() { txaio.IsCalled(none) },
		"Cancel":               func() { txaio.Cancel(nil) },
		"Cancel, typed":        func() { txaio.Cancel(none) },
		"Resolve":              func() { txaio.Resolve(none, 1) },
		"Reject":               func() { txaio.Reject(none, errOne) },
		"RejectOnPanic":        func() { txaio.RejectOnPanic(none) },
		"AddCallbacks":         func() { txaio.AddCallbacks(none, func(v int) (int, error) { return v, nil }, nil) },
		"Watch":                func() { txaio.Watch(none, func(int) {}, nil) },
		"Gather":               func() { txaio.Gather([]*txaio.Future[int]{pending, none}, true) },
		"GatherOn":             func() { txaio.GatherOn(nil, []*txaio.Future[int]{pending, none}, true) },
		"Await":                func() { txaio.Await(ctx, none) },
		"AddTimeout":           func() { txaio.AddTimeout(none, time.Second) },
		"CancelOnDone":         func() { txaio.CancelOnDone(ctx, nil) },
		"CancelOnDone, typed":  func() { txaio.CancelOnDone(ctx, none) },
		"RunUntilComplete":     func() { _ = txaio.NewLoop().RunUntilComplete(nil) },
		"RunUntilComplete, t.": func() { _ = txaio.NewLoop().RunUntilComplete(none) },
		"method IsCalled":      func() { none.IsCalled() },
		"method Done":          func() { none.Done() },
		"method Cancel":        func() { none.Cancel() },

		"NewLoop":            func() { txaio.NewLoop(nil) },
		"NewManualLoop":      func() { txaio.NewManualLoop(nil) },
		"NewTestLoop":        func() { testutil.NewTestLoop(nil) },
		"WithClock":          func() { txaio.WithClock(nil) },
		"MakeBatchedTimer":   func() { txaio.MakeBatchedTimer(time.Second, 1, nil) },
		"SetLoop":            func() { txaio.SetLoop(noLoop) },
		"SetLoop, zero":      func() { txaio.SetLoop(zeroLoop) },
		"SetLoop, m. zero":   func() { txaio.SetLoop(zeroManual) },
		"WithConfig":         func() { _, _ = txaio.WithConfig(txaio.Config{Loop: noLoop}) },
		"WithConfig, zero":   func() { _, _ = txaio.WithConfig(txaio.Config{Loop: zeroLoop}) },
		"loop CallSoon":      func() { noLoop.CallSoon(nothing) },
		"loop CallLater":     func() { noLoop.CallLater(0, nothing) },
		"loop Now":           func() { noLoop.Now() },
		"loop Run":           func() { _ = noLoop.Run(ctx) },
		"loop Stats":         func() { noLoop.Stats() },
		"zero CallSoon":      func() { zeroLoop.CallSoon(nothing) },
		"zero CallLater":     func() { zeroLoop.CallLater(0, nothing) },
		"zero Now":           func() { zeroLoop.Now() },
		"zero Run":           func() { _ = zeroLoop.Run(ctx) },
		"zero RunUntil":      func() { _ = zeroLoop.RunUntilComplete(pending) },
		"zero Stats":         func() { zeroLoop.Stats() },
		"zero HandleFailure": func() { zeroLoop.HandleFailure(txaio.CreateFailure(errOne)) },
		"manual RunOnce":     func() { noManual.RunOnce() },
		"m. zero RunOnce":    func() { zeroManual.RunOnce() },
		"m. zero Ready":      func() { zeroManual.Ready() },
		"m. zero NextTimer":  func() { zeroManual.NextTimer() },
		"m. zero Clock":      func() { zeroManual.Clock() },
		"m. zero CallSoon":   func() { zeroManual.CallSoon(nothing) },
		"batched":            func() { noBatched.CallLater(0, nothing) },
		"zero batched":       func() { zeroBatched.CallLater(0, nothing) },

		"Reject, zero Failure":            func() { txaio.Reject(pending, zeroFailure) },
		"CreateFailure, zero Failure":     func() { txaio.CreateFailure(zeroFailure) },
		"CreateFutureError, zero Failure": func() { txaio.CreateFutureError[int](zeroFailure) },
		"WithError, zero Failure":         func() { txaio.CreateFuture(txaio.WithError[int](zeroFailure)) },
	} {
		t.Run(name, func(t *testing.T) { wantUsageError(t, fn) })
	}

	// The calls changed nothing before they panicked.
	if txaio.CurrentLoop() != current {
		t.Error("the loop was replaced")
	}
	wantSettled(t, pending, false)
	txaio.Reject(pending, errOne)
	if ready := x.Stats().Ready; ready > 0 {
		t.Errorf("%d callbacks were added", ready)
	}
	wantFailure(t, pending, errOne) // not consumed

	// If a callback returns a zero Failure, the callback has failed.
	f := txaio.CreateFutureSuccess(1)
	txaio.AddCallbacks(f, func(int) (int, error) { return 0, zeroFailure }, func(fail *txaio.Failure) (int, error) {
		x.note("errback")
		return 0, fail
	})
	txaio.Watch(f, nil, func(fail *txaio.Failure) { x.note("next") })
	x.RunUntilIdle()
	x.want(t, byBackend("next", "errback"))
	for _, fail := range []*txaio.Failure{nil, zeroFailure} {
		for _, text := range []string{fail.Error(), txaio.FailureMessage(fail), txaio.FailureFormatTraceback(fail)} {
			if !strings.HasPrefix(text, "no failure") {
				t.Errorf("it prints %q", text)
			}
		}
	}
}
