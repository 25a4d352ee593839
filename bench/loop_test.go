package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/eventloop"

	"github.com/txaio-go/txaio"
)

// BenchmarkCallSoon hands a function to a loop that runs on another goroutine.
func BenchmarkCallSoon(b *testing.B) {
	for _, buffer := range []int{0, 1024} {
		b.Run(chanLoopName(buffer), func(b *testing.B) {
			defer allocs(b)()
			loop := newChanLoop(buffer)
			for b.Loop() {
				loop.callSoon(nothing)
			}
			loop.close()
		})
	}
	b.Run("txaio", func(b *testing.B) {
		defer allocs(b)()
		defer runLoop()()
		loop := txaio.CurrentLoop()
		for b.Loop() {
			loop.CallSoon(nothing)
		}
	})
	b.Run("goja_nodejs RunOnLoop", func(b *testing.B) {
		defer allocs(b)()
		loop := eventloop.NewEventLoop()
		loop.Start()
		for b.Loop() {
			loop.RunOnLoop(func(*goja.Runtime) {})
		}
		flushGoja(loop)
	})
}

// BenchmarkProducers hands functions to a loop from several goroutines at once.
func BenchmarkProducers(b *testing.B) {
	for _, producers := range []int{1, 2, 4, 8, 16, 32, 64} {
		b.Run(fmt.Sprintf("txaio %d", producers), func(b *testing.B) {
			loop := txaio.NewLoop()
			ctx, cancel := context.WithCancel(context.Background())
			go loop.Run(ctx)
			defer cancel()
			produce(b, producers, loop.CallSoon)
			ran := make(chan struct{})
			loop.CallSoon(func() { close(ran) })
			<-ran
		})
	}
	for _, producers := range []int{1, 2, 4, 8, 16, 32, 64} {
		b.Run(fmt.Sprintf("chan func loop %d", producers), func(b *testing.B) {
			loop := newChanLoop(1024)
			produce(b, producers, loop.callSoon)
			loop.close()
		})
	}
}

// produce calls callSoon b.N times, from several goroutines.
func produce(b *testing.B, producers int, callSoon func(func())) {
	var wait sync.WaitGroup
	for i := range producers {
		wait.Go(func() {
			for range b.N/producers + max(0, min(1, b.N%producers-i)) {
				callSoon(nothing)
			}
		})
	}
	wait.Wait()
}
