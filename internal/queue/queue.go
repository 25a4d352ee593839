// Package queue implements the queue of an event loop: any goroutine pushes
// items, and one consumer takes all of them at once.
//
// A queue is a slice behind a mutex. When the consumer takes the slice, it gives
// back the memory of the previous one. So it locks the mutex once for each batch,
// and pushing allocates nothing once the slices have grown. A consumer that finds
// the queue empty rests: it leaves a function that wakes it, and the next push
// calls that function.
//
// Three more rules help only if the functions take nanoseconds. From about 1 µs a
// function on they change nothing, because the functions themselves then cost
// more than passing them on.
//
//   - A producer that finds the mutex locked waits for half a microsecond
//     before it blocks. Producers then push in long runs, instead of taking the
//     mutex and its cache line from each other for every push. Without this
//     rule, eight producers paid about twice as much for each push.
//   - A producer yields now and then while the backlog is long, so that the
//     consumer can run. If the queue outgrows the processor's caches, a push
//     costs three to four times as much. The number of yields for each batch is
//     limited, because the consumer itself may be the producer.
//   - A consumer that is faster than the producers pauses for 5 µs, so that the
//     next batch is longer. Otherwise it would take the mutex and its cache line
//     from them all the time. It pauses only after two long batches in a row, so
//     it does not delay what follows a single burst. Without this rule, a push
//     by one of eight producers took 16 or 44 ns instead of 14, depending on how
//     far apart the two processors' caches were.
//
// The consumer never yields, because a yield takes milliseconds while other
// goroutines compute.
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

	// Producers write the fields above, and the consumer those below and in its
	// own struct. On the same cache line, they would slow each other down.
	_      [64]byte
	streak int // long batches in a row
}

const (
	// If the backlog is longBacklog or more, a producer yields at each multiple
	// of yieldEvery, at most maxYields times for each batch. The next to run can
	// be another producer: with half as many yields, the consumer's turn came too
	// late for 64 producers, and a push took 75 ns instead of 46.
	longBacklog = 1024
	yieldEvery  = 64
	maxYields   = 128

	// A producer that finds the mutex locked runs an empty loop for backOff rounds,
	// half a microsecond at 4 GHz, before it blocks on the mutex.
	backOff = 2000

	// A batch of longBatch or more is long. When the consumer pauses, it runs an
	// empty loop for pauseRounds rounds, 5 µs at 4 GHz.
	longBatch   = 16
	pauseRounds = 20_000

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
	for range backOff {
	}
	q.mu.Lock()
}

// Take returns all items, oldest first, and empties the queue. If there are
// none, the consumer rests: the next [Queue.Push] or [Queue.Wake] calls wake,
// once, with no lock held, perhaps before Take returns. If wake is nil, the
// consumer does not rest.
//
// spent is the previous batch. The next items are appended to spent[:0]: the
// caller must not use it any more, and it should hold no references.
func (q *Queue[T]) Take(spent []T, wake func()) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	if len(taken) > 0 {
		wake = nil
	}
	if wake != nil {
		spent, taken, q.streak = trim(spent), trim(taken), 0
	}
	q.items, q.wake, q.yields = spent[:0], wake, 0
	return taken
}

// trim drops the memory of a burst, which a resting consumer should not keep.
func trim[T any](empty []T) []T {
	if cap(empty) > maxKept {
		return nil
	}
	return empty
}

// Pause is called after each batch, with its length. It pauses if the consumer
// is faster than the producers.
func (q *Queue[T]) Pause(batch int) {
	if q.faster(batch) && runtime.GOMAXPROCS(0) > 1 {
		for range pauseRounds {
		}
	}
}

// faster reports whether the consumer is faster than the producers: it has just
// run two long batches in a row, and less than half as much came during the
// last one.
func (q *Queue[T]) faster(batch int) bool {
	if batch < longBatch {
		q.streak = 0
		return false
	}
	q.streak++
	if q.streak == 1 {
		return false
	}
	came := q.Len()
	return came > 0 && came < batch/2
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
