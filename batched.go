package txaio

import (
	"strings"
	"sync"
	"time"
)

// A BatchedTimer is a [DelayedCaller] for many calls whose exact time matters
// little, such as the timeouts of tens of thousands of connections. It rounds
// the time of each call down to a bucket and has one timer in the loop for
// each bucket. See [MakeBatchedTimer].
type BatchedTimer struct {
	loop   func() *loopRef
	length int64 // of a bucket, in nanoseconds
	chunk  int

	mu      sync.Mutex
	on      *loopRef          // the loop that has the timers of buckets
	buckets map[int64]*bucket // by index; those that have not begun
	latest  *bucket           // the one last used: most timers always have the same delay
}

// defaultChunkSize is how many calls of a bucket run at once where nothing
// else was asked for.
const defaultChunkSize = 100

// MakeBatchedTimer returns a timer that rounds the time of each call down to a
// multiple of bucket, counted from the Unix epoch, but not to before now. The
// calls of a bucket run chunkSize at a time (0 stands for 100), and the chunks
// are spread evenly over the length of the bucket, so that the loop has time
// for other things: n calls run bucket / ceil(n / chunkSize) apart.
//
// Where calls panic, the others of the bucket run all the same; after the last
// chunk the loop's exception handler gets one error for all. A call can be
// cancelled until the first chunk of its bucket runs.
//
// It panics with a [*UsageError] where bucket is not positive or chunkSize is
// negative.
func MakeBatchedTimer(bucket time.Duration, chunkSize int) *BatchedTimer {
	mustHaveBackend()
	return newBatchedTimer(currentLoop, bucket, chunkSize)
}

func newBatchedTimer(loop func() *loopRef, bucket time.Duration, chunkSize int) *BatchedTimer {
	if bucket <= 0 {
		panic(usageErrorf("a batched timer needs a bucket longer than 0, and was given %v", bucket))
	}
	if chunkSize < 0 {
		panic(usageErrorf("a batched timer's chunk size cannot be negative, and was given as %d; 0 stands for %d", chunkSize, defaultChunkSize))
	}
	if chunkSize == 0 {
		chunkSize = defaultChunkSize
	}
	return &BatchedTimer{loop: loop, length: int64(bucket), chunk: chunkSize}
}

// CallLater runs fn after delay, rounded as [MakeBatchedTimer] says, on the
// loop that is current now; a negative delay counts as 0.
func (b *BatchedTimer) CallLater(delay time.Duration, fn func()) DelayedCall {
	mustHaveBackend()
	if fn == nil {
		panic(usageErrorf("CallLater needs a function, and was given nil"))
	}
	loop := b.loop()
	now := loop.unixNano()
	at := now + int64(max(delay, 0)) // past the year 2262 it wraps round, and start-now back again

	b.mu.Lock()
	if k := b.latest; k != nil && k.loop == loop && uint64(at-k.index*b.length) < uint64(b.length) {
		call := k.push(fn)
		b.mu.Unlock()
		return call
	}
	defer b.mu.Unlock() // the clock is asked for a timer, and may panic
	b.latest = b.bucket(loop, floorDiv(at, b.length), now)
	return b.latest.push(fn)
}

// bucket returns the bucket of that index, which it makes where there is none.
// b.mu is held.
func (b *BatchedTimer) bucket(loop *loopRef, index, now int64) *bucket {
	if b.on != loop {
		// The buckets of another loop, which may never run again, are no
		// place for a call that is for this one. They stay with that loop.
		b.on, b.buckets = loop, map[int64]*bucket{}
	}
	k := b.buckets[index]
	if k == nil {
		k = &bucket{loop: loop, index: index, timer: b}
		start := index * b.length
		k.delayed = loop.CallLater(time.Duration(max(start-now, 0)), k.run)
		b.buckets[index] = k // run waits for the lock, should it be that soon
	}
	return k
}

// floorDiv is a division that rounds down, also before the epoch.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// A bucket holds the calls that begin to run at one time, in the order in
// which they were made. Until it begins, it is guarded by the timer's lock;
// from then on it belongs to the loop.
type bucket struct {
	// What a call that is added needs comes first, on as few cache lines as
	// possible.
	loop  *loopRef
	index int64         // it begins so many lengths after the Unix epoch
	size  int           // how many calls are still to run
	last  *slab         // where calls are added
	free  []batchedCall // its calls, with those to come as capacity

	first   *slab
	timer   *BatchedTimer
	delayed DelayedCall
	begun   bool // set under the timer's lock

	left   int           // how many calls are still to run in this chunk
	pause  time.Duration // between two chunks
	errors []error       // of the calls that panicked
}

// A slab is a piece of a bucket: calls that were made one after the other, in
// one allocation. A call that was cancelled keeps its place until all of the
// slab were, so that one that was not holds up to 512 bytes; and so does whoever
// keeps one.
type slab struct {
	bucket     *bucket
	prev, next *slab
	calls      []batchedCall // those to come are as if cancelled
	cancelled  int
	run        int // how many have begun or were passed over
}

// The capacity of a bucket's slabs grows from one to the next. The largest is
// the largest object that the runtime allocates without a header.
const (
	firstSlab   = 4
	largestSlab = 32
)

// A batchedCall is a call in a bucket: the DelayedCall that CallLater returns.
type batchedCall struct {
	fn func() // nil once it was cancelled or has begun
	in *slab
}

// Cancel implements [DelayedCall].
func (c *batchedCall) Cancel() bool {
	k := c.in.bucket
	k.timer.mu.Lock()
	if k.begun || c.fn == nil {
		k.timer.mu.Unlock()
		return false
	}
	c.fn = nil
	empty := k.remove(c.in)
	k.timer.mu.Unlock()
	if empty {
		k.delayed.Cancel()
	}
	return true
}

// push adds a call at the end. The timer's lock is held.
func (k *bucket) push(fn func()) *batchedCall {
	if len(k.free) == cap(k.free) {
		k.grow()
	}
	k.free = append(k.free, batchedCall{fn, k.last})
	k.size++
	return &k.free[len(k.free)-1]
}

// grow adds a slab at the end.
func (k *bucket) grow() {
	n := min(max(firstSlab, 2*cap(k.free)), largestSlab)
	s := &slab{bucket: k, prev: k.last, calls: make([]batchedCall, n)}
	if k.last == nil {
		k.first = s
	} else {
		k.last.next = s
	}
	k.last, k.free = s, s.calls[:0]
}

// remove counts a call of s as cancelled, and reports whether the bucket is now
// empty, and has left the timer. The timer's lock is held.
func (k *bucket) remove(s *slab) (empty bool) {
	s.cancelled++
	if s.cancelled == len(s.calls) {
		k.unlink(s)
	}
	k.size--
	if k.size > 0 {
		return false
	}
	k.leave()
	return true
}

func (k *bucket) unlink(s *slab) {
	if s.prev == nil {
		k.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		k.last = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// leave takes the bucket off the timer: a call for the same time makes a new
// one. The timer's lock is held.
func (k *bucket) leave() {
	if k.timer.buckets[k.index] == k {
		delete(k.timer.buckets, k.index)
	}
	if k.timer.latest == k {
		k.timer.latest = nil
	}
}

// run begins the bucket. It is called by the loop.
func (k *bucket) run() {
	k.timer.mu.Lock()
	k.begun = true
	k.leave()
	k.timer.mu.Unlock()
	if k.size == 0 {
		return // the last call was cancelled at this very moment
	}
	chunks := (k.size + k.timer.chunk - 1) / k.timer.chunk
	k.pause = time.Duration(k.timer.length / int64(chunks))
	k.runChunk()
}

func (k *bucket) runChunk() {
	k.left = k.timer.chunk
	k.resume()
}

// resume runs what is left of the chunk, and sees to the next.
func (k *bucket) resume() {
	finished := false
	defer func() {
		if !finished {
			k.loop.CallSoon(k.resume) // a call has called runtime.Goexit: the others run elsewhere
		}
	}()
	for !k.runCalls() {
	}
	finished = true
	if k.size > 0 {
		k.loop.CallLater(k.pause, k.runChunk)
		return
	}
	if len(k.errors) > 0 {
		k.loop.exception(toFailure(&bucketError{k.errors}))
	}
}

// runCalls runs calls up to one that panics. It returns true when none is left
// in the chunk.
func (k *bucket) runCalls() (done bool) {
	defer func() {
		if done {
			return
		}
		if value := recover(); value != nil {
			k.errors = append(k.errors, panicFailure(value))
		}
	}()
	for k.left > 0 && k.size > 0 {
		k.left--
		k.pop()()
	}
	return true
}

// pop takes out the first call that was not cancelled. There is one.
func (k *bucket) pop() (fn func()) {
	for fn == nil {
		s := k.first
		if s.run == len(s.calls) {
			k.unlink(s)
			continue
		}
		c := &s.calls[s.run]
		s.run++
		fn, c.fn = c.fn, nil
	}
	k.size--
	return fn
}

// A bucketError is what the calls of a bucket panicked with.
type bucketError struct{ errors []error }

// Error returns a first line that says what it is, and a line for each error.
func (e *bucketError) Error() string {
	var text strings.Builder
	text.WriteString("Error(s) processing call_later bucket:\n")
	for _, err := range e.errors {
		text.WriteString(errorText(err))
		text.WriteByte('\n')
	}
	return text.String()
}

// Unwrap returns the errors, each a [*Failure].
func (e *bucketError) Unwrap() []error { return e.errors }
