package nested

import (
	"context"

	"github.com/txaio-go/txaio"
)

func fetch() (*txaio.Future[int], error)      { return nil, nil }
func more(int) (*txaio.Future[string], error) { return nil, nil }

func wrong(api *txaio.API, f *txaio.Future[int], ctx context.Context) {
	txaio.AsFuture(fetch)                                    // want `call txaio.AsFutureOf with a function that returns a future: this is a future of a future`
	txaio.AsFuture[*txaio.Future[int]](fetch)                // want `call txaio.AsFutureOf`
	txaio.AsFutureOn(api, fetch)                             // want `call txaio.AsFutureOf`
	a := txaio.AsFuture(func() (*txaio.Future[int], error) { // want `call txaio.AsFutureOf`
		return f, nil
	})
	txaio.Cancel(a)
	b := txaio.AsFuture(fetch) // want `call txaio.AsFutureOf`
	txaio.Watch(b, func(*txaio.Future[int]) {}, nil)
	_ = txaio.AsFuture(func() (txaio.AnyFuture, error) { return f, nil }) // want `call txaio.AsFutureOf`
	c := txaio.Then(f, more)                                              // want `call txaio.ThenOf`
	txaio.CancelOnDone(ctx, c)
	d := txaio.Then[int, *txaio.Future[string]](f, more) // want `call txaio.ThenOf`
	txaio.IsFuture(d)
	txaio.CreateFutureSuccess(f)                                                       // want `settle one future with what becomes of the other`
	txaio.CreateFuture[*txaio.Future[int]]()                                           // want `settle one future`
	e := txaio.Go(func(context.Context) (*txaio.Future[int], error) { return f, nil }) // want `settle one future`
	_ = e
	as := txaio.AsFuture[*txaio.Future[int]]
	as(fetch) // want `call txaio.AsFutureOf`
}

func right(f *txaio.Future[int]) {
	g := txaio.AsFutureOf(fetch)
	txaio.Watch(txaio.ThenOf(g, more), func(string) {}, nil)
	txaio.AsFuture(func() (int, error) { return 1, nil })
	txaio.AsFuture(func() ([]*txaio.Future[int], error) { return nil, nil })
	txaio.AsFuture(func() (func() *txaio.Future[int], error) { return nil, nil })
	txaio.AsFuture(func() (*Future[int], error) { return nil, nil })
	generic(f)
	AsFuture(fetch)
}

func generic[T any](v T) *txaio.Future[T] { return txaio.CreateFutureSuccess(v) }

type Future[T any] struct{}

func AsFuture(func() (*txaio.Future[int], error)) *Future[*txaio.Future[int]] { return nil }

func inInterfaces(f *txaio.Future[int]) {
	keep(txaio.AsFuture(func() (any, error) { // want `call txaio.AsFutureOf with a function that returns a future`
		if f == nil {
			return nil, nil
		}
		return f, nil
	}))
	keep(txaio.Then(f, func(v int) (any, error) { return f, nil })) // want `call txaio.ThenOf with a function that returns a future`
	keep(txaio.Then(f, func(v int) (any, error) { return v, nil }))
	keep(txaio.AsFuture(func() (any, error) { return []any{f}, nil }))
}

func keep(*txaio.Future[any]) {}
