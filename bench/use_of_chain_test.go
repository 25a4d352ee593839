//go:build deferred

package bench

import (
	"testing"

	"github.com/txaio-go/txaio"
)

// BenchmarkSettleAfterChain is BenchmarkSettle in a program that has used Chain,
// which should make no difference.
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
