//go:build future

package docs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func TestNativePageNamesEachMethod(t *testing.T) { namesEachMethod[*txaio.Future[int]](t, "Future") }

func Example_nativeResult() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	f := txaio.CreateFuture[int]()
	f.AddDoneCallback(func(f *txaio.Future[int]) {
		n, err := f.Result()
		fmt.Println(n, err)
	})
	_ = f.SetResult(42)

	loop.RunUntilIdle()
	// Output: 42 <nil>
}

func Example_nativeException() {
	f := txaio.CreateFuture[int]()
	_, err := f.Exception()
	fmt.Println(err == txaio.ErrNotDone)
	_ = f.SetException(errors.New("it failed"))
	failed, err := f.Exception()
	fmt.Println(failed, err)
	// Output:
	// true
	// it failed <nil>
}

func Example_nativeCancel() {
	f := txaio.CreateFuture[int]()
	fmt.Println(f.Cancel("no longer needed"), f.Cancelled())
	_, err := f.Result()
	fmt.Println(err)
	// Output:
	// true true
	// cancelled: no longer needed
}
