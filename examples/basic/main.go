// Command basic shows the core of txaio. Run it with each backend, and compare
// where "Resolve has returned" stands:
//
//	go run -tags deferred ./examples/basic
//	go run -tags future ./examples/basic
package main

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/txaio-go/txaio"
)

func main() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)

	done := txaio.CreateFuture[string]()
	backend := "future (asyncio's semantics)"
	if txaio.UsingDeferred {
		backend = "deferred (Twisted's semantics)"
	}
	fmt.Println("The backend is", backend)

	// Everything below happens on the loop's goroutine, which is this one.
	loop.CallSoon(func() { show(done) })
	if err := loop.RunUntilComplete(done); err != nil {
		log.Fatal(err)
	}
}

// show runs the parts, and settles done at the end.
func show(done *txaio.Future[string]) {
	resolved := txaio.CreateFuture[string]()
	watch("one future resolved", resolved)
	must(txaio.Resolve(resolved, "hello"))
	fmt.Println("Resolve has returned")

	rejected := txaio.CreateFuture[string]()
	watch("one future rejected", rejected)
	must(txaio.Reject(rejected, errors.New("it failed")))
	fmt.Println("Reject has returned")

	works := txaio.AsFuture(func() (string, error) { return "an answer", nil })
	watch("AsFuture of a function", works)
	panics := txaio.AsFuture(func() (string, error) {
		panic("it panicked")
	})
	watch("AsFuture of a function that panics", panics)

	all := txaio.Gather([]*txaio.Future[string]{resolved, rejected, works}, true)
	txaio.AddCallbacks(all, func(results []txaio.Result[string]) ([]txaio.Result[string], error) {
		for i, result := range results {
			if result.Failure != nil {
				fmt.Printf("Gather, result %d: %s\n", i, txaio.FailureMessage(result.Failure))
			} else {
				fmt.Printf("Gather, result %d: %s\n", i, result.Value)
			}
		}
		return results, nil
	}, nil)

	start := txaio.PerfCounterNs()
	txaio.CallLater(50*time.Millisecond, func() {
		waited := time.Duration(txaio.PerfCounterNs() - start)
		fmt.Println("CallLater, after at least 50ms:", waited >= 50*time.Millisecond)
		must(txaio.Resolve(done, ""))
	})
}

// watch adds a callback and an errback that print the outcome of f. They return their
// argument, as portable code does.
func watch(name string, f *txaio.Future[string]) {
	txaio.AddCallbacks(f,
		func(value string) (string, error) {
			fmt.Printf("Callback, %s: %s\n", name, value)
			return value, nil
		},
		func(fail *txaio.Failure) (string, error) {
			fmt.Printf("Errback, %s: %s\n", name, txaio.FailureMessage(fail))
			return "", fail
		})
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
