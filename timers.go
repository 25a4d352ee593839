package txaio

import "math"

// never is later than every timer.
const never = math.MaxInt64

// A timer is a function in a loop's heap of timers, then in its ready queue:
// the DelayedCall that CallLater returns. Its fields are guarded by the loop's
// lock.
type timer struct {
	loop *Loop
	fn   func() // nil once it has run or was cancelled
	slot int    // where it is in the heap, notInHeap afterwards
	made uint64 // how many were made before it
}

const notInHeap = -1

// Cancel implements [DelayedCall].
func (t *timer) Cancel() bool {
	l := t.loop
	l.lock()
	defer l.mu.Unlock()
	if t.fn == nil {
		return false
	}
	t.fn = nil
	if t.slot != notInHeap {
		l.timers.remove(t.slot)
		l.alarm.keep(l)
	}
	return true
}

// run implements task.
func (t *timer) run() {
	t.loop.mu.Lock()
	fn := t.fn
	t.fn = nil
	t.loop.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// timerHeap holds timers by time, and by the order in which they were made
// where the times are equal. It has four children to a node: a heap half as
// deep touches half as many cache lines, since four entries are as large as one.
// Each entry carries its time, so that comparing follows pointers only where
// times are equal.
type timerHeap struct {
	entries []timerEntry
	made    uint64
}

type timerEntry struct {
	when int64 // on the loop's time line, see Loop.now
	t    *timer
}

func (e *timerEntry) before(other *timerEntry) bool {
	return e.when < other.when || e.when == other.when && e.t.made < other.t.made
}

// next returns the time of the earliest timer, never where there is none.
func (h *timerHeap) next() int64 {
	if len(h.entries) == 0 {
		return never
	}
	return h.entries[0].when
}

func (h *timerHeap) push(when int64, t *timer) {
	t.made = h.made
	h.made++
	h.entries = append(h.entries, timerEntry{})
	h.up(len(h.entries)-1, timerEntry{when, t})
}

// pop removes the earliest timer and returns it.
func (h *timerHeap) pop() *timer {
	t := h.entries[0].t
	h.remove(0)
	return t
}

// remove removes the timer at i. It gives back memory when three quarters of
// it are unused, so that a burst of timers does not occupy it for ever.
func (h *timerHeap) remove(i int) {
	h.entries[i].t.slot = notInHeap
	last := len(h.entries) - 1
	moved := h.entries[last]
	h.entries[last] = timerEntry{}
	h.entries = h.entries[:last]
	if i != last {
		if i > 0 && moved.before(&h.entries[(i-1)/4]) {
			h.up(i, moved)
		} else {
			h.down(i, moved)
		}
	}
	if n := cap(h.entries); n > 64 && last < n/4 {
		h.entries = append(make([]timerEntry, 0, n/2), h.entries...)
	}
}

// up puts e at i or, as long as it is earlier than the parent, further up.
func (h *timerHeap) up(i int, e timerEntry) {
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h.entries[parent]) {
			break
		}
		h.set(i, h.entries[parent])
		i = parent
	}
	h.set(i, e)
}

// down puts e at i or, as long as a child is earlier, further down.
func (h *timerHeap) down(i int, e timerEntry) {
	for {
		first := 4*i + 1
		if first >= len(h.entries) {
			break
		}
		least, end := first, min(first+4, len(h.entries))
		for child := first + 1; child < end; child++ {
			if h.entries[child].before(&h.entries[least]) {
				least = child
			}
		}
		if !h.entries[least].before(&e) {
			break
		}
		h.set(i, h.entries[least])
		i = least
	}
	h.set(i, e)
}

func (h *timerHeap) set(i int, e timerEntry) {
	h.entries[i] = e
	e.t.slot = i
}
