package txaio_test

import (
	"context"
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
