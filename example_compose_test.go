package txaio_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func ExampleThen() {
	text := txaio.CreateFutureSuccess("42")
	n := txaio.Then(text, strconv.Atoi)
	fmt.Println(txaio.Await(context.Background(), n))
	// Output: 42 <nil>
}

func ExampleThenOf() {
	login := txaio.CreateFutureSuccess("roy")
	inbox := txaio.ThenOf(login, func(user string) (*txaio.Future[int], error) {
		return txaio.Go(func(context.Context) (int, error) { return len(user), nil }), nil
	})
	fmt.Println(txaio.Await(context.Background(), inbox))
	// Output: 3 <nil>
}

func ExampleCatch() {
	missing := txaio.CreateFutureError[string](fs.ErrNotExist)
	text := txaio.Catch(missing, func(fail *txaio.Failure) (string, error) {
		if errors.Is(fail, fs.ErrNotExist) {
			return "the default", nil
		}
		return "", fail
	})
	fmt.Println(txaio.Await(context.Background(), text))
	// Output: the default <nil>
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

func ExampleGatherAny() {
	name, age := txaio.CreateFutureSuccess("Roy"), txaio.CreateFutureSuccess(7)
	both := txaio.GatherAny([]txaio.AnyFuture{name, age}, true)
	results, err := txaio.Await(context.Background(), both)
	fmt.Println(results[0].Value, results[1].Value, err)
	// Output: Roy 7 <nil>
}

func ExampleGo() {
	sum := txaio.Go(func(ctx context.Context) ([32]byte, error) {
		return sha256.Sum256([]byte("a long file")), ctx.Err()
	})
	digest, err := txaio.Await(context.Background(), sum)
	fmt.Printf("%x %v\n", digest[:4], err)
	// Output: 3db4b4cb <nil>
}

// Cancelling the future ends the context of the function.
func ExampleGo_cancelling() {
	stopped := make(chan error)
	f := txaio.Go(func(ctx context.Context) (int, error) {
		<-ctx.Done()
		stopped <- ctx.Err()
		return 0, ctx.Err()
	})
	txaio.Cancel(f)
	fmt.Println(<-stopped)
	_, err := txaio.Await(context.Background(), f)
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// context canceled
	// true
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
