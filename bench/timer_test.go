package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// outstanding are the numbers of other timers that are pending.
var outstanding = []int{0, 1_000_000}

// delay spreads timers over an hour, all later than the timeouts that the
// benchmarks cancel.
func delay(i int) time.Duration {
	return time.Minute + time.Duration(i*2_654_435_761%3_600_000)*time.Millisecond
}

// BenchmarkTimerCancel sets a timer and cancels it, such as a timeout of a minute
// for an answer that comes. Other timers are spread over an hour.
func BenchmarkTimerCancel(b *testing.B) {
	for _, n := range outstanding {
		b.Run(fmt.Sprintf("time.AfterFunc, %d outstanding", n), func(b *testing.B) {
			timers := make([]*time.Timer, n)
			for i := range timers {
				timers[i] = time.AfterFunc(delay(i), nothing)
			}
			defer settle(b)()
			for b.Loop() {
				time.AfterFunc(time.Minute, nothing).Stop()
			}
			for _, t := range timers {
				t.Stop()
			}
		})
		b.Run(fmt.Sprintf("txaio CallLater, %d outstanding", n), func(b *testing.B) {
			loop := txaio.NewLoop()
			fill(loop, n)
			defer settle(b)()
			for b.Loop() {
				loop.CallLater(time.Minute, nothing).Cancel()
			}
			runtime.KeepAlive(loop)
		})
		b.Run(fmt.Sprintf("txaio batched, %d outstanding", n), func(b *testing.B) {
			restore := txaio.SetLoop(txaio.NewLoop())
			defer txaio.SetLoop(restore)
			timer := txaio.MakeBatchedTimer(time.Second, 0)
			fill(timer, n)
			defer settle(b)()
			for b.Loop() {
				timer.CallLater(time.Minute, nothing).Cancel()
			}
			runtime.KeepAlive(timer)
		})
	}
}

// BenchmarkBatchedCancel sets a batched timer and cancels it, with others in
// the buckets.
func BenchmarkBatchedCancel(b *testing.B) {
	b.Run("txaio", func(b *testing.B) {
		restore := txaio.SetLoop(txaio.NewLoop())
		defer txaio.SetLoop(restore)
		timer := txaio.MakeBatchedTimer(time.Second, 0)
		spread := func(i int) time.Duration { return time.Duration(3600+i%3600) * time.Second }
		for i := range 10_000 {
			timer.CallLater(spread(i), nothing)
		}
		defer settle(b)()
		for i := 0; b.Loop(); i++ {
			timer.CallLater(spread(i), nothing).Cancel()
		}
		runtime.KeepAlive(timer)
	})
}

// BenchmarkTimerSet sets timers that stay, so that many are outstanding.
func BenchmarkTimerSet(b *testing.B) {
	b.Run("time.AfterFunc", func(b *testing.B) {
		defer allocs(b)()
		var timers []*time.Timer
		for i := 0; b.Loop(); i++ {
			timers = append(timers, time.AfterFunc(delay(i), nothing))
		}
		b.StopTimer()
		for _, t := range timers {
			t.Stop()
		}
	})
	b.Run("txaio CallLater", func(b *testing.B) {
		defer allocs(b)()
		loop := txaio.NewLoop()
		var calls []txaio.DelayedCall
		for i := 0; b.Loop(); i++ {
			calls = append(calls, loop.CallLater(delay(i), nothing))
		}
		b.StopTimer()
		cancelAll(calls)
	})
	b.Run("txaio batched", func(b *testing.B) {
		defer allocs(b)()
		restore := txaio.SetLoop(txaio.NewLoop())
		defer txaio.SetLoop(restore)
		timer := txaio.MakeBatchedTimer(time.Second, 0)
		var calls []txaio.DelayedCall
		for i := 0; b.Loop(); i++ {
			calls = append(calls, timer.CallLater(delay(i), nothing))
		}
		b.StopTimer()
		cancelAll(calls)
	})
}

// BenchmarkTimerSetAmong sets timers while a million others are outstanding. All
// are spread over an hour. It cancels the new ones, and does not time that.
func BenchmarkTimerSetAmong(b *testing.B) {
	const others, n = 1_000_000, 10_000
	among := func(name string, set func(int) any) {
		b.Run(name, func(b *testing.B) {
			keep := make([]any, others)
			for i := range keep {
				keep[i] = set(i)
			}
			timers := make([]any, n)
			each(b, n, "timer", func() {
				b.StopTimer()
				stopAll(timers)
				b.StartTimer()
				for i := range timers {
					timers[i] = set(7 * i)
				}
			})
			stopAll(timers)
			stopAll(keep)
		})
	}
	loop := txaio.NewLoop()
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	among("time.AfterFunc", func(i int) any { return time.AfterFunc(delay(i), nothing) })
	among("txaio CallLater", func(i int) any { return loop.CallLater(delay(i), nothing) })
	among("txaio batched", func(i int) any { return timer.CallLater(delay(i), nothing) })
}

// BenchmarkTimerMemory reports the bytes that a timer occupies, with as many
// outstanding as the name says.
func BenchmarkTimerMemory(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		memory(b, fmt.Sprintf("time.AfterFunc %d", n), n, func() func(int) any {
			return func(i int) any { return time.AfterFunc(delay(i), nothing) }
		})
		memory(b, fmt.Sprintf("txaio CallLater %d", n), n, func() func(int) any {
			loop := txaio.NewLoop()
			return func(i int) any { return loop.CallLater(delay(i), nothing) }
		})
		memory(b, fmt.Sprintf("txaio batched %d", n), n, func() func(int) any {
			timer := txaio.MakeBatchedTimer(time.Second, 0)
			return func(i int) any { return timer.CallLater(delay(i), nothing) }
		})
	}
}

// memory calls set n times, and reports the time, the allocations and the bytes
// per timer. The bytes do not include the program's reference to the timer.
func memory(b *testing.B, name string, n int, start func() (set func(int) any)) {
	b.Run(name, func(b *testing.B) {
		keep := make([]any, n)
		fill := func() {
			set := start()
			for i := range keep {
				keep[i] = set(i)
			}
		}
		before := heap()
		fill()
		bytes := float64(heap()-before) / float64(n)
		each(b, n, "timer", func() {
			b.StopTimer()
			stopAll(keep)
			b.StartTimer()
			fill()
		})
		stopAll(keep)
		b.ReportMetric(bytes, "B/timer")
	})
}

// stopAll cancels timers, and drops them.
func stopAll(timers []any) {
	for _, timer := range timers {
		switch t := timer.(type) {
		case *time.Timer:
			t.Stop()
		case txaio.DelayedCall:
			t.Cancel()
		}
	}
	clear(timers)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func fill(caller txaio.DelayedCaller, n int) {
	for i := range n {
		caller.CallLater(delay(i), nothing)
	}
}

func cancelAll(calls []txaio.DelayedCall) {
	for _, call := range calls {
		call.Cancel()
	}
}

// settle starts measuring after the garbage of the preparations is collected.
func settle(b *testing.B) (report func()) {
	runtime.GC()
	return allocs(b)
}
