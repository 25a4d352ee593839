package imports

import (
	"context"
	"time"

	. "github.com/txaio-go/txaio"
)

func dot(f *Future[int]) {
	AddTimeout(f, time.Second)                                       // want `use the future`
	AddCallbacks(f, func(v int) (int, error) { return 1, nil }, nil) // want `return v, nil`
	CallSoon(func() { RunUntil(context.Background(), nil, f) })      // want `(Await|RunUntil) waits`
	AsFuture(func() (*Future[int], error) { return f, nil })         // want `call txaio.AsFutureOf`
	got := 0
	Watch(f, func(v int) { got = v }, nil)
	println(got)       // want `read got in a callback`
	if UsingDeferred { // want `delete this branch`
	}
}
