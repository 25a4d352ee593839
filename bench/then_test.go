package bench

import (
	"context"
	"testing"

	"github.com/txaio-go/txaio"
)

// BenchmarkThen compares Then with a second future made by hand. It creates both
// futures and resolves the first, and a callback of the second runs.
func BenchmarkThen(b *testing.B) {
	run := func(name string, then func(f *txaio.Future[int]) *txaio.Future[int]) {
		b.Run(name, func(b *testing.B) {
			defer allocs(b)()
			stop := runLoop()
			for range b.N {
				f := txaio.CreateFuture[int]()
				txaio.AddCallbacks(then(f), callback, nil)
				txaio.Resolve(f, 1)
			}
			stop()
		})
	}
	run("txaio", func(f *txaio.Future[int]) *txaio.Future[int] { return txaio.Then(f, callback) })
	run("by hand", func(f *txaio.Future[int]) *txaio.Future[int] {
		second := txaio.CreateFuture[int]()
		txaio.Watch(f, func(v int) {
			result, err := callback(v)
			if err != nil {
				txaio.Reject(second, err)
				return
			}
			txaio.Resolve(second, result)
		}, func(fail *txaio.Failure) { txaio.Reject(second, fail) })
		return second
	})
}

// BenchmarkGo runs a function on a goroutine of its own, and a callback gets its
// result on the loop. It compares this with a goroutine that sends its result to a
// loop on a channel.
func BenchmarkGo(b *testing.B) {
	b.Run("txaio", func(b *testing.B) {
		defer allocs(b)()
		stop, limit := runLoop(), newLimit()
		end := func(v int) (int, error) { limit.end(); return callback(v) } //txaiovet:ignore it gives back what begin took, and does not wait
		for range b.N {
			limit.begin()
			f := txaio.Go(func(context.Context) (int, error) { return 1, nil })
			txaio.AddCallbacks(f, end, nil)
		}
		limit.wait()
		stop()
	})
	b.Run("go and a channel", func(b *testing.B) {
		defer allocs(b)()
		limit := newLimit()
		results := make(chan int)
		go func() {
			for v := range results {
				_, _ = callback(v)
				limit.end()
			}
		}()
		for range b.N {
			limit.begin()
			go func() { results <- 1 }()
		}
		limit.wait()
		close(results)
	})
}

// A limit limits how many goroutines there are at a time.
type limit chan struct{}

func newLimit() limit { return make(limit, 64) }

func (l limit) begin() { l <- struct{}{} }
func (l limit) end()   { <-l }

// wait waits until all have ended.
func (l limit) wait() {
	for range cap(l) {
		l <- struct{}{}
	}
}
