//go:build deferred

package txaio_test

import (
	"errors"
	"testing"

	"github.com/txaio-go/txaio"
)

// Of Deferreds that wait for one another, the one that ends up with the failure
// is reported; and a paused one is too.
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
