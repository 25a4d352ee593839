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

// BenchmarkCallSoon gives a function to a loop that runs on another goroutine.
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

// BenchmarkRoundTrip gives a function to a loop that has nothing else to do, and
// waits for its answer. This is the latency that a user sees.
func BenchmarkRoundTrip(b *testing.B) {
	roundTrip := func(b *testing.B, callSoon func(func())) {
		defer allocs(b)()
		answer := make(chan int)
		fn := func() { answer <- 1 }
		for b.Loop() {
			callSoon(fn)
			<-answer
		}
	}
	b.Run("chan func loop", func(b *testing.B) {
		loop := newChanLoop(0)
		defer loop.close()
		roundTrip(b, loop.callSoon)
	})
	// Await is compared with this: it has a future for each answer, as this has a
	// channel for each.
	b.Run("chan func loop, a channel for each answer", func(b *testing.B) {
		defer allocs(b)()
		loop := newChanLoop(0)
		defer loop.close()
		for b.Loop() {
			answer := make(chan int, 1)
			loop.callSoon(func() { answer <- 1 })
			<-answer
		}
	})
	b.Run("txaio idle", func(b *testing.B) { roundTrip(b, txaio.NewLoop().CallSoon) })
	b.Run("txaio driven", func(b *testing.B) {
		defer runLoop()()
		roundTrip(b, txaio.CurrentLoop().CallSoon)
	})
	b.Run("txaio Await", func(b *testing.B) {
		defer allocs(b)()
		loop := txaio.NewLoop()
		defer txaio.SetLoop(txaio.SetLoop(loop))
		for b.Loop() {
			f := txaio.CreateFuture[int]()
			loop.CallSoon(func() { txaio.Resolve(f, 1) })
			if _, err := txaio.Await(b.Context(), f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("goja_nodejs RunOnLoop", func(b *testing.B) {
		loop := eventloop.NewEventLoop()
		loop.Start()
		defer loop.Stop()
		roundTrip(b, func(fn func()) { loop.RunOnLoop(func(*goja.Runtime) { fn() }) })
	})
}

// BenchmarkProducers gives functions to a loop from several goroutines at once.
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
