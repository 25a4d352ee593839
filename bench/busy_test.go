package bench

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txaio-go/txaio"
)

// BenchmarkBusy gives bursts of 200 functions to a loop, each after the previous
// burst has run. Meanwhile goroutines compute: one more than there are processors.
// It must run for seconds, because each of them keeps its processor for 10 ms.
func BenchmarkBusy(b *testing.B) {
	burst := func(b *testing.B, callSoon func(func())) {
		var (
			stop atomic.Bool
			busy sync.WaitGroup
		)
		for range runtime.GOMAXPROCS(0) + 1 {
			busy.Go(func() {
				for !stop.Load() {
				}
			})
		}
		for b.Loop() {
			for range 200 {
				callSoon(nothing)
			}
			ran := make(chan struct{})
			callSoon(func() { close(ran) })
			<-ran
		}
		stop.Store(true)
		busy.Wait()
	}
	b.Run("txaio", func(b *testing.B) {
		loop := txaio.NewLoop()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go loop.Run(ctx)
		burst(b, loop.CallSoon)
	})
	b.Run("chan func loop", func(b *testing.B) {
		loop := newChanLoop(1024)
		defer loop.close()
		burst(b, loop.callSoon)
	})
}
