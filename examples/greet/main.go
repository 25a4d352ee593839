// Command greet is the example of the README: one library function that
// behaves in two ways, depending on the build tag.
//
//	go run -tags deferred ./examples/greet
//	go run -tags future ./examples/greet
package main

import (
	"fmt"
	"log"

	"github.com/txaio-go/txaio"
)

// Greet stands for the library. It is the same on both backends.
func Greet(name string) *txaio.Future[string] {
	f := txaio.CreateFuture[string]()
	txaio.AddCallbacks(f, func(greeting string) (string, error) {
		fmt.Println("callback:", greeting)
		return greeting, nil
	}, nil)
	fmt.Println("resolving")
	txaio.Resolve(f, "hello, "+name)
	fmt.Println("resolved")
	return f
}

func main() {
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	greeted := txaio.CreateFuture[string]()
	loop.CallSoon(func() { // on the loop, so that callbacks wait for the next turn
		txaio.Watch(Greet("Roy"), func(greeting string) { txaio.Resolve(greeted, greeting) }, nil)
	})
	if err := loop.RunUntilComplete(greeted); err != nil {
		log.Fatal(err)
	}
}
