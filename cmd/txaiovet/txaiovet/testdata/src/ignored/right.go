package ignored

import (
	"context"
	"fmt"
	"time"

	"github.com/txaio-go/txaio"
)

type client struct{ f *txaio.Future[int] }

func used(c *client, ctx context.Context) *txaio.Future[int] {
	f := txaio.AddTimeout(fetch(), time.Second)
	f = txaio.AddTimeout(f, time.Second)
	c.f = txaio.AddTimeout(c.f, time.Second)
	txaio.Watch(txaio.AddTimeout(f, time.Second), func(int) {}, nil)
	if _, err := txaio.Await(ctx, txaio.Then(txaio.AddTimeout(f, 1), show)); err != nil {
		fmt.Println(err)
	}
	all := []*txaio.Future[int]{txaio.AddTimeout(f, 1)}
	txaio.Watch(txaio.Gather(all, true), nil, func(*txaio.Failure) {})
	g := txaio.Then(f, show)
	txaio.Watch(g, func(string) {}, func(*txaio.Failure) {})
	return txaio.AddTimeout(f, time.Second)
}

// Catch at the end, with a function that cannot fail.
func caught(f *txaio.Future[int]) {
	txaio.Catch(txaio.Then(f, func(v int) (int, error) { return v, nil }), func(fail *txaio.Failure) (int, error) {
		fmt.Println(fail)
		return 0, nil
	})
	txaio.Catch(f, logged)
}

func logged(fail *txaio.Failure) (n int, err error) {
	fmt.Println(fail)
	return
}

func loop(f *txaio.Future[int]) {
	for range 3 {
		fmt.Println(f)
		f = txaio.AddTimeout(f, time.Second)
	}
}

func shared() func() {
	var f *txaio.Future[int]
	show := func() { fmt.Println(f) }
	f = txaio.AddTimeout(fetch(), time.Second)
	return show
}

func result() (f *txaio.Future[int]) {
	f = txaio.AddTimeout(fetch(), time.Second)
	return
}

func parameter(to **txaio.Future[int], f *txaio.Future[int]) {
	*to = txaio.AddTimeout(f, time.Second)
}

// Functions of the same name.
func AddTimeout(*txaio.Future[int]) *txaio.Future[int] { return nil }

func other(f *txaio.Future[int]) {
	AddTimeout(f)
	txaio.AsFuture(func() (int, error) { return 1, nil })
	txaio.CancelOnDone(context.Background(), f)
	if txaio.UsingDeferred {
		txaio.AddTimeout(f, time.Second)
	}
}
