//go:build deferred || future

package txaio

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The heap gives the same results as a sorted list.
func TestTimerHeapAgainstModel(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, uint64(time.Now().UnixNano())} {
		random := rand.New(rand.NewPCG(seed, 0))
		var (
			heap  timerHeap
			model []*timer // by time, then by the order in which they were made
			when  = map[*timer]int64{}
		)
		for step := range 20_000 {
			grow := step/2000%2 == 0 // to some size and down again
			switch n := random.IntN(4); {
			case n == 0 && len(model) > 0:
				if got := heap.pop(); got != model[0] {
					t.Fatalf("seed %d, step %d: pop() is for %d, and the earliest for %d", seed, step, when[got], when[model[0]])
				}
				model = model[1:]
			case n == 1 && len(model) > 0, !grow && len(model) > 0:
				i := random.IntN(len(model))
				heap.remove(model[i].slot)
				if model[i].slot != notInHeap {
					t.Fatalf("seed %d, step %d: a timer taken out has slot %d", seed, step, model[i].slot)
				}
				model = slices.Delete(model, i, i+1)
			default:
				made, at := new(timer), random.Int64N(50)
				heap.push(at, made)
				when[made] = at
				i, _ := slices.BinarySearchFunc(model, at+1, func(other *timer, at int64) int { return int(when[other] - at) })
				model = slices.Insert(model, i, made)
			}
			if len(heap.entries) != len(model) {
				t.Fatalf("seed %d, step %d: %d timers, not %d", seed, step, len(heap.entries), len(model))
			}
			next := int64(never)
			if len(model) > 0 {
				next = when[model[0]]
			}
			if heap.next() != next {
				t.Fatalf("seed %d, step %d: next() = %d, not %d", seed, step, heap.next(), next)
			}
		}
		for i, entry := range heap.entries {
			if entry.t.slot != i {
				t.Fatalf("seed %d: the timer at %d believes that it is at %d", seed, i, entry.t.slot)
			}
		}
		for _, want := range model {
			if heap.pop() != want {
				t.Fatalf("seed %d: the timers come out in the wrong order", seed)
			}
		}
	}
}

// The memory of a burst of timers is free again after they were cancelled, in any
// order, or have run.
func TestTimerHeapGivesMemoryBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		count int
		free  func(l *Loop, timers []DelayedCall)
	}{
		{"cancelled", 1_000_000, func(_ *Loop, timers []DelayedCall) {
			for _, timer := range timers {
				timer.Cancel()
			}
		}},
		{"cancelled backwards", 100_000, func(_ *Loop, timers []DelayedCall) {
			for _, timer := range slices.Backward(timers) {
				timer.Cancel()
			}
		}},
		{"due", 100_000, func(l *Loop, _ []DelayedCall) {
			for l.timers.next() != never {
				l.timers.pop()
			}
		}},
	} {
		l := NewLoop()
		timers := make([]DelayedCall, c.count)
		for i := range timers {
			timers[i] = l.CallLater(time.Hour+time.Duration(i%1000)*time.Second, func() {})
		}
		if len(l.timers.entries) != c.count {
			t.Fatalf("%s: %d timers", c.name, len(l.timers.entries))
		}
		c.free(l, timers)
		if left, kept := len(l.timers.entries), cap(l.timers.entries); left != 0 || kept > 128 {
			t.Errorf("%s: the heap has %d timers and room for %d", c.name, left, kept)
		}
	}
}

func TestRestingLoopGivesMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoop()
		l.CallSoon(func() {
			for range 100_000 {
				l.CallSoon(func() {})
			}
		})
		synctest.Wait()
		if kept := cap(l.turn); kept > 50_000 {
			t.Errorf("the loop has room for a turn of %d", kept)
		}
	})
}
