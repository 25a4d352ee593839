package imports

import (
	"context"
	"time"

	txaio "context"

	tx "github.com/txaio-go/txaio"
	util "github.com/txaio-go/txaio/testutil"
)

func renamed(f *tx.Future[int]) txaio.Context {
	tx.AddTimeout(f, time.Second)                                           // want `use the future`
	tx.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil) // want `return v, nil`
	tx.CallSoon(func() { tx.Await(context.Background(), f) })               // want `Await waits`
	tx.AsFuture(func() (*tx.Future[int], error) { return f, nil })          // want `call txaio.AsFutureOf`
	defer util.ReplaceLoop(util.NewTestLoop())                              // want `write defer`
	if tx.UsingFuture {                                                     // want `delete this branch`
	}
	return nil
}
