//go:build deferred

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
)

// These tests check the rules in Twisted's documentation of Deferred. None needs a
// loop.

type deferred = txaio.Deferred[int]

func chainTo(inner *deferred) func(int) (*deferred, error) {
	return func(int) (*deferred, error) { return inner, nil }
}

func TestDeferredChainOfValues(t *testing.T) {
	var j journal
	d := new(deferred)
	d.AddCallback(func(v int) (int, error) { return v + 1, nil })
	d.AddErrback(func(*txaio.Failure) (int, error) { j.note("skipped"); return 0, nil })
	d.AddCallback(func(v int) (int, error) { return v * 10, nil })
	watch(&j, d, "value")
	d.AddCallback(func(int) (int, error) { return 99, errOne })
	d.AddCallback(func(int) (int, error) { j.note("skipped"); return 0, nil })
	watch(&j, d, "failed")
	d.AddErrback(func(fail *txaio.Failure) (int, error) { return 5, nil })
	watch(&j, d, "recovered")
	d.AddBoth(func(v int, fail *txaio.Failure) (int, error) { j.note("both %d %v", v, fail == nil); return 0, errTwo })
	d.AddBoth(func(v int, fail *txaio.Failure) (int, error) { j.note("both %d %v", v, fail); return v, fail })
	watch(&j, d, "passed on")
	d.AddBoth(func(v int, fail *txaio.Failure) (int, error) { return 6, nil })
	d.AddBoth(func(v int, fail *txaio.Failure) (int, error) { return v, fail })
	watch(&j, d, "end")
	d.AddBoth(func(int, *txaio.Failure) (int, error) { panic(errTwo) })
	watch(&j, d, "panic")
	j.want(t)
	wantErr(t, "Callback", d.Callback(1), nil)
	j.want(t, "value=20", "failed!one", "recovered=5", "both 5 true", "both 0 two", "passed on!two", "end=6", "panic!two")
}

func TestDeferredSettleTwice(t *testing.T) {
	ownReports(t)
	d := new(deferred)
	wantErr(t, "Errback", d.Errback(errOne), nil)
	wantErr(t, "second Errback", d.Errback(errOne), txaio.ErrAlreadyCalled)
	wantErr(t, "second Callback", d.Callback(1), txaio.ErrAlreadyCalled)
}

func TestDeferredChain(t *testing.T) {
	t.Run("pending", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		watch(&j, inner, "inner before")
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		outer.Callback(1)
		watch(&j, inner, "inner after")
		j.want(t)
		if !outer.IsCalled() {
			t.Error("a waiting Deferred is called")
		}
		inner.Callback(2)
		watch(&j, inner, "inner later")
		j.want(t, "inner before=2", "outer=2", "inner after=0", "inner later=0")
	})
	t.Run("fired", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		inner.Callback(2)
		outer.Callback(1)
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		watch(&j, inner, "inner")
		j.want(t, "outer=2", "inner=0")
	})
	t.Run("running further up the stack", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		inner.AddCallback(func(v int) (int, error) {
			outer.Callback(0) // waits: inner is not finished
			j.note("inside")
			return v + 1, nil
		})
		inner.Callback(1)
		watch(&j, inner, "inner")
		j.want(t, "inside", "outer=2", "inner=0")
	})
	for _, when := range []string{"failed", "failing later"} {
		t.Run(when, func(t *testing.T) {
			var j journal
			outer, inner := new(deferred), new(deferred)
			if when == "failed" {
				inner.Errback(errOne)
			}
			outer.Chain(chainTo(inner))
			watch(&j, outer, "outer")
			outer.Callback(1)
			if when != "failed" {
				inner.Errback(errOne)
			}
			watch(&j, inner, "inner")
			j.want(t, "outer!one", "inner=0")
		})
	}
	t.Run("paused", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		inner.Callback(2)
		inner.Pause()
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		outer.Callback(1)
		j.want(t)
		inner.Unpause()
		j.want(t, "outer=2")
	})
	t.Run("waiting itself", func(t *testing.T) {
		var j journal
		outer, inner, innermost := new(deferred), new(deferred), new(deferred)
		inner.Chain(chainTo(innermost))
		inner.Callback(2)
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		outer.Callback(1)
		watch(&j, inner, "inner")
		j.want(t)
		innermost.Callback(3)
		watch(&j, innermost, "innermost")
		j.want(t, "outer=3", "inner=0", "innermost=0")
	})
	t.Run("itself", func(t *testing.T) {
		d := new(deferred)
		d.Chain(chainTo(d))
		d.Callback(1)
		_, err := txaio.Await(context.Background(), d)
		var usage *txaio.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("got %v, want a *UsageError", err)
		}
	})
	t.Run("nil", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.Chain(chainTo(nil))
		watch(&j, d, "d")
		d.Callback(1)
		j.want(t, "d=0")
	})
	t.Run("error", func(t *testing.T) {
		var j journal
		d, ignored := new(deferred), new(deferred)
		d.Chain(func(int) (*deferred, error) { return ignored, errOne })
		watch(&j, d, "d")
		d.Callback(1)
		j.want(t, "d!one")
	})
	t.Run("passed by by a failure", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.Chain(func(int) (*deferred, error) { j.note("called"); return nil, nil })
		watch(&j, d, "d")
		d.Errback(errOne)
		j.want(t, "d!one")
	})
	t.Run("running further up this stack", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		inner.AddCallback(func(v int) (int, error) {
			outer.Chain(chainTo(inner))
			watch(&j, outer, "outer")
			outer.Callback(1)
			return 7, nil
		})
		watch(&j, inner, "inner")
		inner.Callback(2)
		j.want(t, "inner=7", "outer=7")
	})
	t.Run("inner goes on while outer waits again", func(t *testing.T) {
		var j journal
		outer, inner, other := new(deferred), new(deferred), new(deferred)
		outer.Chain(chainTo(inner))
		outer.Chain(chainTo(other))
		watch(&j, outer, "outer")
		outer.Callback(1)
		watch(&j, inner, "inner")
		inner.Callback(2)
		j.want(t, "inner=0")
		other.Callback(3)
		j.want(t, "outer=3")
	})
	t.Run("paused outer", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		outer.Callback(1)
		outer.Pause()
		inner.Callback(2)
		j.want(t)
		outer.Unpause()
		j.want(t, "outer=2")
	})
}

// A Deferred whose callback is running is not finished. A Deferred that chains to it
// waits, whatever other goroutines do.
func TestDeferredChainToRunning(t *testing.T) {
	for _, others := range []string{"alone", "with another Deferred's callback running elsewhere"} {
		t.Run(others, func(t *testing.T) {
			if others != "alone" {
				hold, held := make(chan struct{}), make(chan struct{})
				other := new(deferred)
				other.AddCallback(func(v int) (int, error) { close(held); <-hold; return v, nil })
				go other.Callback(1)
				defer close(hold)
				<-held
			}
			for _, callbacks := range []int{1, 2, 3} {
				var j journal
				outer, inner := new(deferred), new(deferred)
				inner.AddCallback(func(v int) (int, error) {
					outer.Callback(0)
					return v + 100, nil
				})
				for range callbacks - 1 {
					inner.AddCallback(func(v int) (int, error) { return v + 10, nil })
				}
				outer.Chain(chainTo(inner))
				watch(&j, outer, "outer")
				inner.Callback(1)
				j.want(t, fmt.Sprintf("outer=%d", 101+10*(callbacks-1)))
			}
		})
	}
	t.Run("a failure that is passed on", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		inner.AddErrback(func(fail *txaio.Failure) (int, error) {
			outer.Callback(0)
			return 0, fail
		})
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		inner.Errback(errOne)
		watch(&j, inner, "inner")
		j.want(t, "outer!one", "inner=0")
	})
	t.Run("in a circle", func(t *testing.T) {
		var j journal
		a, b := new(deferred), new(deferred)
		a.AddCallback(func(v int) (int, error) {
			b.Chain(chainTo(a))
			a.Chain(chainTo(b))
			b.Callback(0)
			return v, nil
		})
		a.Callback(1)
		watch(&j, a, "a")
		j.want(t)
		b.Cancel() // and comes back
	})
	t.Run("which has given its result away", func(t *testing.T) {
		var j journal
		first, second, inner := new(deferred), new(deferred), new(deferred)
		second.Chain(chainTo(inner))
		watch(&j, second, "second")
		first.Chain(chainTo(inner))
		first.Callback(0)
		first.AddCallback(func(v int) (int, error) {
			j.note("first=%d", v)
			return v, second.Callback(0)
		})
		watch(&j, inner, "inner")
		inner.Callback(1)
		j.want(t, "first=1", "second=0", "inner=0")
	})
	t.Run("which Then has settled", func(t *testing.T) {
		var j journal
		outer, source := new(deferred), new(deferred)
		inner := txaio.Then(source, func(v int) (int, error) { return v + 1, nil })
		watch(&j, inner, "inner")
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		source.AddCallback(func(v int) (int, error) { return v, outer.Callback(0) })
		source.Callback(1)
		j.want(t, "inner=2", "outer=2")
	})
	t.Run("a nil failure beside the Deferred", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		outer.Chain(func(int) (*deferred, error) { return inner, (*txaio.Failure)(nil) })
		watch(&j, outer, "outer")
		outer.Callback(0)
		j.want(t)
		inner.Callback(7)
		j.want(t, "outer=7")
	})
}

func TestDeferredChainCancel(t *testing.T) {
	t.Run("reaches the one waited for", func(t *testing.T) {
		var j journal
		inner := txaio.CreateFuture(txaio.WithCanceller(func(*deferred) { j.note("canceller") }))
		middle, outer := new(deferred), new(deferred)
		middle.Chain(chainTo(inner))
		outer.Chain(chainTo(middle))
		watch(&j, outer, "outer")
		middle.Callback(1)
		outer.Callback(1)
		outer.Cancel()
		outer.Cancel()
		j.want(t, "canceller", "outer!cancelled")
		wantErr(t, "Callback of the outer", outer.Callback(1), txaio.ErrAlreadyCalled)
	})
	t.Run("of Deferreds that wait for each other", func(t *testing.T) {
		ring := make([]deferred, 5)
		for i := range ring {
			ring[i].Chain(chainTo(&ring[(i+1)%len(ring)]))
		}
		for i := range ring {
			ring[i].Callback(i)
		}
		ring[0].Cancel()
	})
}

// A chain of any length is processed without a stack of that depth.
func TestDeferredLongChains(t *testing.T) {
	const length = 100_000
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20)) // beyond it the test crashes
	build := func() []deferred {
		chain := make([]deferred, length)
		for i := range chain[:length-1] {
			chain[i].Chain(chainTo(&chain[i+1]))
		}
		return chain
	}
	tests := []struct {
		name string
		run  func(chain []deferred)
		want string
	}{
		{"outermost first", func(chain []deferred) {
			for i := range chain {
				chain[i].Callback(i)
			}
		}, fmt.Sprint("first=", length-1)},
		{"innermost first", func(chain []deferred) {
			for i := range chain {
				chain[length-1-i].Callback(length - 1 - i)
			}
		}, fmt.Sprint("first=", length-1)},
		{"failure", func(chain []deferred) {
			for i := range chain[:length-1] {
				chain[i].Callback(i)
			}
			chain[length-1].Errback(errOne)
		}, "first!one"},
		{"cancel", func(chain []deferred) {
			for i := range chain[:length-1] {
				chain[i].Callback(i)
			}
			chain[0].Cancel()
		}, "first!cancelled"},
		{"with callbacks left in each", func(chain []deferred) {
			left := 0
			for i := range chain[:length-1] {
				chain[i].Callback(i)
				chain[i+1].AddCallback(func(int) (int, error) { left++; return 0, nil })
			}
			chain[length-1].Callback(-1)
			if left != length-1 {
				panic(fmt.Sprint("ran ", left))
			}
		}, "first=-1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var j journal
			chain := build()
			watch(&j, &chain[0], "first")
			test.run(chain)
			j.want(t, test.want)
		})
	}
}

func TestDeferredManyCallbacks(t *testing.T) {
	const count = 100_000
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	d := new(deferred)
	for range count {
		d.AddCallback(func(v int) (int, error) { return v + 1, nil })
	}
	d.Callback(0)
	for range count {
		d.AddCallback(func(v int) (int, error) { return v + 1, nil })
	}
	wantDeferred(t, d, 2*count)
}

// wantDeferred checks the current value.
func wantDeferred(t *testing.T, d *deferred, want int) {
	t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := txaio.Await(ended, d); got != want || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestDeferredPause(t *testing.T) {
	t.Run("nested", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.Pause()
		d.Pause()
		watch(&j, d, "a")
		d.Callback(1)
		watch(&j, d, "b")
		d.Unpause()
		j.want(t)
		d.Unpause()
		j.want(t, "a=1", "b=1")
	})
	t.Run("before it is called", func(t *testing.T) {
		var j journal
		d := new(deferred)
		watch(&j, d, "d")
		d.Pause()
		d.Unpause()
		j.want(t)
		d.Callback(1)
		j.want(t, "d=1")
	})
	t.Run("in a callback", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.AddCallback(func(v int) (int, error) { d.Pause(); return v + 1, nil })
		watch(&j, d, "next")
		d.Callback(1)
		j.want(t)
		d.Unpause()
		j.want(t, "next=2")
	})
	t.Run("and Unpause in a callback", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.AddCallback(func(v int) (int, error) { d.Pause(); d.Unpause(); j.note("here"); return v + 1, nil })
		watch(&j, d, "next")
		d.Callback(1)
		j.want(t, "here", "next=2")
	})
	t.Run("misuse", func(t *testing.T) {
		d, inner := new(deferred), new(deferred)
		wantUsageError(t, d.Unpause, "not paused")
		d.Pause()
		d.Unpause()
		wantUsageError(t, d.Unpause, "not paused")
		d.Chain(chainTo(inner))
		d.Callback(1)
		wantUsageError(t, d.Unpause, "not paused") // it waits for another, and Unpause cannot end that
		inner.Callback(2)
		wantDeferred(t, d, 2)
	})
}

func TestDeferredCancel(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		var j journal
		d := new(deferred)
		watch(&j, d, "d")
		d.Cancel()
		d.Cancel()
		wantErr(t, "first Callback", d.Callback(1), nil)
		wantErr(t, "second Callback", d.Callback(1), txaio.ErrAlreadyCalled)
		wantErr(t, "Errback", d.Errback(errOne), txaio.ErrAlreadyCalled)
		j.want(t, "d!cancelled")
	})
	t.Run("swallowed in the errback", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.AddErrback(func(*txaio.Failure) (int, error) {
			j.note("%v %v", d.Errback(errOne), d.Callback(1))
			return 3, nil
		})
		d.Cancel()
		j.want(t, "<nil> "+txaio.ErrAlreadyCalled.Error())
		wantDeferred(t, d, 3)
	})
	t.Run("in a callback", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.AddCallback(func(v int) (int, error) { d.Cancel(); return v, nil })
		watch(&j, d, "next")
		d.Callback(1)
		j.want(t, "next=1")
		wantErr(t, "Callback", d.Callback(1), txaio.ErrAlreadyCalled)
	})
	t.Run("in its own canceller", func(t *testing.T) {
		var j journal
		d := txaio.CreateFuture(txaio.WithCanceller(func(d *deferred) { j.note("canceller"); d.Cancel() }))
		watch(&j, d, "d")
		d.Cancel()
		j.want(t, "canceller", "d!cancelled")
	})
	t.Run("canceller fails it", func(t *testing.T) {
		var j journal
		d := txaio.CreateFuture(txaio.WithCanceller(func(d *deferred) { d.Errback(errOne) }))
		watch(&j, d, "d")
		d.Cancel()
		j.want(t, "d!one")
		wantErr(t, "Callback", d.Callback(1), txaio.ErrAlreadyCalled)
	})
	t.Run("canceller calls Goexit", func(t *testing.T) {
		var j journal
		d := txaio.CreateFuture(txaio.WithCanceller(func(d *deferred) { runtime.Goexit() }))
		watch(&j, d, "d")
		inGoroutine(func() { d.Cancel(); j.note("went on") })
		j.want(t, "d!cancelled")
	})
	t.Run("paused", func(t *testing.T) {
		var j journal
		d := new(deferred)
		watch(&j, d, "d")
		d.Pause()
		d.Cancel()
		j.want(t)
		d.Unpause()
		j.want(t, "d!cancelled")
	})
	t.Run("canceller that is running elsewhere", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			hold := make(chan struct{})
			d := txaio.CreateFuture(txaio.WithCanceller(func(d *deferred) { j.note("canceller"); <-hold }))
			watch(&j, d, "d")
			go d.Cancel()
			synctest.Wait()
			d.Cancel()
			close(hold)
			synctest.Wait()
			j.want(t, "canceller", "d!cancelled")
		})
	})
}

// inGoroutine runs fn on a goroutine of its own, to its end.
func inGoroutine(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	<-done
}

func TestDeferredNotReentrant(t *testing.T) {
	var j journal
	d := new(deferred)
	d.AddCallback(func(v int) (int, error) {
		j.note("called: %v", d.IsCalled())
		j.note("settle again: %v", d.Callback(5) == txaio.ErrAlreadyCalled)
		d.AddCallback(func(v int) (int, error) {
			d.AddCallback(func(v int) (int, error) { j.note("third %d", v); return v + 1, nil })
			j.note("second %d", v)
			return v + 1, nil
		})
		j.note("first %d", v)
		return v + 1, nil
	})
	d.Callback(1)
	j.want(t, "called: true", "settle again: true", "first 1", "second 2", "third 3")
	wantDeferred(t, d, 4)
}

func TestDeferredPanics(t *testing.T) {
	var j journal
	d := new(deferred)
	d.AddCallback(func(int) (int, error) { explode("boom"); return 0, nil })
	d.AddErrback(func(fail *txaio.Failure) (int, error) {
		wantPanicError(t, fail, "boom")
		if frames := txaio.FailureTraceback(fail); !strings.HasSuffix(frames[0].Function, ".explode") {
			t.Errorf("innermost frame is %s", frames[0].Function)
		}
		panic(errTwo)
	})
	watch(&j, d, "next")
	d.AddBoth(func(v int, fail *txaio.Failure) (int, error) { j.note("both %d %v", v, fail); return v, fail })
	d.Chain(func(int) (*deferred, error) { j.note("skipped"); return nil, nil })
	d.AddErrback(func(*txaio.Failure) (int, error) { return 1, nil })
	d.Chain(func(int) (*deferred, error) { panic(errOne) })
	d.AddBoth(func(v int, fail *txaio.Failure) (int, error) { j.note("both %d %v", v, fail); return v, fail })
	watch(&j, d, "end")
	d.Callback(1)
	j.want(t, "next!two", "both 0 two", "both 0 one", "end!one")
}

func TestDeferredGoexit(t *testing.T) {
	t.Run("rest of the chain", func(t *testing.T) {
		var j journal
		d := new(deferred)
		d.AddCallback(func(int) (int, error) { runtime.Goexit(); return 1, nil })
		d.AddErrback(func(fail *txaio.Failure) (int, error) {
			j.note("%v", errors.Is(fail, txaio.ErrGoexit))
			runtime.Goexit() // once more
			return 1, nil
		})
		d.AddErrback(func(fail *txaio.Failure) (int, error) { panic(errOne) })
		watch(&j, d, "rest")
		inGoroutine(func() { d.Callback(1); j.note("went on") })
		j.want(t, "true", "rest!one")
		watch(&j, d, "later")
		j.want(t, "later!one")
	})
	t.Run("Deferreds that wait for it", func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		inner.AddCallback(func(int) (int, error) { runtime.Goexit(); return 1, nil })
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		outer.Callback(1)
		inGoroutine(func() { inner.Callback(1) })
		j.want(t, "outer!"+txaio.ErrGoexit.Error())
	})
}

func TestDeferredConcurrentAdd(t *testing.T) {
	const adders, each = 8, 500
	d := new(deferred)
	var (
		running sync.Mutex
		ran     [adders][]int
		wg      sync.WaitGroup
	)
	for a := range adders {
		wg.Go(func() {
			for i := range each {
				d.AddCallback(func(v int) (int, error) {
					if !running.TryLock() {
						t.Error("two callbacks at once")
						return v, nil
					}
					defer running.Unlock()
					ran[a] = append(ran[a], i)
					return v + 1, nil
				})
			}
		})
	}
	wg.Go(func() { d.Callback(0) })
	wg.Wait()
	wantDeferred(t, d, adders*each)
	for a := range ran {
		if len(ran[a]) != each || !slices.IsSorted(ran[a]) {
			t.Errorf("adder %d: %d callbacks ran, or not in order", a, len(ran[a]))
		}
	}
}

// A Deferred whose callbacks are running on another goroutine gives its final
// value to those that wait for it.
func TestDeferredChainToOneThatIsRunningElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		outer, inner := new(deferred), new(deferred)
		hold := make(chan struct{})
		inner.AddCallback(func(v int) (int, error) { <-hold; return v + 1, nil })
		inner.AddCallback(func(v int) (int, error) { return v * 10, nil })
		go inner.Callback(1)
		synctest.Wait()
		outer.Chain(chainTo(inner))
		watch(&j, outer, "outer")
		outer.Callback(0)
		j.want(t)
		close(hold)
		synctest.Wait()
		j.want(t, "outer=20")
	})
}

func TestDeferredAwait(t *testing.T) {
	t.Run("after the callbacks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			d, inner := new(deferred), new(deferred)
			d.AddCallback(func(v int) (int, error) { return v + 1, nil })
			d.Chain(chainTo(inner))
			go func() {
				v, err := txaio.Await(context.Background(), d)
				j.note("%d %v", v, err)
			}()
			d.Callback(1)
			synctest.Wait()
			j.want(t)
			inner.Callback(4)
			synctest.Wait()
			j.want(t, "4 <nil>")
			wantDeferred(t, d, 4) // Await passes the value on
		})
	})
	t.Run("while a callback is running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, hold := new(deferred), make(chan struct{})
			d.AddCallback(func(v int) (int, error) { <-hold; return v + 1, nil })
			go d.Callback(1)
			synctest.Wait()
			go close(hold)
			if got, err := txaio.Await(context.Background(), d); got != 2 || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	})
	t.Run("gives up", func(t *testing.T) {
		var j journal
		d := new(deferred)
		for i := range 3 {
			watch(&j, d, fmt.Sprint(i))
			if _, err := txaio.Await(&endsWhileWaiting{}, d); err != context.Canceled {
				t.Errorf("err = %v", err)
			}
		}
		d.Callback(1)
		j.want(t, "0=1", "1=1", "2=1")
	})
	t.Run("those that gave up leave nothing", func(t *testing.T) {
		d := new(deferred)
		before := heapInUse()
		for range 20_000 {
			txaio.Await(&endsWhileWaiting{}, d)
		}
		if grown := heapInUse() - before; grown > 500_000 {
			t.Errorf("%d bytes are left", grown)
		}
		runtime.KeepAlive(d)
	})
	t.Run("with postponed callbacks", func(t *testing.T) {
		outer, inner := new(deferred), new(deferred)
		outer.Chain(chainTo(inner))
		outer.Callback(1)
		inner.AddCallback(func(v int) (int, error) { return v + 5, nil })
		outer.AddCallback(func(v int) (int, error) {
			got, err := txaio.Await(context.Background(), inner)
			return got, err
		})
		inner.Callback(2)
		wantDeferred(t, outer, 5)
	})
	t.Run("settled but waiting, on the loop", func(t *testing.T) {
		x := newFixture(t)
		d := new(deferred)
		d.Chain(chainTo(new(deferred)))
		d.Callback(1)
		x.CallSoon(func() {
			_, err := txaio.Await(context.Background(), d)
			x.note("%v", err == txaio.ErrAwaitOnLoop)
		})
		x.RunUntilIdle()
		x.want(t, "true")
	})
}

func heapInUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestDeferredGatherOfOneThatWaits(t *testing.T) {
	newFixture(t)
	child, inner := new(deferred), new(deferred)
	child.Chain(chainTo(inner))
	child.Callback(1)
	g := txaio.Gather([]*deferred{child}, false)
	wantSettled(t, g, false)
	inner.Callback(2)
	if results, err := await(t, g); err != nil || results[0].Value != 2 {
		t.Errorf("got %v, %v", results, err)
	}
}

func TestDeferredMisuse(t *testing.T) {
	d := new(deferred)
	wantUsageError(t, func() { d.Errback(nil) }, "nil")
	wantUsageError(t, func() { d.AddCallback(nil) }, "callback")
	wantUsageError(t, func() { d.AddErrback(nil) }, "errback")
	wantUsageError(t, func() { d.AddCallbacks(nil, nil) }, "callback", "errback")
	wantUsageError(t, func() { d.AddBoth(nil) }, "AddBoth")
	wantUsageError(t, func() { d.Chain(nil) }, "Chain")
	var none *deferred
	pass := func(v int, fail *txaio.Failure) (int, error) { return v, fail }
	for _, fn := range []func(){
		func() { _ = none.Callback(1) }, func() { _ = none.Errback(errOne) }, none.Cancel, none.Pause, none.Unpause,
		func() { none.AddCallback(passValue) }, func() { none.AddErrback(passFailure) },
		func() { none.AddCallbacks(passValue, passFailure) }, func() { none.AddBoth(pass) },
		func() { none.Chain(chainTo(d)) },
	} {
		wantUsageError(t, fn, "nil")
	}
	wantErr(t, "Callback", d.Callback(1), nil)
	wantDeferred(t, d, 1)
}

// Every link of a chain is fired on a goroutine of its own, while callbacks
// are added to it.
func TestDeferredConcurrentChains(t *testing.T) {
	const length, rounds = 16, 200
	for range rounds {
		var (
			chain [length]deferred
			ran   [length]atomic.Int32
			wg    sync.WaitGroup
		)
		for i := range chain[:length-1] {
			chain[i].Chain(chainTo(&chain[i+1]))
		}
		start := make(chan struct{})
		for i := range chain {
			wg.Go(func() {
				<-start
				chain[i].Callback(i)
				if i > 0 { // the value of the first is asked for below
					chain[i].AddCallback(func(v int) (int, error) { ran[i].Add(1); return v, nil })
				}
			})
		}
		close(start)
		wg.Wait()
		wantDeferred(t, &chain[0], length-1)
		for i := range ran[1:] {
			if n := ran[i+1].Load(); n != 1 {
				t.Fatalf("callback of link %d ran %d times", i+1, n)
			}
		}
	}
}

// Chain takes the final result of a Deferred whose callbacks are running on
// another goroutine, even if it is reached from inside a callback itself.
func TestDeferredChainFromInsideCallbackToOneRunningElsewhere(t *testing.T) {
	inner, outer, around := new(txaio.Deferred[int]), new(txaio.Deferred[int]), new(txaio.Deferred[int])
	began, finish, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
	inner.AddCallback(func(int) (int, error) {
		close(began)
		<-finish
		return 42, nil
	})
	outer.Chain(func(int) (*txaio.Deferred[int], error) { return inner, nil })
	around.AddCallback(func(value int) (int, error) { return value, outer.Callback(0) })

	go func() {
		defer close(finished)
		inner.Callback(1)
	}()
	<-began
	around.Callback(0)
	close(finish)
	<-finished
	if value, err := txaio.Await(context.Background(), outer); value != 42 || err != nil {
		t.Errorf("outer got %v, %v", value, err)
	}
	if value, err := txaio.Await(context.Background(), inner); value != 0 || err != nil {
		t.Errorf("inner was left %v, %v", value, err)
	}
}

// If Deferreds wait for one another, the one that gets the failure in the end is
// reported. A paused one is reported too.
func TestUnhandledDeferredNative(t *testing.T) {
	log := captureLog(t, nil)
	chained := func(inner *txaio.Future[int]) *txaio.Future[int] {
		outer := txaio.CreateFutureSuccess(1)
		outer.Chain(func(int) (*txaio.Future[int], error) { return inner, nil })
		return outer
	}
	for text, use := range map[string]func(err error){
		"native: chained": func(err error) { chained(txaio.CreateFutureError[int](err)) },
		"native: chained later": func(err error) {
			inner := txaio.CreateFuture[int]()
			chained(inner)
			_ = inner.Errback(err)
		},
		"native: chained after a recovery": func(err error) {
			outer := txaio.CreateFutureError[int](errOne)
			outer.AddErrback(func(*txaio.Failure) (int, error) { return 1, nil })
			outer.Chain(func(int) (*txaio.Future[int], error) { return txaio.CreateFutureError[int](err), nil })
		},
		"native: chained to itself after a recovery": func(err error) {
			outer := txaio.CreateFutureError[int](err)
			outer.AddErrback(func(*txaio.Failure) (int, error) { return 1, nil })
			outer.Chain(func(int) (*txaio.Future[int], error) { return outer, nil })
		},
		"native: chained, handled": func(err error) {
			chained(txaio.CreateFutureError[int](err)).AddErrback(passFailure)
		},
		"native: chained, inner saw": func(err error) {
			inner := txaio.CreateFutureError[int](err)
			inner.AddErrback(passFailure)
			chained(inner)
		},
		"native: Chain does not see": func(err error) {
			f := txaio.CreateFutureError[int](err)
			f.Chain(func(int) (*txaio.Future[int], error) { return nil, nil })
		},
		"native: AddBoth": func(err error) {
			txaio.CreateFutureError[int](err).AddBoth(func(v int, fail *txaio.Failure) (int, error) {
				if fail != nil {
					return 0, fail
				}
				return v, nil
			})
		},
		"native: paused": func(err error) {
			f := txaio.CreateFuture[int]()
			f.AddErrback(passFailure)
			f.Pause()
			_ = f.Errback(err)
		},
		"native: unpaused": func(err error) {
			f := txaio.CreateFuture[int]()
			f.AddErrback(passFailure)
			f.Pause()
			_ = f.Errback(err)
			f.Unpause()
		},
	} {
		func() { use(errors.New(text + ";")) }()
	}
	settleReports(t, log)
	if got := len(log.with("the Deferred it was attached to")); got != 1 {
		t.Errorf("chained to itself: reported %d times", got)
	}
	for text, want := range map[string]int{
		"native: chained":                  1,
		"native: chained later":            1,
		"native: chained after a recovery": 1,
		"native: chained, handled":         0,
		"native: chained, inner saw":       1,
		"native: Chain does not see":       1,
		"native: AddBoth":                  0,
		"native: paused":                   1,
		"native: unpaused":                 0,
	} {
		if got := len(log.with(text + ";")); got != want {
			t.Errorf("%s: reported %d times, want %d", text, got, want)
		}
	}
}

// When a Deferred is finished, a waiting one runs next. If Goexit ends that, the first
// still runs its later callbacks.
func TestDeferredGoexitWhileOthersAreLeft(t *testing.T) {
	var n notes
	var outer, inner txaio.Deferred[int]
	outer.Chain(func(int) (*txaio.Deferred[int], error) { return &inner, nil })
	outer.AddCallback(func(int) (int, error) { runtime.Goexit(); return 0, nil })
	if err := outer.Callback(0); err != nil {
		t.Fatal(err)
	}
	inner.AddCallback(func(v int) (int, error) { n.add("later callback"); return v, nil })
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = inner.Callback(1)
	}()
	<-done
	n.expect(t, "later callback")
	outer.AddErrback(func(*txaio.Failure) (int, error) { return 0, nil })
}

// RunUntil drives the loop until the callbacks have run, not only until the
// Deferred is settled.
func TestRunUntilWaitsForCallbacks(t *testing.T) {
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		d := txaio.CreateFutureSuccess(1)
		d.Pause()
		var ran int64
		txaio.Watch(d, func(int) { ran = goroutineID() }, nil)
		txaio.CallLater(time.Second, d.Unpause)
		if _, err := txaio.RunUntil(t.Context(), loop, d); err != nil || ran != goroutineID() {
			t.Errorf("%v; the callback ran on goroutine %d, not on %d", err, ran, goroutineID())
		}
	})
}
