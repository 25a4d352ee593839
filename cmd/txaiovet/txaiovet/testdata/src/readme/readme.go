// Package readme has the code of the README.
package readme

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func start() *txaio.Future[int]               { return nil }
func show(int) (string, error)                { return "", nil }
func report(*txaio.Failure)                   {}
func more(int) (*txaio.Future[string], error) { return nil, nil }

func returns(f *txaio.Future[int], log func(*txaio.Failure)) {
	txaio.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)                      // wrong
	g := txaio.Then(f, func(v int) (int, error) { return v + 1, nil })                              // right
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) { log(fail); return 0, nil }) // wrong
	txaio.Watch(f, nil, func(fail *txaio.Failure) { log(fail) })                                    // right
	txaio.Cancel(g)
}

func ignored(f *txaio.Future[int]) *txaio.Future[int] {
	txaio.AddTimeout(f, time.Second)              // wrong
	f = txaio.AddTimeout(f, time.Second)          // right
	txaio.Then(f, show)                           // wrong, likewise ThenOf, Catch, Gather
	txaio.Watch(txaio.Then(f, show), nil, report) // right
	return f
}

func blocking(ctx context.Context, f *txaio.Future[int], ch chan int, use func(int, error), useValue func(int)) {
	txaio.CallSoon(func() { v, err := txaio.Await(ctx, f); use(v, err) })  // wrong
	txaio.CallSoon(func() { txaio.Watch(f, useValue, report) })            // right
	txaio.Watch(f, func(int) { v := <-ch; useValue(v) }, nil)              // wrong
	g := txaio.Go(func(context.Context) (int, error) { return <-ch, nil }) // right
	txaio.Cancel(g)
}

func early(f *txaio.Future[int], loop *testutil.TestLoop) {
	var got int
	txaio.Watch(f, func(v int) { got = v }, nil)
	txaio.Resolve(f, 1)
	fmt.Println(got) // wrong
	loop.RunUntilIdle()
	fmt.Println(got) // right
}

func restore(loop *testutil.TestLoop) {
	defer testutil.ReplaceLoop(loop)   // wrong
	defer testutil.ReplaceLoop(loop)() // right
}

func nested() {
	nested := txaio.AsFuture(func() (*txaio.Future[int], error) { return start(), nil }) // wrong
	f := txaio.AsFutureOf(func() (*txaio.Future[int], error) { return start(), nil })    // right
	twice := txaio.Then(f, more)                                                         // wrong, as more returns a future
	g := txaio.ThenOf(f, more)                                                           // right
	txaio.Cancel(nested)
	txaio.Cancel(twice)
	txaio.Cancel(g)
}

func branch(f *txaio.Future[int]) {
	if txaio.UsingFuture { // wrong: one backend ignores the message anyway
		txaio.Cancel(f, "gone")
	} else {
		txaio.Cancel(f)
	}
	txaio.Cancel(f, "gone") // right

	if !txaio.UsingDeferred { // wrong
		log.Fatal("build with -tags deferred")
	}
	if err := txaio.UseDeferred(); err != nil { // right
		log.Fatal(err)
	}
}

func silenced(f *txaio.Future[int]) {
	// Wrong:
	txaio.AddTimeout(f, time.Second) //txaiovet:ignore
	// Right:
	txaio.AddTimeout(f, time.Second) //txaiovet:ignore f itself has the timeout here
	//txaiovet:ignore f itself has the timeout here
	txaio.AddTimeout(f, time.Second)
}
