package txaio

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// A BatchedTimer is a [DelayedCaller] for many calls whose exact time does not
// matter, such as the timeouts of tens of thousands of connections. It rounds
// the time of each call to the start of a bucket, and sets one timer on the
// loop for each bucket. Make one with [MakeBatchedTimer].
type BatchedTimer struct {
	loop   func() *loopRef
	length int64 // of a bucket, in nanoseconds
	chunk  int
	up     bool

	mu      sync.Mutex
	buckets bucketTable // the buckets with calls that have not begun
	on      *loopRef    // the loop with their timers; nil if there are none
	latest  *bucket     // the last one used: most timers always have the same delay
	spare   *bucket     // an empty one for the next call that needs one
}

// defaultChunkSize is the number of calls that run at once if the caller does
// not choose one.
const defaultChunkSize = 100

// A BatchOption is an option of [MakeBatchedTimer].
type BatchOption func(*BatchedTimer)

// RoundUp makes [MakeBatchedTimer] round the time of each call up to the start
// of the next bucket instead of down. A call whose time is the start of a
// bucket keeps it.
//
// A call then never runs early, as a timeout must not. It runs less than one
// bucket late, or less than two if its bucket has several chunks. With buckets
// of 10 s, a timeout of 5 s fires after 5 to 15 s, or after up to 25 s if it
// is in a late chunk.
func RoundUp() BatchOption { return func(b *BatchedTimer) { b.up = true } }

// MakeBatchedTimer returns a timer that rounds the time of each call down to a
// multiple of bucket, counted from the Unix epoch, but not to a time before
// now. The calls of a bucket run chunkSize at a time; 0 means 100. The chunks
// of n calls are bucket / ceil(n / chunkSize) apart, so that the loop has time
// for other work in between.
//
// Because times are rounded down, a call can run up to one bucket early. With
// buckets of 10 s, a timeout of 5 s that is set in the first half of a bucket
// fires immediately, because its time is in the current bucket. For timeouts,
// use [RoundUp] or much shorter buckets.
//
// If a call panics, the bucket's other calls still run. After the last chunk,
// the loop's exception handler gets one error for all of the panics; it starts
// with the line "Error(s) processing call_later bucket:" and unwraps to each
// of them. A call can be cancelled until the first chunk of its bucket runs.
//
// It panics with a [*UsageError] if bucket is not positive, chunkSize is
// negative or an option is nil. It is make_batched_timer in Python's txaio.
func MakeBatchedTimer(bucket time.Duration, chunkSize int, opts ...BatchOption) *BatchedTimer {
	return newBatchedTimer(currentLoop, bucket, chunkSize, opts)
}

// newBatchedTimer works without a backend too, because packages keep batched
// timers in variables.
func newBatchedTimer(loop func() *loopRef, length time.Duration, chunkSize int, opts []BatchOption) *BatchedTimer {
	if length <= 0 {
		panic(usageErrorf("a batched timer needs a bucket longer than 0, and was given %v", length))
	}
	if chunkSize < 0 {
		panic(usageErrorf("a batched timer's chunk size cannot be negative, and was given as %d; 0 stands for %d", chunkSize, defaultChunkSize))
	}
	if chunkSize == 0 {
		chunkSize = defaultChunkSize
	}
	b := &BatchedTimer{loop: loop, length: int64(length), chunk: chunkSize}
	for _, opt := range opts {
		if opt == nil {
			panic(usageErrorf("MakeBatchedTimer needs options, and was given a nil one"))
		}
		opt(b)
	}
	return b
}

// CallLater runs fn after delay, rounded as described for [MakeBatchedTimer],
// on the loop that is current now. A negative delay counts as 0. It panics
// with a [*UsageError] if fn is nil or if b was not made by MakeBatchedTimer.
func (b *BatchedTimer) CallLater(delay time.Duration, fn func()) DelayedCall {
	mustHaveBackend()
	if b == nil || b.length == 0 {
		panic(usageErrorf("CallLater needs a batched timer that MakeBatchedTimer has made, and was called on a nil or zero one"))
	}
	if fn == nil {
		panic(usageErrorf("CallLater needs a function, and was given nil"))
	}
	loop := b.loop()
	now := loop.unixNano()
	delay = max(delay, 0)

	b.mu.Lock()
	if k := b.latest; k != nil && b.on == loop && b.has(k, now+int64(delay)) {
		call := k.push(fn)
		b.mu.Unlock()
		return call
	}
	defer b.mu.Unlock() // the loop is asked for a timer, and may panic
	b.latest = b.bucket(loop, now, int64(delay))
	return b.latest.push(fn)
}

// String returns "BatchedTimer" and the length of a bucket.
func (b *BatchedTimer) String() string {
	if b == nil {
		return "BatchedTimer nil"
	}
	return fmt.Sprintf("BatchedTimer %v", time.Duration(b.length))
}

// Format prints String for every verb, because fmt itself would read fields
// that other goroutines may be changing.
func (b *BatchedTimer) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(b.String())) }

// has reports whether a call at that time belongs to k.
func (b *BatchedTimer) has(k *bucket, at int64) bool {
	past := at - k.start
	if b.up {
		past = -past
	}
	return uint64(past) < uint64(b.length)
}

// bucket returns the bucket for a call, and makes it if there is none. b.mu is
// held.
func (b *BatchedTimer) bucket(loop *loopRef, now, delay int64) *bucket {
	if b.on != loop {
		b.moveTo(loop)
	}
	start, until := b.round(now, delay)
	k := b.buckets.find(start)
	if k == nil {
		k, b.spare = b.spare, nil
		if k == nil {
			k = &bucket{timer: b}
			k.begin = k.run
		}
		k.start, k.loop = start, loop
		k.delayed = loop.CallLater(time.Duration(max(until, 0)), k.begin)
		b.buckets.add(k) // run waits for the lock
	}
	return k
}

// moveTo makes loop the one that has the buckets' timers. Buckets of another
// loop stay with that loop, which may never run again, so no more calls are
// added to them. One loop may have several references. b.mu is held.
func (b *BatchedTimer) moveTo(loop *loopRef) {
	if b.on != nil && !sameLoop(b.on.EventLoop, loop.EventLoop) {
		b.buckets, b.latest = bucketTable{}, nil
	}
	b.on = loop
}

// round returns the start of a call's bucket, and the time from now until
// then. With RoundUp, that time is at least delay; otherwise it may be
// negative.
//
// Times are nanoseconds since the Unix epoch, which wrap around in the years
// 1677 and 2262. The difference of two times is right even then, but their
// order is not, so until is computed from differences alone.
func (b *BatchedTimer) round(now, delay int64) (start, until int64) {
	past := (now + delay) % b.length
	if past < 0 {
		past += b.length // before the epoch
	}
	until = delay - past
	if b.up && past > 0 {
		until += b.length
		if until < 0 {
			until = math.MaxInt64 // the start is more than 292 years away
		}
	}
	return now + until, until
}

// drop removes k from the timer, so that a call for the same time makes a new
// bucket. b.mu is held.
func (b *BatchedTimer) drop(k *bucket) {
	b.buckets.remove(k)
	if b.buckets.count == 0 {
		b.on = nil
	}
	if b.latest == k {
		b.latest = nil
	}
}

// A bucket holds the calls that start to run at one time, in the order in
// which they were made. The timer's lock guards it until it begins; from then
// on it belongs to the loop.
type bucket struct {
	// The fields that adding a call needs come first, on as few cache lines as
	// possible.
	start int64         // in nanoseconds since the Unix epoch, which may have wrapped round
	size  int           // how many calls are still to run
	last  *slab         // the one that calls are added to
	free  []batchedCall // its calls; the capacity is for more

	next    *bucket // in the table
	first   *slab
	timer   *BatchedTimer
	loop    *loopRef
	delayed DelayedCall // the loop's timer, which calls begin
	begin   func()      // run, bound once
	begun   bool        // set under the timer's lock

	left   int           // how many calls are still to run in this chunk
	pause  time.Duration // between two chunks
	errors []error       // of the calls that panicked
}

// A slab is a part of a bucket: consecutive calls in one allocation. It is
// freed when all of its calls have run or were cancelled, so one call that is
// outstanding, or that somebody keeps, can hold 512 bytes.
type slab struct {
	bucket     *bucket
	prev, next *slab
	calls      []batchedCall // those not made yet look cancelled
	cancelled  int
	run        int // the number that have begun or were skipped
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
	b := k.timer
	b.mu.Lock()
	if k.begun || c.fn == nil {
		b.mu.Unlock()
		return false
	}
	c.fn = nil
	k.remove(c.in)
	empty := k.size == 0
	if empty {
		b.drop(k)
	}
	b.mu.Unlock()
	if empty && k.delayed.Cancel() {
		// Nobody refers to k now. Its timer is not kept, because a loop with a timer
		// is not finished: for Drain, for a test that waits, and for the garbage
		// collector.
		k.loop, k.delayed = nil, nil
		b.mu.Lock()
		b.spare = k
		b.mu.Unlock()
	}
	return true
}

// Format is [timer.Format].
func (c *batchedCall) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("DelayedCall")) }

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

// remove counts a call of s as cancelled. The timer's lock is held.
func (k *bucket) remove(s *slab) {
	k.size--
	s.cancelled++
	if s.cancelled == len(s.calls) {
		k.unlink(s)
	}
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

// run begins the bucket. It is called by the loop.
func (k *bucket) run() {
	b := k.timer
	b.mu.Lock()
	k.begun = true
	b.drop(k)
	b.mu.Unlock()
	if k.size == 0 {
		return // the last call has just been cancelled
	}
	chunks := (k.size-1)/b.chunk + 1
	k.pause = time.Duration(b.length / int64(chunks))
	k.runChunk()
}

// runChunk runs the next chunk.
func (k *bucket) runChunk() {
	k.left = k.timer.chunk
	k.resume()
}

// resume runs the rest of the chunk, and schedules the next one.
func (k *bucket) resume() {
	finished := false
	defer func() {
		if !finished {
			k.loop.CallSoon(k.resume) // a call called runtime.Goexit: the others run on another goroutine
		}
	}()
	for done := false; !done; {
		var fail *Failure
		if done, fail = k.runCalls(); fail != nil {
			k.errors = append(k.errors, fail)
		}
	}
	finished = true
	if k.size > 0 {
		k.loop.CallLater(k.pause, k.runChunk)
		return
	}
	if len(k.errors) > 0 {
		k.loop.HandleFailure(toFailure(&bucketError{k.errors}))
	}
}

// runCalls runs calls until the chunk is done, or until one panics: it then
// returns the failure.
func (k *bucket) runCalls() (done bool, fail *Failure) {
	defer func() {
		if !done {
			fail = panicFailure(recover()) // which nobody gets if it was runtime.Goexit
		}
	}()
	for k.left > 0 && k.size > 0 {
		k.left--
		k.pop()()
	}
	return true, nil
}

// pop removes the first call that was not cancelled. The bucket has one.
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

// A bucketError holds the panics of a bucket's calls.
type bucketError struct{ errors []error }

// Error returns a heading, and a line for each error.
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

// A bucketTable holds a batched timer's buckets by their start. It is a hash
// table with chaining. A map would be simpler, but too slow: with a million
// calls outstanding, CallLater for random buckets took 0.28 to 0.43 of the
// time of time.AfterFunc with this table and 0.35 to 0.51 with a map, and its
// bar is 0.5. CallLater and Cancel in changing buckets took 1.2 times as long
// with a map.
type bucketTable struct {
	slots []*bucket // each the first of a list; a power of two of them, one to four for a bucket
	count int
}

// slot returns the head of the list for that start.
func (t *bucketTable) slot(start int64) **bucket {
	hash := uint64(start) * 0x9e3779b97f4a7c15 >> 32 // Fibonacci hashing: the upper bits are spread
	return &t.slots[hash&uint64(len(t.slots)-1)]
}

// find returns the bucket with that start, or nil.
func (t *bucketTable) find(start int64) *bucket {
	if t.count == 0 {
		return nil
	}
	k := *t.slot(start)
	for k != nil && k.start != start {
		k = k.next
	}
	return k
}

func (t *bucketTable) add(k *bucket) {
	if t.count == len(t.slots) {
		t.resize(max(8, 2*t.count))
	}
	t.link(k)
	t.count++
}

func (t *bucketTable) link(k *bucket) {
	first := t.slot(k.start)
	k.next, *first = *first, k
}

// remove removes k if it is in the table.
func (t *bucketTable) remove(k *bucket) {
	if t.count == 0 {
		return
	}
	for at := t.slot(k.start); *at != nil; at = &(*at).next {
		if *at == k {
			*at, k.next = k.next, nil
			t.count--
			if len(t.slots) > 8 && t.count < len(t.slots)/4 {
				t.resize(len(t.slots) / 2)
			}
			return
		}
	}
}

func (t *bucketTable) resize(n int) {
	old := t.slots
	t.slots = make([]*bucket, n)
	for _, k := range old {
		for k != nil {
			next := k.next
			t.link(k)
			k = next
		}
	}
}
