//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"strings"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func ExampleAddTimeout() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	answer := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) {
		fmt.Println("giving up")
	}))
	limited := txaio.AddTimeout(answer, 5*time.Second)
	txaio.AddCallbacks(limited, nil, func(fail *txaio.Failure) (int, error) {
		fmt.Println(fail, errors.Is(fail, context.DeadlineExceeded))
		return 0, fail
	})
	loop.Advance(5 * time.Second)
	// Output:
	// giving up
	// timed out after 5s true
}

func ExampleCancelOnDone() {
	ctx, cancel := context.WithCancel(context.Background())
	answer := txaio.CreateFuture[int]()
	txaio.CancelOnDone(ctx, answer)
	cancel()
	_, err := txaio.Await(context.Background(), answer)
	fmt.Println(errors.Is(err, txaio.ErrCancelled))
	// Output: true
}

// After expvar.Publish("loop", counters) they are at /debug/vars.
func ExampleLoop_Stats() {
	loop := testutil.NewTestLoop(txaio.WithName("main"))
	counters := expvar.Func(func() any { return loop.Stats() })

	loop.CallSoon(func() {})
	loop.CallLater(time.Minute, func() {})
	loop.RunUntilIdle()
	loop.CallSoon(func() {})

	fmt.Println(counters)
	// Output: {"name":"main","ready":1,"timers":1,"turns":1,"run":1,"longest_turn":1,"longest_ns":0}
}

func ExampleSetDebug() {
	txaio.SetDebug(true) // or TXAIO_DEBUG=1 in the environment
	defer txaio.SetDebug(false)

	answer := txaio.CreateFutureSuccess(42)
	err := txaio.Resolve(answer, 43)
	fmt.Println(errors.Is(err, txaio.ErrAlreadyCalled))
	for line := range strings.Lines(err.Error()) {
		if !strings.HasPrefix(line, " ") { // the others are frames
			fmt.Print(line)
		}
	}
	// Output:
	// true
	// txaio: the future is already settled
	// The future was created at (most recent call last):
	// The future was first settled at (most recent call last):
}

func ExamplePendingFutures() {
	txaio.SetDebug(true)
	defer txaio.SetDebug(false)
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()

	ctx, stop := context.WithCancel(context.Background())
	forgotten := txaio.CreateFuture[string]()
	loop.CallSoon(stop)
	_ = loop.Run(ctx)

	for _, pending := range txaio.PendingFutures() {
		if function := pending.Created[0].Function; strings.HasSuffix(function, "ExamplePendingFutures") {
			fmt.Println("created in", function)
		}
	}
	txaio.Cancel(forgotten)
	// Output: created in github.com/txaio-go/txaio_test.ExamplePendingFutures
}
