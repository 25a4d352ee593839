// Package queue has the queue of an event loop: any goroutine pushes, one
// consumer takes all there is.
//
// It is a slice behind a mutex. The consumer takes the whole slice at once and
// gives back the memory of the one before, so the mutex is taken once for each
// batch and pushing allocates nothing once the slices have grown. A consumer
// that finds nothing rests: it leaves a function that wakes it, and the next
// push calls that.
//
// Two rules go beyond that, and each is there for functions that take
// nanoseconds. From about 1 µs a function on they change nothing, as the
// functions themselves then cost more than handing them over.
//
//   - A producer that finds the mutex locked backs off for about half a
//     microsecond before it tries again. Producers then push in long runs
//     instead of taking the mutex, and its cache line, from one another for
//     each push. Without it, eight producers paid about twice as much a push.
//   - A producer yields now and then while the backlog is long, so that the
//     consumer can run. A queue that outgrows the processor's caches, and that
//     the collector has to move, cost three to four times as much a push. The
//     number of yields has a limit, for the consumer may be the producer.
//
// The consumer neither yields nor spins. It rests at once, because waking a
// goroutine that blocks takes as long as a channel needs, and a yield takes
// milliseconds if other goroutines compute.
//
// BenchmarkPush prints what a push costs, beside a channel's.
package queue

import (
	"runtime"
	"sync"
)

// A Queue holds items in the order in which they were pushed. The zero value
// is empty, with a consumer that does not rest.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []T
	wake   func() // nil unless the consumer rests
	yields int    // how often producers have yielded since the last batch
}

const (
	// longBacklog is the length from which on a producer yields at each
	// multiple of yieldEvery, up to maxYields times a batch.
	longBacklog = 1024
	yieldEvery  = 128
	maxYields   = 64

	// backOff is how many rounds of an empty loop a producer waits, and tries
	// is how often, before it blocks on the mutex.
	backOff = 1000
	tries   = 16

	// maxKept is the capacity that a resting queue keeps: 64 KiB of interfaces.
	maxKept = 4096
)

// Push appends item, and wakes the consumer if it rests.
func (q *Queue[T]) Push(item T) {
	q.Lock()
	q.Append(item)
	q.Unlock()
}

// Lock locks the queue. What is done until Unlock is done together, in the same
// order as what is appended.
func (q *Queue[T]) Lock() {
	if !q.mu.TryLock() {
		q.lockContended()
	}
}

// Append appends item. The queue is locked.
func (q *Queue[T]) Append(item T) { q.items = append(q.items, item) }

// Unlock takes back Lock, and wakes the consumer if it rests and there is
// something in the queue.
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

// lockContended locks the mutex that somebody else has.
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

// Take returns all items, oldest first, and empties the queue; it also ends the
// consumer's rest. The next items are appended to spent[:0], which the caller must
// not use any more; spent should hold no references.
func (q *Queue[T]) Take(spent []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	q.items, q.wake, q.yields = spent[:0], nil, 0
	return taken
}

// Rest notes that the consumer stops for now, if the queue is empty. The next
// call of [Queue.Push] or [Queue.Wake] calls wake, once, and not while it holds
// a lock. If the queue is not empty, Rest returns false and does nothing.
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

// Keep reports whether a consumer that rests should keep a slice of that
// capacity for the next batch.
func Keep(capacity int) bool { return capacity <= maxKept }
