package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// A loop needs no setup: it runs by itself.
func ExampleNewLoop() {
	loop := txaio.NewLoop(txaio.WithName("main"))
	done := make(chan struct{})
	loop.CallSoon(func() {
		fmt.Println("on the loop")
		close(done)
	})
	<-done
	fmt.Println(loop)
	// Output:
	// on the loop
	// Loop "main"
}

func ExampleWithClock() {
	clock := clockwork.NewFakeClock()
	loop := txaio.NewLoop(txaio.WithClock(clock))
	rung := make(chan struct{})
	loop.CallLater(time.Hour, func() { close(rung) })
	clock.Advance(time.Hour)
	<-rung
	fmt.Println("an hour has passed")
	// Output: an hour has passed
}

func ExampleWithExceptionHandler() {
	loop := txaio.NewLoop(txaio.WithExceptionHandler(func(fail *txaio.Failure) {
		fmt.Println("the handler got:", txaio.FailureMessage(fail))
	}))
	loop.CallSoon(func() { panic("something is wrong") })
	done := make(chan struct{})
	loop.CallSoon(func() { close(done) }) // the loop goes on
	<-done
	// Output: the handler got: txaio.PanicError: something is wrong
}

// Run drives the loop on this goroutine until the context ends.
func ExampleLoop_Run() {
	loop := txaio.NewLoop()
	ctx, stop := context.WithCancel(context.Background())
	loop.CallSoon(func() { fmt.Println("working") })
	loop.CallLater(10*time.Millisecond, stop)
	fmt.Println(loop.Run(ctx))
	// Output:
	// working
	// context canceled
}

func ExampleLoop_RunUntilComplete() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	f := txaio.CreateFuture[int]()
	loop.CallLater(time.Millisecond, func() { _ = txaio.Reject(f, errors.New("it failed")) })
	fmt.Println("it ended with:", loop.RunUntilComplete(f))
	// Output: it ended with: it failed
}

// A command drives the loop until its work is done or it is interrupted.
func ExampleRunUntil() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	page := txaio.Go(func(context.Context) (string, error) { return "<p>Hello", nil })
	size := txaio.Then(page, func(page string) (int, error) { return len(page), nil })
	n, err := txaio.RunUntil(ctx, loop, size)
	fmt.Println(n, err)
	// Output: 8 <nil>
}

// A command may start work that it does not wait for. Drain waits for it, unless it
// takes too long.
func ExampleLoop_Drain() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	txaio.CallLater(20*time.Millisecond, func() { fmt.Println("statistics written") })
	answer, err := txaio.RunUntil(context.Background(), loop, txaio.CreateFutureSuccess(42))
	fmt.Println(answer, err)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println("drained:", loop.Drain(ctx))
	// Output:
	// 42 <nil>
	// statistics written
	// drained: <nil>
}

// A program sets its loop before it uses libraries.
func ExampleSetLoop() {
	loop := txaio.NewLoop(txaio.WithName("main"))
	previous := txaio.SetLoop(loop)
	defer txaio.SetLoop(previous)

	fmt.Println(txaio.CurrentLoop())
	// Output: Loop "main"
}

func ExampleWithConfig() {
	loop := txaio.NewLoop()
	api, err := txaio.WithConfig(txaio.Config{Loop: loop})
	if err != nil {
		fmt.Println(err) // the deferred backend has one loop for the program
		return
	}
	defer txaio.SetLoop(nil)

	f := txaio.CreateFutureOn[string](api)
	txaio.AddCallbacks(f, func(v string) (string, error) {
		fmt.Println(v)
		return v, nil
	}, nil)
	api.CallLater(time.Millisecond, func() { _ = txaio.Resolve(f, "on a loop of its own") })

	_ = loop.RunUntilComplete(f)
	// Output: on a loop of its own
}

func ExampleCallSoon() {
	done := make(chan struct{})
	txaio.CallSoon(func() { fmt.Println("first") })
	txaio.CallSoon(func() { fmt.Println("second"); close(done) })
	<-done
	// Output:
	// first
	// second
}

func ExampleCallLater() {
	done := make(chan struct{})
	txaio.CallLater(10*time.Millisecond, func() {
		fmt.Println("later")
		close(done)
	})
	timeout := txaio.CallLater(time.Hour, func() { fmt.Println("too late") })
	<-done
	fmt.Println("cancelled in time:", timeout.Cancel())
	// Output:
	// later
	// cancelled in time: true
}

func ExampleSleep() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	woken := txaio.Then(txaio.Sleep(8*time.Hour), func(struct{}) (time.Time, error) { return loop.Now(), nil })
	loop.Advance(24 * time.Hour)
	at, err := txaio.Await(context.Background(), woken)
	fmt.Println(at.Format(time.TimeOnly), err)
	// Output: 08:00:00 <nil>
}

func ExampleMakeBatchedTimer() {
	// One timer of the loop for all the timeouts that end within 20 ms.
	timeouts := txaio.MakeBatchedTimer(20*time.Millisecond, 0)

	answered := timeouts.CallLater(time.Hour, func() { fmt.Println("no answer from one") })
	done := make(chan struct{})
	timeouts.CallLater(30*time.Millisecond, func() {
		fmt.Println("no answer from the other")
		close(done)
	})

	fmt.Println("one has answered:", answered.Cancel())
	<-done
	// Output:
	// one has answered: true
	// no answer from the other
}

func ExampleRoundUp() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	down := txaio.MakeBatchedTimer(10*time.Second, 0)
	up := txaio.MakeBatchedTimer(10*time.Second, 0, txaio.RoundUp())

	loop.Advance(4 * time.Second)
	start := loop.Now()
	down.CallLater(5*time.Second, func() { fmt.Println("5 s rounded down:", loop.Now().Sub(start)) })
	up.CallLater(5*time.Second, func() { fmt.Println("5 s rounded up:", loop.Now().Sub(start)) })
	loop.Advance(time.Minute)
	// Output:
	// 5 s rounded down: 0s
	// 5 s rounded up: 6s
}
