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
	_ = txaio.Resolve(forgotten, "")
	// Output: created in github.com/txaio-go/txaio_test.ExamplePendingFutures
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

func ExampleUseDeferred() {
	err := txaio.UseDeferred()
	fmt.Println((err == nil) == txaio.UsingDeferred)
	// Output: true
}

func ExampleUseFuture() {
	err := txaio.UseFuture()
	fmt.Println((err == nil) == txaio.UsingFuture)
	// Output: true
}

func ExamplePerfCounterNs() {
	start := txaio.PerfCounterNs()
	elapsed := time.Duration(txaio.PerfCounterNs() - start)
	fmt.Println(elapsed >= 0)
	// Output: true
}

func ExampleTimeNs() {
	now := time.Unix(0, txaio.TimeNs())
	fmt.Println(time.Since(now) < time.Hour)
	// Output: true
}
