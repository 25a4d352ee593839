//go:build deferred

package bench

import (
	"testing"

	"github.com/txaio-go/txaio"
)

// BenchmarkSettleAfterChain is BenchmarkSettle in a program that has used Chain,
// where runs of callbacks are counted. In a process with other benchmarks it comes
// last, for that cannot be undone.
func BenchmarkSettleAfterChain(b *testing.B) {
	b.Run("txaio", func(b *testing.B) {
		new(txaio.Deferred[int]).Chain(func(int) (*txaio.Deferred[int], error) { return nil, nil })
		defer allocs(b)()
		for range b.N {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, callback, nil)
			txaio.Resolve(f, 1)
		}
	})
}
