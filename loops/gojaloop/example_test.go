//go:build deferred || future

package gojaloop_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/gojaloop"
)

// A script awaits a future of Go's, and Go awaits the script.
func Example() {
	loop := gojaloop.New()
	defer loop.Close()

	fetch := func(url string) *goja.Object {
		page := txaio.Go(func(context.Context) (map[string]any, error) {
			return map[string]any{"url": url, "links": 3}, nil
		})
		return gojaloop.Promise(loop, page)
	}
	title := gojaloop.Future[string](loop, func(vm *goja.Runtime) (goja.Value, error) {
		vm.Set("fetch", fetch)
		return vm.RunString(`(async () => {
			const page = await fetch("http://example.com/");
			return page.url + " has " + page.links + " links";
		})()`)
	})
	fmt.Println(txaio.Await(context.Background(), title))
	// Output: http://example.com/ has 3 links <nil>
}

// A Go error keeps its identity through JavaScript, and a JavaScript error through Go.
func ExampleError() {
	loop := gojaloop.New()
	defer loop.Close()

	errOffline := errors.New("offline")
	result := gojaloop.Future[int](loop, func(vm *goja.Runtime) (goja.Value, error) {
		vm.Set("connect", func() *goja.Object {
			return gojaloop.Promise(loop, txaio.CreateFutureError[int](errOffline))
		})
		return vm.RunString(`connect()`)
	})
	_, err := txaio.Await(context.Background(), result)
	fmt.Println(errors.Is(err, errOffline))

	result = gojaloop.Future[int](loop, func(vm *goja.Runtime) (goja.Value, error) {
		return vm.RunString(`throw new RangeError("too far")`)
	})
	_, err = txaio.Await(context.Background(), result)
	thrown := (*gojaloop.Error)(nil)
	fmt.Println(errors.As(err, &thrown), err)
	// Output:
	// true
	// true RangeError: too far
}

// A script gives up on a future.
func ExamplePromise() {
	loop := gojaloop.New()
	defer loop.Close()

	answer := gojaloop.Future[string](loop, func(vm *goja.Runtime) (goja.Value, error) {
		vm.Set("slow", func() *goja.Object {
			never := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { fmt.Println("cancelled") }))
			return gojaloop.Promise(loop, never)
		})
		return vm.RunString(`(async () => {
			const answer = slow();
			setTimeout(() => answer.cancel(), 10);
			try {
				return await answer;
			} catch (e) {
				return e.name;
			}
		})()`)
	})
	fmt.Println(txaio.Await(context.Background(), answer))
	// Output:
	// cancelled
	// AbortError <nil>
}

// A promise that may never be settled gets a time limit.
func ExampleFuture() {
	loop := gojaloop.New()
	defer loop.Close()

	never := gojaloop.Future[int](loop, func(vm *goja.Runtime) (goja.Value, error) {
		return vm.RunString(`new Promise(() => {})`)
	})
	_, err := txaio.Await(context.Background(), txaio.AddTimeout(never, 10*time.Millisecond))
	fmt.Println(err)
	// Output: timed out after 10ms
}
