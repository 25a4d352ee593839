// Command multiloop uses two loops, one after the other, which asyncio's semantics
// allow and Twisted's do not:
//
//	go run -tags future ./examples/multiloop
//	go run -tags deferred ./examples/multiloop
package main

import (
	"fmt"
	"log"
	"time"

	"github.com/txaio-go/txaio"
)

// Counter stands for a library's type that lets its users choose the loop.
type Counter struct {
	name string
	api  *txaio.API
}

// NewCounter returns a counter on loop.
func NewCounter(name string, loop txaio.EventLoop) (*Counter, error) {
	api, err := txaio.WithConfig(txaio.Config{Loop: loop})
	if err != nil {
		return nil, err
	}
	return &Counter{name, api}, nil
}

// Count counts down from n and returns a future that succeeds at the end.
func (c *Counter) Count(n int) *txaio.Future[string] {
	done := txaio.CreateFutureOn[string](c.api)
	var step func()
	step = func() {
		fmt.Println(c.name, n)
		if n--; n == 0 {
			txaio.Resolve(done, c.name)
			return
		}
		c.api.CallLater(time.Millisecond, step)
	}
	c.api.CallLater(0, step)
	return done
}

func main() {
	loops := []*txaio.Loop{txaio.NewLoop(), txaio.NewLoop()}
	for i, loop := range loops {
		counter, err := NewCounter(fmt.Sprint("loop ", i+1), loop)
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := loop.RunUntilComplete(counter.Count(2)); err != nil {
			log.Fatal(err)
		}
	}
}
