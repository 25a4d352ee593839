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
// function on they hardly matter, because the functions themselves then cost
// more than passing them on.
//
//   - A producer that finds the mutex locked backs off for a microsecond in all
//     before it blocks. Producers then push in long runs, instead of taking the
//     mutex and its cache line from each other for every push. Without this
//     rule, eight producers paid about twice as much for each push.
//   - A producer yields now and then while the backlog is long, so that the
//     consumer can run. If the queue outgrows the processor's caches, a push
//     costs three to four times as much. The number of yields for each batch is
//     limited, because the consumer itself may be the producer.
//   - A consumer that is faster than the producers pauses for 10 µs between long
//     batches, so that the next one is longer. Otherwise it would take the mutex
//     and its cache line from them all the time. What the consumer itself pushes
//     must not wait, so it first looks whether others push. Without this rule, a
//     push by one of eight producers took 16 or 44 ns instead of 14 (-bench
//     Producers in bench/), depending on how far apart the two processors'
//     caches were.
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
// is an empty queue. A push wakes nobody until Take has been given a function
// to call.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []T
	wake   func() // nil unless the consumer rests
	yields int    // how often producers have yielded since the last batch

	// Producers write the fields above at every push. The consumer alone writes
	// the one below, and those that follow in its own struct. On the same cache
	// line, they would slow each other down.
	_      [64]byte
	pauses int // after the next batches, without a look
}

const (
	// From a backlog of longBacklog on, a producer yields at each multiple of
	// yieldEvery, at most maxYields times for each batch. It yields that often
	// because another producer may run next, and not the consumer: with half as
	// many yields, a push by one of 64 producers took 75 ns instead of 46.
	longBacklog = 1024
	yieldEvery  = 64
	maxYields   = 128

	// A producer that finds the mutex locked backs off for firstBackOff rounds of
	// an empty loop, then for twice as many, and so on up to lastBackOff, before
	// it blocks on the mutex. That is 25 to 800 ns at 4 GHz.
	firstBackOff = 100
	lastBackOff  = 3200

	// After a batch of longBatch or more, a consumer that is faster looks for
	// lookRounds rounds whether anything comes, 0.1 µs at 4 GHz. If so, it pauses
	// for pauseRounds, 10 µs, and again after each of the next morePauses batches.
	longBatch   = 16
	lookRounds  = 400
	pauseRounds = 40_000
	morePauses  = 16

	// maxKept is the largest capacity that a resting queue and its consumer keep,
	// each: 256 KiB of interfaces.
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

// lockContended locks the mutex, which somebody else has just held.
func (q *Queue[T]) lockContended() {
	for rounds := firstBackOff; rounds <= lastBackOff; rounds *= 2 {
		spin(rounds)
		if q.mu.TryLock() {
			return
		}
	}
	q.mu.Lock()
}

// Take returns all items, oldest first, and empties the queue. If there are
// none and wake is not nil, the consumer rests: the next [Queue.Push] or
// [Queue.Wake] calls wake, once, with no lock held. Another goroutine may do
// that before Take returns.
//
// spent is the previous batch, whose memory the queue uses again: the caller
// must not use it any more, and must have cleared it.
func (q *Queue[T]) Take(spent []T, wake func()) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	if len(taken) > 0 {
		wake = nil
	}
	if wake != nil {
		spent, taken = trim(spent), trim(taken)
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
// is faster than other goroutines that push, or was so a few batches ago.
func (q *Queue[T]) Pause(batch int) {
	switch {
	case batch < longBatch:
		q.pauses = 0
		return
	case q.pauses > 0:
		q.pauses--
	case q.outruns(batch, func() { spin(lookRounds) }):
		q.pauses = morePauses
	default:
		return
	}
	spin(pauseRounds)
}

// outruns reports whether the consumer is faster than other goroutines that
// push: less than half as much came during the batch, and something comes
// during look. If nothing does, the consumer itself may have pushed what came.
func (q *Queue[T]) outruns(batch int, look func()) bool {
	came := q.Len()
	if came >= batch/2 {
		return false
	}
	look()
	return q.Len() > came
}

// spin runs an empty loop.
func spin(rounds int) {
	for range rounds {
	}
}

// Wake wakes the consumer if it rests.
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
