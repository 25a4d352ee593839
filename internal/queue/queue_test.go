package queue

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOrder(t *testing.T) {
	var q Queue[int]
	for i := range 10 {
		q.Push(i)
	}
	if q.Len() != 10 {
		t.Errorf("Len() = %d, want 10", q.Len())
	}
	first := q.Take(nil, nil)
	q.Push(10)
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(first, want) {
		t.Errorf("Take() = %v, want %v", first, want)
	}
	if second := q.Take(first, nil); !slices.Equal(second, []int{10}) {
		t.Errorf("Take() = %v, want [10]", second)
	}
	if q.Len() != 0 || len(q.Take(nil, nil)) != 0 {
		t.Error("Take left something")
	}
}

// A resting consumer is woken once, by a push or by Wake.
func TestRest(t *testing.T) {
	woken := 0
	wake := func() { woken++ }
	for _, c := range []struct {
		name string
		do   func(q *Queue[int])
		want int
	}{
		{"nothing", func(*Queue[int]) {}, 0},
		{"Push", func(q *Queue[int]) { q.Push(1) }, 1},
		{"Push twice", func(q *Queue[int]) { q.Push(1); q.Push(2) }, 1},
		{"Wake", func(q *Queue[int]) { q.Wake() }, 1},
		{"Wake, then Push", func(q *Queue[int]) { q.Wake(); q.Push(1) }, 1},
		{"Take without wake, then Push", func(q *Queue[int]) { q.Take(nil, nil); q.Push(1) }, 0},
		{"Lock and Unlock", func(q *Queue[int]) { q.Lock(); defer q.Unlock() }, 0},
		{"Append", func(q *Queue[int]) { q.Lock(); q.Append(1); q.Append(2); q.Unlock() }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			woken = 0
			var q Queue[int]
			q.Take(nil, wake)
			c.do(&q)
			if woken != c.want {
				t.Errorf("woken %d times, want %d", woken, c.want)
			}
		})
	}
	var q Queue[int]
	q.Push(1)
	q.Take(nil, wake)
	woken = 0
	if q.Push(1); woken != 0 {
		t.Error("a consumer rests that has items")
	}
}

// wake may push, because no lock is held.
func TestWakeMayPush(t *testing.T) {
	var q Queue[int]
	q.Take(nil, func() { q.Push(2) })
	q.Push(1)
	if got := q.Take(nil, nil); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("Take() = %v, want [1 2]", got)
	}
}

// Producers yield while the backlog is long, but not for ever if nobody takes it.
func TestLongBacklogYields(t *testing.T) {
	var q Queue[int]
	for range longBacklog - 1 {
		q.Push(1)
	}
	if q.yields != 0 {
		t.Errorf("%d yields at a backlog of %d", q.yields, q.Len())
	}
	q.Push(1)
	if q.yields != 1 {
		t.Errorf("%d yields at a backlog of %d, want 1", q.yields, q.Len())
	}
	for range 2 * maxYields * yieldEvery {
		q.Push(1)
	}
	if q.yields != maxYields {
		t.Errorf("%d yields, want %d", q.yields, maxYields)
	}
	q.Take(nil, nil)
	if q.yields != 0 {
		t.Errorf("%d yields after a batch", q.yields)
	}
}

func TestOutruns(t *testing.T) {
	for _, c := range []struct {
		name              string
		batch, came, more int
		want              bool
	}{
		{"nothing came, and something comes", 100, 0, 1, true},
		{"something came, and more comes", 100, 49, 1, true},
		{"something came, and no more comes", 100, 49, 0, false},
		{"half came", 100, 50, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q Queue[int]
			push := func(n int) {
				for range n {
					q.Push(1)
				}
			}
			push(c.came)
			if got := q.outruns(c.batch, func() { push(c.more) }); got != c.want {
				t.Errorf("outruns() = %v, want %v", got, c.want)
			}
		})
	}
}

// The consumer pauses after long batches while others push, and some more times.
func TestPause(t *testing.T) {
	var q Queue[int]
	q.Pause(longBatch)
	if q.pauses != 0 {
		t.Errorf("%d pauses are left, and nobody pushes", q.pauses)
	}
	q.pauses = 2
	q.Pause(longBatch)
	if q.pauses != 1 {
		t.Errorf("%d pauses are left, want 1", q.pauses)
	}
	q.Pause(longBatch - 1)
	if q.pauses != 0 {
		t.Errorf("%d pauses are left after a short batch", q.pauses)
	}

	if runtime.GOMAXPROCS(0) == 1 {
		return // nobody can push while the consumer looks
	}
	var (
		stop atomic.Bool
		wait sync.WaitGroup
	)
	wait.Go(func() {
		for !stop.Load() {
			q.Push(1)
		}
	})
	for end := time.Now().Add(10 * time.Second); q.pauses == 0 && time.Now().Before(end); {
		q.Take(nil, nil)
		q.Pause(100_000)
	}
	stop.Store(true)
	wait.Wait()
	if q.pauses != morePauses {
		t.Errorf("%d more pauses, and another goroutine pushes; want %d", q.pauses, morePauses)
	}
}

func TestRestingQueueGivesMemoryBack(t *testing.T) {
	var q Queue[int]
	burst := func() []int {
		for range 2 * maxKept {
			q.Push(1)
		}
		return q.Take(nil, nil)
	}
	spent := burst()
	q.items = make([]int, 0, 2*maxKept)
	if left := q.Take(spent, func() {}); cap(left) > maxKept || cap(q.items) > maxKept {
		t.Errorf("a resting queue has room for %d and %d items", cap(left), cap(q.items))
	}
}

// A consumer on a goroutine of its own, which sleeps while it rests.
type consumer[T any] struct {
	Queue[T]
	token   chan struct{}
	stopped atomic.Bool
	done    chan struct{}
}

func consume[T any](take func(T)) *consumer[T] {
	c := &consumer[T]{token: make(chan struct{}, 1), done: make(chan struct{})}
	wake := func() { c.token <- struct{}{} }
	go func() {
		defer close(c.done)
		var batch []T
		for {
			c.Pause(len(batch))
			batch = c.Take(batch, wake)
			if len(batch) == 0 {
				if c.stopped.Load() {
					return
				}
				<-c.token
			}
			for _, item := range batch {
				take(item)
			}
			clear(batch)
		}
	}()
	return c
}

// stop returns when everything has been taken.
func (c *consumer[T]) stop() {
	c.stopped.Store(true)
	c.Wake()
	<-c.done
}

// Nothing is lost, nothing comes twice, and each producer's items stay in
// order.
func TestProducers(t *testing.T) {
	const producers, items = 8, 20_000
	type item struct{ producer, number int }
	var next [producers]int
	c := consume(func(i item) {
		if next[i.producer] != i.number {
			t.Errorf("producer %d: got %d, want %d", i.producer, i.number, next[i.producer])
		}
		next[i.producer] = i.number + 1
	})
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() {
			for n := range items {
				c.Push(item{p, n})
			}
		})
	}
	wait.Wait()
	c.stop()
	for p, n := range next {
		if n != items {
			t.Errorf("producer %d: %d items came", p, n)
		}
	}
}

// BenchmarkPush pushes functions that do nothing, or that take a microsecond,
// beside a channel with room for 1,024.
func BenchmarkPush(b *testing.B) {
	work := func(rounds int) func() {
		return func() {
			for range rounds {
			}
		}
	}
	for _, fn := range []struct {
		name string
		run  func()
	}{{"empty", work(0)}, {"microsecond", work(2500)}} {
		for _, producers := range []int{1, 8, 64} {
			produce := func(b *testing.B, push func(func())) {
				var wait sync.WaitGroup
				for p := range producers {
					wait.Go(func() {
						for range b.N/producers + max(0, min(1, b.N%producers-p)) {
							push(fn.run)
						}
					})
				}
				wait.Wait()
			}
			b.Run(fmt.Sprintf("%s/%d/queue", fn.name, producers), func(b *testing.B) {
				c := consume(func(fn func()) { fn() })
				produce(b, c.Push)
				c.stop()
			})
			b.Run(fmt.Sprintf("%s/%d/channel", fn.name, producers), func(b *testing.B) {
				functions, done := make(chan func(), 1024), make(chan struct{})
				go func() {
					defer close(done)
					for fn := range functions {
						fn()
					}
				}()
				produce(b, func(fn func()) { functions <- fn })
				close(functions)
				<-done
			})
		}
	}
}
