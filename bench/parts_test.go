package bench

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// BenchmarkParts measures the operations that BenchmarkSettle, BenchmarkCallSoon
// and the benchmarks of timers consist of. It helps to explain their times on a
// machine.
func BenchmarkParts(b *testing.B) {
	b.Run("allocation", func(b *testing.B) {
		for b.Loop() {
			sink = new(sameSize)
		}
	})
	b.Run("atomic operation", func(b *testing.B) {
		var word atomic.Uint32
		for b.Loop() {
			word.Add(1)
		}
	})
	b.Run("lock and unlock", func(b *testing.B) {
		var mu sync.Mutex
		for b.Loop() {
			mu.Lock()
			mu.Unlock()
		}
	})
	b.Run("clock", func(b *testing.B) {
		start := time.Now()
		for b.Loop() {
			time.Since(start)
		}
	})
	defer runLoop()()
	loop := txaio.CurrentLoop()
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			sink = txaio.CreateFuture[int]()
		}
	})
	b.Run("create, add", func(b *testing.B) {
		for b.Loop() {
			txaio.AddCallbacks(txaio.CreateFuture[int](), callback, nil)
		}
	})
	b.Run("create, add, resolve", func(b *testing.B) {
		for b.Loop() {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, callback, nil)
			txaio.Resolve(f, 1)
		}
	})
	b.Run("CallSoon", func(b *testing.B) {
		for b.Loop() {
			loop.CallSoon(nothing)
		}
	})
	b.Run("gather", func(b *testing.B) {
		futures := make([]*txaio.Future[int], 1000)
		stages := []string{"create", "gather", "resolve", "await"}
		took := make([]time.Duration, len(stages))
		for b.Loop() {
			stage, start := 0, time.Now()
			gatherInStages(b, futures, func() {
				now := time.Now()
				took[stage] += now.Sub(start)
				stage, start = stage+1, now
			})
		}
		for i, stage := range stages {
			b.ReportMetric(float64(took[i].Nanoseconds())/float64(b.N*len(futures)), stage+"-ns/future")
		}
	})
}
