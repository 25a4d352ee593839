// Package queue implements the queue of an event loop: any goroutine pushes
// items, and one consumer takes all of them at once.
//
// A queue is a slice behind a mutex. When the consumer takes the slice, it gives
// back the memory of the previous one. So it locks the mutex once for each batch,
// and pushing allocates nothing once the slices have grown. A consumer that finds
// the queue empty rests: it leaves a function that wakes it, and the next push
// calls that function.
//
// Two more rules help only if the functions take nanoseconds. From about 1 µs a
// function on they change nothing, because the functions themselves then cost
// more than passing them on.
//
//   - A producer that finds the mutex locked waits about a microsecond before
//     it tries again. Producers then push in long runs, instead of taking
//     the mutex and its cache line from each other for every push. Without this
//     rule, eight producers paid about twice as much for each push.
//   - A producer yields now and then while the backlog is long, so that the
//     consumer can run. If the queue outgrows the processor's caches, a push
//     costs three to four times as much. The number of yields for each batch is
//     limited, because the consumer itself may be the producer.
//
// The consumer neither yields nor spins before it rests. Waking a blocked
// goroutine takes as long as passing a value through a channel, but a yield takes
// milliseconds while other goroutines compute.
//
// BenchmarkPush compares a push with a channel send.
package queue

import (
	"runtime"
	"sync"
)

// A Queue holds items in the order in which they were pushed. The zero value
// is an empty queue whose consumer does not rest.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []T
	wake   func() // nil unless the consumer rests
	yields int    // how often producers have yielded since the last batch
}

const (
	// If the backlog is longBacklog or more, a producer yields at each multiple
	// of yieldEvery, at most maxYields times for each batch. The next to run can
	// be another producer: with half as many yields, the consumer's turn came too
	// late for 64 producers, and a push took 75 ns instead of 46.
	longBacklog = 1024
	yieldEvery  = 64
	maxYields   = 128

	// A producer waits for backOff rounds of an empty loop, up to tries times,
	// before it blocks on the mutex.
	backOff = 2000
	tries   = 8

	// maxKept is the largest capacity that a resting queue keeps: 256 KiB of
	// interfaces.
	maxKept = 16384
)

// Push appends item, and wakes the consumer if it rests.
func (q *Queue[T]) Push(item T) {
	q.Lock()
	q.Append(item)
	q.Unlock()
}

// Lock locks the queue. Everything done until Unlock happens together, in the
// same order as the items appended.
func (q *Queue[T]) Lock() {
	if !q.mu.TryLock() {
		q.lockContended()
	}
}

// Append appends item. The queue is locked.
func (q *Queue[T]) Append(item T) { q.items = append(q.items, item) }

// Unlock unlocks the queue. If the consumer rests and the queue is not empty,
// Unlock wakes it.
func (q *Queue[T]) Unlock() {
	backlog := len(q.items)
	if q.wake != nil && backlog > 0 {
		wake := q.wake
		q.wake = nil
		q.mu.Unlock()
		wake()
		return
	}
	yield := backlog >= longBacklog && backlog%yieldEvery == 0 && q.yields < maxYields
	if yield {
		q.yields++
	}
	q.mu.Unlock()
	if yield {
		runtime.Gosched()
	}
}

// lockContended locks the mutex that somebody else holds.
func (q *Queue[T]) lockContended() {
	for range tries {
		for range backOff {
		}
		if q.mu.TryLock() {
			return
		}
	}
	q.mu.Lock()
}

// Take returns all items, oldest first, and empties the queue. It also ends
// the consumer's rest. The next items are appended to spent[:0]: the caller
// must not use it any more, and it should hold no references.
func (q *Queue[T]) Take(spent []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	q.items, q.wake, q.yields = spent[:0], nil, 0
	return taken
}

// Rest records that the consumer rests, if the queue is empty. The next
// [Queue.Push] or [Queue.Wake] then calls wake, once, with no lock held. If
// the queue is not empty, Rest returns false and does nothing.
func (q *Queue[T]) Rest(wake func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 {
		return false
	}
	if cap(q.items) > maxKept {
		q.items = nil
	}
	q.wake = wake
	return true
}

// Wake wakes a consumer that rests.
func (q *Queue[T]) Wake() {
	q.mu.Lock()
	wake := q.wake
	q.wake = nil
	q.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// Len returns the number of items.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Keep reports whether a resting consumer should keep a slice with that
// capacity for the next batch.
func Keep(capacity int) bool { return capacity <= maxKept }
