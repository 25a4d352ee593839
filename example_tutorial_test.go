package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"testing"
	"testing/fstest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
	"github.com/txaio-go/txaio/testutil"
)

// The same code runs under both tags. On one backend the callback runs inside
// Resolve, on the other it runs on the loop afterwards.
func Example() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)

	greeting := txaio.CreateFuture[string]()
	txaio.Watch(greeting,
		func(text string) { fmt.Println(text) },
		func(fail *txaio.Failure) { fmt.Println("failed:", fail) })
	txaio.CallLater(10*time.Millisecond, func() { txaio.Resolve(greeting, "hello, Roy") })

	if err := loop.RunUntilComplete(greeting); err != nil {
		log.Fatal(err)
	}
	// Output: hello, Roy
}

func Example_choosingABackend() {
	if !txaio.UsingFuture {
		fmt.Println("done") // this program was built for the other backend
		return
	}
	if err := txaio.UseFuture(); err != nil {
		log.Fatal(err) // it says which flag to build with
	}
	fmt.Println("done")
	// Output: done
}

func Example_callbacks() {
	answer := txaio.CreateFuture[int]()
	txaio.AddCallbacks(answer,
		func(n int) (int, error) {
			fmt.Println("the answer is", n)
			return n, nil
		},
		func(fail *txaio.Failure) (int, error) {
			fmt.Println("there is no answer:", fail)
			return 0, fail
		})
	txaio.Resolve(answer, 42)

	waitForLoop() // on one backend the callback waits for the loop
	// Output: the answer is 42
}

func Example_composing() {
	login := func(user string) *txaio.Future[string] { return txaio.CreateFutureSuccess(user + "'s session") }
	get := func(session, path string) *txaio.Future[string] {
		return txaio.CreateFutureSuccess("<p>" + path + " of " + session)
	}

	page := txaio.ThenOf(login("roy"), func(session string) (*txaio.Future[string], error) {
		return get(session, "/inbox"), nil
	})
	size := txaio.Then(page, func(page string) (int, error) { return len(page), nil })
	size = txaio.Catch(size, func(fail *txaio.Failure) (int, error) { return 0, nil })

	fmt.Println(txaio.Await(context.Background(), size))
	// Output: 26 <nil>
}

func Example_failures() {
	saved := txaio.Go(func(context.Context) (int, error) {
		_, err := fs.ReadFile(fstest.MapFS{}, "no/such/file")
		return 0, err
	})
	txaio.Watch(saved, nil, func(fail *txaio.Failure) {
		fmt.Println(txaio.FailureMessage(fail))
		fmt.Println("no such file:", errors.Is(fail, fs.ErrNotExist))
	})

	_, _ = txaio.Await(context.Background(), saved)
	waitForLoop()
	// Output:
	// fs.PathError: open no/such/file: file does not exist
	// no such file: true
}

func Example_cancelling() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	reply := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) {
		fmt.Println("stop waiting for the reply")
	}))
	reply = txaio.AddTimeout(reply, 5*time.Second)

	txaio.Watch(reply, nil, func(fail *txaio.Failure) { fmt.Println(fail) })
	loop.Advance(5 * time.Second)
	// Output:
	// stop waiting for the reply
	// timed out after 5s
}

func Example_goroutines() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	add := func(_ context.Context, numbers ...int) (sum int, err error) {
		for _, n := range numbers {
			sum += n
		}
		return sum, nil
	}

	sum := txaio.Go(func(ctx context.Context) (int, error) { return add(ctx, 1, 2, 3) })
	txaio.CancelOnDone(ctx, sum)
	n, err := txaio.Await(ctx, sum)

	fmt.Println(n, err)
	// Output: 6 <nil>
}

func Example_loops() {
	ping := txaio.CallLater(time.Hour, func() { fmt.Println("ping") })
	txaio.CallSoon(func() { fmt.Println("cancelled in time:", ping.Cancel()) })

	waitForLoop()
	// Output: cancelled in time: true
}

func Example_batchedTimers() {
	timeouts := txaio.MakeBatchedTimer(100*time.Millisecond, 0, txaio.RoundUp())
	timeout := timeouts.CallLater(5*time.Second, func() { fmt.Println("timed out") })

	fmt.Println("answered in time:", timeout.Cancel())
	// Output: answered in time: true
}

func Example_logging() {
	txaio.SetLogrus(toStdout())
	defer txaio.SetLogrus(nil)

	log := txaio.MakeLogger()
	log.Info("{name} hops {n:>3} times", slog.String("name", "Roy"), slog.Int("n", 3))
	// Output: level=info msg="Roy hops   3 times" log_namespace=github.com/txaio-go/txaio_test.Example_logging n=3 name=Roy
}

// A test looks like TestSleep.
func Example_testing() {
	TestSleep := func(t testing.TB) {
		loop := testutil.UseLoop(t)
		slept := txaio.Sleep(5 * time.Second)
		loop.Advance(10 * time.Second)
		if !txaio.IsCalled(slept) {
			t.Error("still asleep after 10 seconds")
		}
	}

	t := new(exampletest.TB)
	TestSleep(t)
	t.End()
	fmt.Println("failed:", t.Failed())
	// Output: failed: false
}

func Example_shuttingDown() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	work := func() *txaio.Future[int] {
		txaio.CallLater(20*time.Millisecond, func() { fmt.Println("statistics written") })
		return txaio.CreateFutureSuccess(42)
	}

	answer, err := txaio.RunUntil(ctx, loop, work())
	fmt.Println(answer, err)
	fmt.Println("drained:", loop.Drain(ctx))
	// Output:
	// 42 <nil>
	// statistics written
	// drained: <nil>
}

// waitForLoop returns when the current loop has run what was queued.
func waitForLoop() {
	done := make(chan struct{})
	txaio.CallSoon(func() { close(done) })
	<-done
}
