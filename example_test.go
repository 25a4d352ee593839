package txaio_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func ExampleAddCallbacks() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f,
		func(answer int) (int, error) {
			fmt.Println("Callback:", answer)
			return answer, nil
		},
		func(fail *txaio.Failure) (int, error) {
			fmt.Println("Errback:", txaio.FailureMessage(fail))
			return 0, fail
		})
	_ = txaio.Resolve(f, 42)

	_ = loop.RunUntilComplete(f)
	// Output: Callback: 42
}

// Watch looks at what becomes of a future and passes it on.
func ExampleWatch() {
	f := txaio.CreateFutureSuccess("hello")
	seen := make(chan struct{})
	txaio.Watch(f, func(value string) {
		fmt.Println(value)
		close(seen)
	}, nil)
	<-seen
	// Output: hello
}

func ExampleAsFuture() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	for _, text := range []string{"42", "forty-two"} {
		f := txaio.AsFuture(func() (int, error) { return strconv.Atoi(text) })
		txaio.AddCallbacks(f,
			func(n int) (int, error) {
				fmt.Println("a number:", n)
				return n, nil
			},
			func(fail *txaio.Failure) (int, error) {
				fmt.Println("no number:", fail)
				return 0, fail
			})
		_ = loop.RunUntilComplete(f)
	}
	// Output:
	// a number: 42
	// no number: strconv.Atoi: parsing "forty-two": invalid syntax
}

func ExampleGather() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	all := txaio.Gather([]*txaio.Future[string]{
		txaio.CreateFutureSuccess("one"),
		txaio.CreateFutureError[string](errors.New("no luck")),
		txaio.CreateFutureSuccess("three"),
	}, true)
	txaio.AddCallbacks(all, func(results []txaio.Result[string]) ([]txaio.Result[string], error) {
		for _, r := range results {
			if r.Failure != nil {
				fmt.Println("failed:", r.Failure)
			} else {
				fmt.Println("succeeded:", r.Value)
			}
		}
		return results, nil
	}, nil)

	_ = loop.RunUntilComplete(all)
	// Output:
	// succeeded: one
	// failed: no luck
	// succeeded: three
}

func ExampleCancel() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	reply := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) {
		fmt.Println("stopping the request")
	}))
	txaio.AddCallbacks(reply, nil, func(fail *txaio.Failure) (string, error) {
		fmt.Println("cancelled:", errors.Is(fail, txaio.ErrCancelled))
		return "", fail
	})
	txaio.Cancel(reply)

	_ = loop.RunUntilComplete(reply)
	// Output:
	// stopping the request
	// cancelled: true
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

func ExampleAwait() {
	f := txaio.CreateFuture[string]()
	go func() { _ = txaio.Resolve(f, "from another goroutine") }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	value, err := txaio.Await(ctx, f)
	fmt.Println(value, err)
	// Output: from another goroutine <nil>
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

// A command drives the loop until its work is done, or somebody interrupts it.
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

// What a command has started besides, and does not wait for, is still done when
// Drain returns, unless that takes too long.
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

func ExampleRejectOnPanic() {
	f := txaio.CreateFuture[int]()
	go func() {
		defer txaio.RejectOnPanic(f)
		var numbers []int
		_ = txaio.Resolve(f, numbers[3])
	}()
	_, err := txaio.Await(context.Background(), f)
	fmt.Println(err)
	// Output: runtime error: index out of range [3] with length 0
}

func ExampleFailureMessage() {
	fail := txaio.CreateFailure(errors.New("it failed"))
	fmt.Println(txaio.FailureMessage(fail))
	// Output: errors.errorString: it failed
}

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
