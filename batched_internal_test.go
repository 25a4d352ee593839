package txaio

import (
	"math/rand/v2"
	"testing"
)

// A table of buckets finds the same as a map, in any order of operations, and has
// about as many slots as buckets.
func TestBucketTableAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var table bucketTable
		model := map[int64]*bucket{}
		spread := int64(1 + random.IntN(3000)) // few collisions, or many
		for step := range 6000 {
			start := (random.Int64N(2000) - 1000) * spread
			grows := step/1000%2 == 0 // it grows and shrinks by turns
			k := model[start]
			if got := table.find(start); got != k {
				t.Fatalf("find(%d) = %p, want %p", start, got, k)
			}
			switch {
			case k == nil && grows:
				k = &bucket{start: start}
				table.add(k)
				model[start] = k
			case k != nil && !grows:
				table.remove(k)
				delete(model, start)
				table.remove(k) // once more does nothing
				if k.next != nil {
					t.Fatal("a bucket that was removed keeps others")
				}
			}
			if table.count != len(model) {
				t.Fatalf("count is %d, want %d", table.count, len(model))
			}
			if n := len(table.slots); n < table.count || n > max(8, 4*table.count) {
				t.Fatalf("%d slots for %d buckets", n, table.count)
			}
		}
		for start, k := range model {
			if table.find(start) != k {
				t.Fatalf("%d got lost", start)
			}
		}
		for start, k := range model {
			table.remove(k)
			delete(model, start)
			if n := len(table.slots); n > max(8, 4*table.count) {
				t.Fatalf("%d slots for %d buckets that are left", n, table.count)
			}
		}
	}
}
