package txaio

import (
	"math/rand/v2"
	"testing"
)

// A wheel finds what a map would, whatever the order, and has about as many
// slots as buckets.
func TestWheelAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var w wheel
		model := map[int64]*bucket{}
		spread := int64(1 + random.IntN(3000)) // few collisions, or many
		for step := range 6000 {
			index := (random.Int64N(2000) - 1000) * spread
			grows := step/1000%2 == 0 // in turn with shrinking
			k := model[index]
			if got := w.find(index); got != k {
				t.Fatalf("find(%d) = %p, want %p", index, got, k)
			}
			switch {
			case k == nil && grows:
				k = &bucket{index: index}
				w.add(k)
				model[index] = k
			case k != nil && !grows:
				w.remove(k)
				delete(model, index)
				w.remove(k) // once more does nothing
				if k.next != nil {
					t.Fatal("a bucket that was removed keeps others")
				}
			}
			if w.count != len(model) {
				t.Fatalf("count is %d, want %d", w.count, len(model))
			}
			if n := len(w.slots); n < w.count || n > max(8, 4*w.count) {
				t.Fatalf("%d slots for %d buckets", n, w.count)
			}
		}
		for index, k := range model {
			if w.find(index) != k {
				t.Fatalf("%d got lost", index)
			}
		}
		for index, k := range model {
			w.remove(k)
			delete(model, index)
			if n := len(w.slots); n > max(8, 4*w.count) {
				t.Fatalf("%d slots for %d buckets that are left", n, w.count)
			}
		}
	}
}
