//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// A composer is Then, ThenOf or Catch with a function that notes its call and then
// calls end.
type composer struct {
	name    string
	settle  func(f *txaio.Future[int]) // so that the function is called
	pass    func(f *txaio.Future[int]) // so that it is not
	compose func(x *fixture, f *txaio.Future[int], end func() (string, error)) *txaio.Future[string]
}

var composers = []composer{
	{"Then",
		func(f *txaio.Future[int]) { txaio.Resolve(f, 1) },
		func(f *txaio.Future[int]) { txaio.Reject(f, errOne) },
		func(x *fixture, f *txaio.Future[int], end func() (string, error)) *txaio.Future[string] {
			return txaio.Then(f, func(v int) (string, error) { x.note("fn %d", v); return end() })
		}},
	{"ThenOf",
		func(f *txaio.Future[int]) { txaio.Resolve(f, 1) },
		func(f *txaio.Future[int]) { txaio.Reject(f, errOne) },
		func(x *fixture, f *txaio.Future[int], end func() (string, error)) *txaio.Future[string] {
			return txaio.ThenOf(f, func(v int) (*txaio.Future[string], error) {
				x.note("fn %d", v)
				value, err := end()
				return txaio.CreateFutureSuccess(value), err
			})
		}},
	{"Catch",
		func(f *txaio.Future[int]) { txaio.Reject(f, errOne) },
		func(f *txaio.Future[int]) { txaio.Resolve(f, 1) },
		func(x *fixture, f *txaio.Future[int], end func() (string, error)) *txaio.Future[string] {
			words := txaio.Then(f, func(v int) (string, error) { return strconv.Itoa(v), nil })
			return txaio.Catch(words, func(fail *txaio.Failure) (string, error) { x.note("fn %v", fail); return end() })
		}},
}

func inEachComposer(t *testing.T, test func(t *testing.T, x *fixture, c composer)) {
	for _, c := range composers {
		t.Run(c.name, func(t *testing.T) { test(t, newFixture(t), c) })
	}
}

func TestComposition(t *testing.T) {
	inEachComposer(t, func(t *testing.T, x *fixture, c composer) {
		for name, test := range map[string]struct {
			end  func() (string, error)
			want string
		}{
			"value":                {func() (string, error) { return "done", nil }, "g=done"},
			"error":                {func() (string, error) { return "lost", errTwo }, "g!two"},
			"nil failure":          {func() (string, error) { return "done", (*txaio.Failure)(nil) }, "g=done"},
			"panic":                {func() (string, error) { panic("broken") }, "g!broken"},
			"panic with an error":  {func() (string, error) { panic(errTwo) }, "g!two"},
			"a future's own error": {func() (string, error) { return "", txaio.CreateFailure(errTwo) }, "g!two"},
		} {
			for _, settled := range []string{"before", "after"} {
				t.Run(name+" "+settled, func(t *testing.T) {
					f := txaio.CreateFuture[int]()
					if settled == "before" {
						c.settle(f)
					}
					g := c.compose(x, f, test.end)
					watch(&x.journal, g, "g")
					if settled == "after" {
						x.RunUntilIdle()
						x.want(t)
						c.settle(f)
					}
					x.RunUntilIdle()
					x.want(t, map[bool]string{true: "fn one", false: "fn 1"}[c.name == "Catch"], test.want)
				})
			}
		}
	})
}

// The stack of a panic leads to it.
func TestCompositionPanicTraceback(t *testing.T) {
	inEachComposer(t, func(t *testing.T, x *fixture, c composer) {
		f := txaio.CreateFuture[int]()
		g := c.compose(x, f, func() (string, error) { _, err := panics(t.Context()); return "", err })
		c.settle(f)
		x.RunUntilIdle()
		if trace := txaio.FailureFormatTraceback(wantFailure(t, g, errTwo)); !strings.Contains(trace, "txaio_test.panics") {
			t.Errorf("traceback:\n%s", trace)
		}
	})
}

// A failure passes Then, and a value passes Catch, without a call of the function.
func TestCompositionPassesBy(t *testing.T) {
	inEachComposer(t, func(t *testing.T, x *fixture, c composer) {
		f := txaio.CreateFuture[int]()
		watch(&x.journal, c.compose(x, f, nil), "g")
		c.pass(f)
		x.RunUntilIdle()
		x.want(t, map[bool]string{true: "g=1", false: "g!one"}[c.name == "Catch"])
	})
}

// A zero Failure has no error, so returning one is misuse.
func TestZeroFailureReturned(t *testing.T) {
	newFixture(t)
	f := txaio.Then(txaio.CreateFutureSuccess(1), func(int) (int, error) { return 0, new(txaio.Failure) })
	var usage *txaio.UsageError
	if _, err := await(t, f); !errors.As(err, &usage) {
		t.Errorf("got %v, not a *UsageError", err)
	}
}

// Then passes on the same *Failure, with its traceback.
func TestThenPassesTheFailureItself(t *testing.T) {
	newFixture(t)
	fail := txaio.CreateFailure(errOne)
	f := txaio.Then(txaio.CreateFutureError[int](fail), func(int) (string, error) { return "", nil })
	if got := wantFailure(t, f, errOne); got != fail {
		t.Errorf("got %v, want the failure that was given", got)
	}
}

// A composition does not change f for f's other callbacks, and callbacks of the new
// future run after them.
func TestCompositionLeavesTheFutureAsItIs(t *testing.T) {
	inEachComposer(t, func(t *testing.T, x *fixture, c composer) {
		f := txaio.CreateFuture[int]()
		watch(&x.journal, f, "before")
		g := c.compose(x, f, func() (string, error) { return "", errTwo })
		watch(&x.journal, g, "g")
		watch(&x.journal, f, "after")
		c.settle(f)
		x.RunUntilIdle()
		if c.name == "Catch" {
			x.want(t, "before!one", "after!one", "fn one", "g!two")
		} else {
			x.want(t, "before=1", "fn 1", "after=1", "g!two")
		}
	})
}

// Compositions of one future run in the order in which they were made. Compositions
// of those run after them.
func TestCompositionsRunInOrder(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	for i := range 3 {
		g := txaio.Then(f, passValue)
		watch(&x.journal, g, fmt.Sprint("then ", i))
		watch(&x.journal, txaio.ThenOf(g, func(v int) (*txaio.Future[int], error) {
			return txaio.CreateFutureSuccess(v), nil
		}), fmt.Sprint("of then ", i))
	}
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	x.want(t, "then 0=1", "then 1=1", "then 2=1", "of then 0=1", "of then 1=1", "of then 2=1")
}

// On the deferred backend the function gets the result of the callbacks so far.
func TestThenAfterOtherCallbacks(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)
	g := txaio.Then(f, func(v int) (string, error) { return strconv.Itoa(v), nil })
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	wantValue(t, g, byBackend("2", "1"))
}

func TestThenOfWaits(t *testing.T) {
	x := newFixture(t)
	inner := txaio.CreateFuture[string]()
	f := txaio.CreateFutureSuccess(1)
	g := txaio.ThenOf(f, func(int) (*txaio.Future[string], error) { return inner, nil })
	watch(&x.journal, g, "g")
	watch(&x.journal, f, "f")
	x.RunUntilIdle()
	x.want(t, "f=1")
	watch(&x.journal, inner, "inner")
	txaio.Resolve(inner, "done")
	x.RunUntilIdle()
	x.want(t, "inner=done", "g=done") // ThenOf does not change inner
	wantValue(t, inner, "done")
}

func TestThenOfFails(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFutureSuccess(1)
	nothing := txaio.ThenOf(f, func(int) (*txaio.Future[int], error) { return nil, nil })
	var usage *txaio.UsageError
	if _, err := await(t, nothing); !errors.As(err, &usage) {
		t.Errorf("a nil future gives %v, not a *UsageError", err)
	}
	later := txaio.CreateFuture[int]()
	var self *txaio.Future[int]
	self = txaio.ThenOf(later, func(int) (*txaio.Future[int], error) { return self, nil })
	txaio.Resolve(later, 1)
	x.RunUntilIdle()
	if _, err := await(t, self); !errors.As(err, &usage) {
		t.Errorf("waiting for itself gives %v, not a *UsageError", err)
	}
	inner := txaio.CreateFutureError[string](errOne)
	wantFailure(t, txaio.ThenOf(f, func(int) (*txaio.Future[string], error) { return inner, nil }), errOne)
	wantFailure(t, inner, errOne) // ThenOf does not change inner
}

// runtime.Goexit in the function settles the new future, and does not change f.
func TestCompositionGoexit(t *testing.T) {
	inEachComposer(t, func(t *testing.T, x *fixture, c composer) {
		for _, steps := range []int{1, 2} { // the function is the whole chain, or not
			f := txaio.CreateFuture[int]()
			g := c.compose(x, f, func() (string, error) { runtime.Goexit(); return "", nil })
			watch(&x.journal, g, "g")
			if steps == 2 {
				watch(&x.journal, f, "f")
			}
			for range 2 { // once to settle it, once to go on
				done := make(chan struct{})
				go func() {
					defer close(done)
					if !f.IsCalled() {
						c.settle(f)
					}
					x.RunUntilIdle()
				}()
				receive(t, done, "the end of the goroutine")
			}
			x.RunUntilIdle()
			events := []string{map[bool]string{true: "fn one", false: "fn 1"}[c.name == "Catch"]}
			if steps == 2 && c.name == "Catch" {
				events = []string{"f!one", "fn one"}
			} else if steps == 2 {
				events = append(events, "f=1")
			}
			x.want(t, append(events, "g!"+txaio.ErrGoexit.Error())...)
		}
	})
}

// Other callbacks still run after Goexit.
func TestCompositionGoexitAmongOthers(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	for i := range 3 {
		first := txaio.Then(f, func(v int) (int, error) { return v, nil })
		watch(&x.journal, txaio.Then(first, func(v int) (int, error) {
			if i == 1 {
				runtime.Goexit()
			}
			return i, nil
		}), strconv.Itoa(i))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		txaio.Resolve(f, 1)
		x.RunUntilIdle()
	}()
	receive(t, done, "the end of the goroutine")
	x.RunUntilIdle()
	slices.Sort(x.events) // a chain that Goexit cut short ends before the others
	x.want(t, "0=0", "1!"+txaio.ErrGoexit.Error(), "2=2")
}

func TestCompositionCancel(t *testing.T) {
	inEachComposer(t, func(t *testing.T, x *fixture, c composer) {
		f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
		g := c.compose(x, f, func() (string, error) { return "", nil })
		watch(&x.journal, g, "g")
		watch(&x.journal, f, "f")
		txaio.Cancel(g, "enough")
		if !f.IsCalled() || !g.IsCalled() {
			t.Error("Cancel leaves one of them pending")
		}
		wantErr(t, "Resolve of a cancelled composition", txaio.Resolve(g, ""), txaio.ErrAlreadyCalled)
		x.RunUntilIdle()
		x.want(t, "g!"+cancelledText("enough"), "canceller", "f!"+cancelledText("enough"))
		wantFailure(t, g, txaio.ErrCancelled)
	})
}

func cancelledText(message string) string {
	return byBackend("cancelled", "cancelled: "+message)
}

// Cancelling a composition cancels it even if the canceller settles its source, or the
// source is already settled.
func TestCompositionCancelWins(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { txaio.Resolve(f, 1) }))
	g := txaio.Then(f, func(int) (int, error) { t.Error("the function was called"); return 0, nil })
	txaio.Cancel(g)
	x.RunUntilIdle()
	wantFailure(t, g, txaio.ErrCancelled)

	if txaio.UsingFuture {
		settled := txaio.CreateFutureSuccess(1)
		g = txaio.Then(settled, func(int) (int, error) { t.Error("the function was called"); return 0, nil })
		txaio.Cancel(g)
		wantFailure(t, g, txaio.ErrCancelled)
	}
}

// A cancellation passes compositions as a cancellation.
func TestCancellationGoesPast(t *testing.T) {
	log := captureLog(t, nil)
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	g := txaio.Then(f, func(int) (int, error) { return 0, nil })
	h := txaio.Catch(g, func(fail *txaio.Failure) (int, error) { return 0, fail })
	watch(&x.journal, h, "h")
	other := txaio.Catch(g, func(*txaio.Failure) (int, error) { return 0, errOne })
	watch(&x.journal, other, "other")
	of := txaio.ThenOf(txaio.CreateFutureSuccess(1), func(int) (*txaio.Future[int], error) { return g, nil })
	watch(&x.journal, of, "of")
	x.RunUntilIdle()
	txaio.Cancel(f, "enough")
	x.RunUntilIdle()
	x.want(t, "h!"+cancelledText("enough"), "other!one", "of!"+cancelledText("enough"))
	if !strings.Contains(other.String(), "failed") { // with another error it is no cancellation
		t.Errorf("it is %v", other)
	}
	for _, last := range []*txaio.Future[int]{h, of} {
		if txaio.UsingFuture && !strings.Contains(last.String(), "cancelled") {
			t.Errorf("it is %v", last)
		}
	}
	settleReports(t, log)
}

func TestThenOfCancelInner(t *testing.T) {
	x := newFixture(t)
	inner := txaio.CreateFuture[string]()
	g := txaio.ThenOf(txaio.CreateFutureSuccess(1), func(int) (*txaio.Future[string], error) { return inner, nil })
	x.RunUntilIdle()
	txaio.Cancel(g)
	wantFailure(t, g, txaio.ErrCancelled)
	wantFailure(t, inner, txaio.ErrCancelled)
}

// If the composition is cancelled while its function runs, the future that the
// function returns is cancelled.
func TestThenOfCancelMeanwhile(t *testing.T) {
	x := newFixture(t)
	f, inner := txaio.CreateFuture[int](), txaio.CreateFuture[string]()
	var g *txaio.Future[string]
	g = txaio.ThenOf(f, func(int) (*txaio.Future[string], error) {
		txaio.Cancel(g)
		return inner, nil
	})
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	wantFailure(t, g, txaio.ErrCancelled)
	wantFailure(t, inner, txaio.ErrCancelled)
}

// If the composition is settled by hand while its function runs, the future that the
// function returns is left alone and not kept.
func TestThenOfSettledMeanwhile(t *testing.T) {
	x := newFixture(t)
	f, inner := txaio.CreateFuture[int](), txaio.CreateFuture[string]()
	var g *txaio.Future[string]
	g = txaio.ThenOf(f, func(int) (*txaio.Future[string], error) {
		wantErr(t, "Resolve", txaio.Resolve(g, "by hand"), nil)
		return inner, nil
	})
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	wantValue(t, g, "by hand")
	wantSettled(t, inner, false)
	wantErr(t, "Resolve", txaio.Resolve(inner, "too late"), nil)
	x.RunUntilIdle()
	wantValue(t, g, "by hand")
	pointer := weak.Make(inner)
	inner = nil // the function refers to it
	eventually(t, "what the function returned was collected", func() bool {
		runtime.GC()
		return pointer.Value() == nil
	})
	runtime.KeepAlive(g)
}

// Futures that wait for one another in a circle can be cancelled.
func TestThenOfCircle(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	var a, b *txaio.Future[int]
	a = txaio.ThenOf(f, func(int) (*txaio.Future[int], error) { return b, nil })
	b = txaio.ThenOf(f, func(int) (*txaio.Future[int], error) { return a, nil })
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	if a.IsCalled() || b.IsCalled() {
		t.Fatal("a circle settles itself")
	}
	txaio.Cancel(a)
	wantFailure(t, a, txaio.ErrCancelled)
	wantFailure(t, b, txaio.ErrCancelled)
}

// smallStack limits stacks, so that a deep recursion fails.
func smallStack(t *testing.T) {
	previous := debug.SetMaxStack(1 << 20)
	t.Cleanup(func() { debug.SetMaxStack(previous) })
}

func TestCompositionCancelLongChain(t *testing.T) {
	ownReports(t)
	x := newFixture(t)
	smallStack(t)
	first := txaio.CreateFuture[int]()
	chain := []*txaio.Future[int]{first}
	for range 100_000 {
		chain = append(chain, txaio.Then(chain[len(chain)-1], passValue))
	}
	txaio.Cancel(chain[len(chain)-1])
	x.RunUntilIdle()
	for i, f := range chain {
		if !f.IsCalled() {
			t.Fatalf("%d is pending", i)
		}
	}
	wantFailure(t, first, txaio.ErrCancelled)
}

func TestCompositionLongChain(t *testing.T) {
	smallStack(t)
	n := byBackend(100_000, 30_000) // a turn of the loop or three each, and a TestLoop runs 100,000
	settled := func(v int) (*txaio.Future[int], error) { return txaio.CreateFutureSuccess(v + 1), nil }
	for name, step := range map[string]func(f *txaio.Future[int]) *txaio.Future[int]{
		"Then": func(f *txaio.Future[int]) *txaio.Future[int] {
			return txaio.Then(f, func(v int) (int, error) { return v + 1, nil })
		},
		"ThenOf": func(f *txaio.Future[int]) *txaio.Future[int] { return txaio.ThenOf(f, settled) },
		"Catch": func(f *txaio.Future[int]) *txaio.Future[int] {
			return txaio.Catch(txaio.ThenOf(f, settled), func(fail *txaio.Failure) (int, error) { return 0, fail })
		},
	} {
		t.Run(name, func(t *testing.T) {
			newFixture(t)
			first := txaio.CreateFuture[int]()
			last := first
			for range n {
				last = step(last)
			}
			txaio.Resolve(first, 0)
			wantValue(t, last, n)
		})
	}
	t.Run("each inside the one before", func(t *testing.T) {
		newFixture(t)
		ticks := make([]*txaio.Future[int], n)
		for i := range ticks {
			ticks[i] = txaio.CreateFuture[int]()
		}
		var from func(i int) (*txaio.Future[int], error)
		from = func(i int) (*txaio.Future[int], error) {
			if i == n {
				return txaio.CreateFutureSuccess(i), nil
			}
			return txaio.ThenOf(ticks[i], from), nil
		}
		f, _ := from(0)
		for i, tick := range ticks {
			txaio.Resolve(tick, i+1)
		}
		wantValue(t, f, n)
	})
}

// Then makes one allocation besides its future. The function here needs none.
func TestThenAllocations(t *testing.T) {
	x := newFixture(t)
	run := func(then bool) float64 {
		return testing.AllocsPerRun(100, func() {
			f := txaio.CreateFuture[int]()
			if then {
				txaio.Then(f, passValue)
			} else {
				txaio.AddCallbacks(f, passValue, nil)
			}
			txaio.Resolve(f, 1)
			x.RunUntilIdle()
		})
	}
	if without, with := run(false), run(true); with > without+2 {
		t.Errorf("%v allocations with Then, %v without it", with, without)
	}
}

func TestCompositionMisuse(t *testing.T) {
	newFixture(t)
	f := txaio.CreateFuture[int]()
	wantUsageError(t, func() { txaio.Then[int, int](nil, passValue) }, "nil")
	wantUsageError(t, func() { txaio.Then[int, int](f, nil) }, "Then", "nil")
	wantUsageError(t, func() { txaio.ThenOf[int, int](nil, nil) }, "nil")
	wantUsageError(t, func() { txaio.ThenOf[int, int](f, nil) }, "ThenOf", "nil")
	wantUsageError(t, func() { txaio.Catch[int](nil, passFailure) }, "nil")
	wantUsageError(t, func() { txaio.Catch(f, nil) }, "Catch", "nil")
	wantUsageError(t, func() { txaio.Go[int](nil) }, "Go", "nil")
	wantUsageError(t, func() { txaio.GatherAny([]txaio.AnyFuture{f, nil}, true) }, "nil")
	if f.IsCalled() {
		t.Error("it is settled")
	}
}

func TestUnhandledCompositions(t *testing.T) {
	x, log := newFixture(t), captureLog(t, nil)
	func() {
		f := txaio.CreateFutureError[int](errors.New("passed by"))
		txaio.Then(f, passValue)
		txaio.Catch(txaio.CreateFutureError[int](errors.New("caught")), func(*txaio.Failure) (int, error) { return 0, nil })
		txaio.ThenOf(txaio.CreateFutureSuccess(1), func(int) (*txaio.Future[int], error) {
			return txaio.CreateFutureError[int](errors.New("inner")), nil
		})
		later := txaio.CreateFuture[int]()
		txaio.ThenOf(txaio.CreateFutureSuccess(1), func(int) (*txaio.Future[int], error) { return later, nil })
		x.RunUntilIdle()
		txaio.Reject(later, errors.New("pending"))
		x.RunUntilIdle()
	}()
	wantReport(t, log, "passed by")
	wantReport(t, log, "inner")
	wantReport(t, log, "pending")
	settleReports(t, log)
	for text, times := range map[string]int{"passed by": 1, "inner": 1, "pending": 1, "caught": 0} {
		if entries := log.with(text); len(entries) != times {
			t.Errorf("%s: reported %d times, want %d", text, len(entries), times)
		}
	}
}

// A panic after the new future was cancelled is reported.
func TestCompositionPanicAfterCancel(t *testing.T) {
	x, log := newFixture(t), captureLog(t, nil)
	f := txaio.CreateFuture[int]()
	var g *txaio.Future[int]
	g = txaio.Then(f, func(int) (int, error) {
		txaio.Cancel(g)
		panic("too late to tell")
	})
	txaio.Resolve(f, 1)
	x.RunUntilIdle()
	wantFailure(t, g, txaio.ErrCancelled)
	wantReport(t, log, "too late to tell")
}

func TestThenIsOnTheFuturesLoop(t *testing.T) {
	newFixture(t)
	mine := testutil.NewTestLoop()
	restore := testutil.ReplaceLoop(mine)
	f := txaio.CreateFuture[int]()
	restore()
	ran := false
	g := txaio.Then(f, passValue)
	txaio.AddCallbacks(g, func(v int) (int, error) { ran = true; return v, nil }, nil)
	txaio.Resolve(f, 1)
	if ran != txaio.UsingDeferred {
		t.Errorf("it has run: %v", ran)
	}
	mine.RunUntilIdle()
	if !ran {
		t.Error("the callbacks are not on f's loop")
	}
}

// Goroutines settle, cancel and compose at once.
func TestCompositionRace(t *testing.T) {
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	for range 300 {
		f, inner := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
		g := txaio.ThenOf(f, func(int) (*txaio.Future[int], error) { return inner, nil })
		h := txaio.Catch(txaio.Then(g, passValue), func(fail *txaio.Failure) (int, error) { return 0, fail })
		var wg sync.WaitGroup
		for _, fn := range []func(){
			func() { txaio.Resolve(f, 1) },
			func() { txaio.Resolve(inner, 2) },
			func() { txaio.Cancel(h) },
			func() { txaio.Cancel(g) },
			func() { _, _ = txaio.Await(t.Context(), txaio.Then(h, passValue)) },
			func() { _ = fmt.Sprint(f, g, inner) },
		} {
			wg.Go(fn)
		}
		wg.Wait()
		value, err := txaio.Await(t.Context(), h)
		if (err == nil) != (value == 2) || err != nil && !errors.Is(err, txaio.ErrCancelled) {
			t.Fatalf("got %v, %v", value, err)
		}
		_, _ = txaio.Await(t.Context(), g)
	}
}

func TestGo(t *testing.T) {
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		release := make(chan struct{})
		f := txaio.Go(func(context.Context) (int, error) { <-release; return 42, nil })
		synctest.Wait()
		if f.IsCalled() {
			t.Error("it is settled before the function returns")
		}
		close(release)
		if value, err := txaio.Await(t.Context(), f); value != 42 || err != nil {
			t.Errorf("got %v, %v", value, err)
		}
		f = txaio.Go(func(context.Context) (int, error) { return 0, errOne })
		if _, err := txaio.Await(t.Context(), f); !errors.Is(err, errOne) {
			t.Errorf("got %v", err)
		}
		f = txaio.Go(func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
		if _, err := txaio.Await(t.Context(), f); !errors.Is(err, txaio.ErrGoexit) {
			t.Errorf("got %v", err)
		}
		f = txaio.Go(panics)
		_, err := txaio.Await(t.Context(), f)
		var fail *txaio.Failure
		if !errors.As(err, &fail) || !errors.Is(err, errTwo) || !strings.Contains(txaio.FailureFormatTraceback(fail), "txaio_test.panics") {
			t.Errorf("got %+v", err)
		}
		var ctx context.Context
		f = txaio.Go(func(c context.Context) (int, error) { ctx = c; return 1, c.Err() })
		if _, err := txaio.Await(t.Context(), f); err != nil || ctx.Err() == nil {
			t.Errorf("the context: %v during the call, %v after it", err, ctx.Err())
		}
	})
}

func panics(context.Context) (int, error) { panic(errTwo) }

// The callbacks run on the loop that was current when Go was called, on both
// backends.
func TestGoSettlesOnTheLoop(t *testing.T) {
	for name, start := range map[string]func(loop *testutil.TestLoop) *txaio.Future[int]{
		"Go": func(loop *testutil.TestLoop) *txaio.Future[int] {
			defer testutil.ReplaceLoop(loop)()
			return txaio.Go(func(context.Context) (int, error) { return 1, nil })
		},
		"GoOn": func(loop *testutil.TestLoop) *txaio.Future[int] {
			if txaio.UsingDeferred { // it has one loop
				t.Cleanup(testutil.ReplaceLoop(loop))
			}
			api, err := txaio.WithConfig(txaio.Config{Loop: loop})
			if err != nil {
				t.Fatal(err)
			}
			return txaio.GoOn(api, func(context.Context) (int, error) { return 1, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			loop := testutil.NewTestLoop()
			f := start(loop)
			eventually(t, "the result is queued", loop.Ready)
			ran := int64(0)
			txaio.AddCallbacks(f, func(v int) (int, error) { ran = goroutineID(); return v, nil }, nil)
			if f.IsCalled() {
				t.Error("it was settled elsewhere")
			}
			loop.RunUntilIdle()
			if ran != goroutineID() {
				t.Error("the callback did not run on the loop")
			}
		})
	}
}

func TestGoCancel(t *testing.T) {
	for name, end := range map[string]func() (int, error){
		"value": func() (int, error) { return 1, nil },
		"error": func() (int, error) { return 0, errors.New("late error") },
		"panic": func() (int, error) { panic("late panic") },
	} {
		t.Run(name, func(t *testing.T) {
			log := captureLog(t, nil)
			inBubble(t, func(t *testing.T, loop *txaio.Loop) {
				var cause error
				f := txaio.Go(func(ctx context.Context) (int, error) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return end()
				})
				synctest.Wait()
				txaio.Cancel(f, "enough")
				if !f.IsCalled() {
					t.Error("Cancel left it pending")
				}
				synctest.Wait()
				cancelled, is := cause.(*txaio.CancelledError)
				if !is || cancelled.Message != byBackend("", "enough") {
					t.Errorf("the context's cause is %v", cause)
				}
				if _, err := txaio.Await(t.Context(), f); !errors.Is(err, txaio.ErrCancelled) {
					t.Errorf("got %v", err)
				}
				wantErr(t, "Resolve", txaio.Resolve(f, 1), txaio.ErrAlreadyCalled)
			})
			settleReports(t, log)
			if got, want := len(log.with("late")), map[string]int{"panic": 1}[name]; got != want {
				t.Errorf("%d reports, want %d: %q", got, want, log.with("late"))
			}
		})
	}
}

// Cancelling a composition goes on to a call of Go.
func TestGoCancelThroughThen(t *testing.T) {
	ownReports(t)
	inBubble(t, func(t *testing.T, loop *txaio.Loop) {
		ended := false
		f := txaio.Go(func(ctx context.Context) (int, error) { <-ctx.Done(); ended = true; return 0, ctx.Err() })
		txaio.Cancel(txaio.Then(txaio.Then(f, passValue), passValue))
		synctest.Wait()
		if !ended {
			t.Error("the context did not end")
		}
	})
}

func TestGatherAny(t *testing.T) {
	newFixture(t)
	number, text := txaio.CreateFuture[int](), txaio.CreateFuture[string]()
	g := txaio.GatherAny([]txaio.AnyFuture{number, text}, true)
	txaio.Reject(text, errOne)
	txaio.Resolve(number, 1)
	results, err := await(t, g)
	if err != nil || len(results) != 2 || results[0] != (txaio.Result[any]{Value: 1}) || results[1].Value != nil || !errors.Is(results[1].Failure, errOne) {
		t.Errorf("got %v, %v", results, err)
	}
	if txaio.UsingDeferred {
		wantValue(t, text, "") // it was consumed
	}
	number, text = txaio.CreateFuture[int](), txaio.CreateFuture[string]()
	g = txaio.GatherAny([]txaio.AnyFuture{number, text}, false)
	txaio.Reject(text, errOne)
	txaio.Resolve(number, 1)
	wantFailure(t, g, errOne)
	wantFailure(t, text, errOne)

	nothing, err := await(t, txaio.GatherAny(nil, false))
	if err != nil || len(nothing) != 0 {
		t.Errorf("nothing gives %v, %v", nothing, err)
	}
}

func TestGatherAnyCancel(t *testing.T) {
	x := newFixture(t)
	number, text := txaio.CreateFuture[int](), txaio.CreateFuture[string]()
	watch(&x.journal, number, "number")
	watch(&x.journal, text, "text")
	g := txaio.GatherAny([]txaio.AnyFuture{number, text}, false)
	watch(&x.journal, g, "g")
	txaio.Cancel(g)
	x.RunUntilIdle()
	x.want(t, "number!cancelled", "text!cancelled", "g!cancelled")
}

// A future that waits for the very group that it is in can be cancelled.
func TestCancelGatherThatWaitsForItself(t *testing.T) {
	x := newFixture(t)
	start := txaio.CreateFuture[int]()
	var group *txaio.Future[[]txaio.Result[int]]
	ring := txaio.ThenOf(start, func(int) (*txaio.Future[int], error) {
		return txaio.Then(group, func([]txaio.Result[int]) (int, error) { return 1, nil }), nil
	})
	group = txaio.Gather([]*txaio.Future[int]{ring}, true)
	txaio.Resolve(start, 1)
	x.RunUntilIdle()
	wantSettled(t, group, false)
	txaio.Cancel(group)
	x.RunUntilIdle()
	wantSettled(t, group, true)
	wantSettled(t, ring, true)
}

// A settled composition does not keep its function alive.
func TestSettledCompositionForgetsItsFunction(t *testing.T) {
	x := newFixture(t)
	for _, cancelled := range []bool{false, true} {
		f := txaio.CreateFuture[int]()
		big := new([1 << 10]int)
		pointer := weak.Make(big)
		then := txaio.Then(f, func(v int) (int, error) { return v + big[0], nil })
		if cancelled {
			txaio.Cancel(then)
			txaio.Watch(then, nil, func(*txaio.Failure) {})
		} else if err := txaio.Resolve(f, 1); err != nil {
			t.Fatal(err)
		}
		x.RunUntilIdle()
		runtime.GC()
		if pointer.Value() != nil {
			t.Errorf("cancelled: %v: what Then returned keeps the function although it is settled", cancelled)
		}
		runtime.KeepAlive(then)
	}
}
