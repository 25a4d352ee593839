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

// A producer creates a future, hands it out, and settles it later.
func ExampleCreateFuture() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	lookup := func(host string) *txaio.Future[string] {
		address := txaio.CreateFuture[string]()
		txaio.CallLater(time.Second, func() { _ = txaio.Resolve(address, host+" is 192.0.2.1") })
		return address
	}
	address := lookup("example.com")
	fmt.Println(address)
	loop.Advance(time.Second)
	fmt.Println(address)
	fmt.Println(txaio.Await(context.Background(), address))
	// Output:
	// Future[string] pending
	// Future[string] succeeded
	// example.com is 192.0.2.1 <nil>
}

func ExampleCreateFutureSuccess() {
	cached := txaio.CreateFutureSuccess("from the cache")
	fmt.Println(txaio.Await(context.Background(), cached))
	// Output: from the cache <nil>
}

func ExampleCreateFutureError() {
	refused := txaio.CreateFutureError[string](errors.New("not connected"))
	_, err := txaio.Await(context.Background(), refused)
	fmt.Println(err)
	// Output: not connected
}

// A server can be asked to stop. With a canceller, a reply that comes too late is
// refused on both backends.
func ExampleWithCanceller() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	reply := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) {
		fmt.Println("CANCEL 7")
	}))
	txaio.Cancel(reply)
	loop.RunUntilIdle()

	err := txaio.Resolve(reply, "too late")
	fmt.Println(errors.Is(err, txaio.ErrAlreadyCalled))
	_, err = txaio.Await(context.Background(), reply)
	fmt.Println(errors.Is(err, txaio.ErrCancelled))
	// Output:
	// CANCEL 7
	// true
	// true
}

func ExampleResolve() {
	answer := txaio.CreateFuture[int]()
	fmt.Println(txaio.Resolve(answer, 42))
	err := txaio.Resolve(answer, 43)
	fmt.Println(errors.Is(err, txaio.ErrAlreadyCalled))
	fmt.Println(txaio.Await(context.Background(), answer))
	// Output:
	// <nil>
	// true
	// 42 <nil>
}

func ExampleReject() {
	answer := txaio.CreateFuture[int]()
	fmt.Println(txaio.Reject(answer, fs.ErrNotExist))
	_, err := txaio.Await(context.Background(), answer)
	fmt.Println(err, errors.Is(err, fs.ErrNotExist))
	// Output:
	// <nil>
	// file does not exist true
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

// Watch looks at a future's outcome and passes it on.
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

func ExampleIsCalled() {
	answer := txaio.CreateFuture[int]()
	fmt.Println(txaio.IsCalled(answer))
	_ = txaio.Resolve(answer, 42)
	fmt.Println(txaio.IsCalled(answer))
	// Output:
	// false
	// true
}

func ExampleIsFuture() {
	fmt.Println(txaio.IsFuture(txaio.CreateFutureSuccess(42)), txaio.IsFuture(42))
	// Output: true false
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

// AsFutureOf is for a function that may return a future or fail before it has one.
func ExampleAsFutureOf() {
	open := func(path string) (*txaio.Future[string], error) {
		if path == "" {
			return nil, errors.New("no path")
		}
		return txaio.CreateFutureSuccess("the text of " + path), nil
	}
	for _, path := range []string{"notes", ""} {
		f := txaio.AsFutureOf(func() (*txaio.Future[string], error) { return open(path) })
		text, err := txaio.Await(context.Background(), f)
		fmt.Printf("%q %v\n", text, err)
	}
	// Output:
	// "the text of notes" <nil>
	// "" no path
}

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
