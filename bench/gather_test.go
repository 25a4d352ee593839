package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"github.com/txaio-go/txaio"
)

// BenchmarkGather creates futures, gathers them, resolves each and waits for
// the results. The time is per future, and includes everything.
func BenchmarkGather(b *testing.B) {
	b.Run("floor", floor)
	for _, n := range []int{10, 100, 1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("txaio %d", n), func(b *testing.B) {
			defer runLoop()()
			futures := make([]*txaio.Future[int], n)
			each(b, n, "future", func() { gather(b, futures) })
		})
	}
	const n = 1000
	b.Run("errgroup 1000", func(b *testing.B) {
		results := make([]int, n)
		each(b, n, "future", func() {
			var group errgroup.Group
			for i := range n {
				group.Go(func() (err error) {
					results[i], err = callback(1)
					return err
				})
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("conc ResultPool 1000", func(b *testing.B) {
		each(b, n, "future", func() {
			group := pool.NewWithResults[int]().WithErrors()
			for range n {
				group.Go(func() (int, error) { return 1, nil })
			}
			if _, err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func gather(b *testing.B, futures []*txaio.Future[int]) { gatherInStages(b, futures, nothing) }

// gatherInStages calls passed after it has created the futures, gathered them,
// resolved them, and got the results.
func gatherInStages(b *testing.B, futures []*txaio.Future[int], passed func()) {
	for i := range futures {
		futures[i] = txaio.CreateFuture[int]()
	}
	passed()
	all := txaio.Gather(futures, true)
	passed()
	for _, f := range futures {
		txaio.Resolve(f, 1)
	}
	passed()
	results, err := txaio.Await(context.Background(), all)
	passed()
	if err != nil || len(results) != len(futures) {
		b.Fatalf("%d results of %d, error %v", len(results), len(futures), err)
	}
}
