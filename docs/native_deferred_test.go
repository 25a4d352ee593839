//go:build deferred

package docs_test

import (
	"fmt"
	"testing"

	"github.com/txaio-go/txaio"
)

func TestNativePageNamesEachMethod(t *testing.T) {
	namesEachMethod[*txaio.Deferred[int]](t, "Deferred")
}

func Example_nativeCallbacks() {
	d := new(txaio.Deferred[int])
	d.AddCallback(func(n int) (int, error) { return n + 1, nil })
	d.AddCallback(func(n int) (int, error) { return 0, fmt.Errorf("%d is too much", n) })
	d.AddErrback(func(fail *txaio.Failure) (int, error) {
		fmt.Println(fail)
		return 10, nil
	})
	d.AddBoth(func(n int, fail *txaio.Failure) (int, error) {
		fmt.Println(n, fail == nil)
		return n, fail
	})
	_ = d.Callback(41)

	d.AddCallback(func(n int) (int, error) {
		fmt.Println("it is still", n)
		return n, nil
	})
	// Output:
	// 42 is too much
	// 10 true
	// it is still 10
}

func Example_nativeChain() {
	inner := new(txaio.Deferred[string])
	outer := new(txaio.Deferred[string])
	outer.Chain(func(string) (*txaio.Deferred[string], error) { return inner, nil })
	outer.AddCallback(func(text string) (string, error) {
		fmt.Println("the outer one got", text)
		return text, nil
	})
	_ = outer.Callback("nothing yet")
	_ = inner.Callback("the inner one's value")
	// Output: the outer one got the inner one's value
}

func Example_nativePause() {
	d := new(txaio.Deferred[string])
	d.AddCallback(func(text string) (string, error) {
		fmt.Println(text)
		return text, nil
	})
	d.Pause()
	_ = d.Callback("the callback has run")
	fmt.Println("it is paused")
	d.Unpause()
	// Output:
	// it is paused
	// the callback has run
}
