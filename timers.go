package txaio

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"
)

// A loop's time line counts the nanoseconds since the loop was made. Times that
// an int64 cannot hold are its smallest and largest values.

// never is later than every timer.
const never = math.MaxInt64

// after returns the time delay after now, but always before never. A negative
// delay counts as 0.
func after(now int64, delay time.Duration) int64 {
	when := now + int64(max(delay, 0))
	if when < now {
		when = never
	}
	return min(when, never-1)
}

// until returns the time from now to when, within the range of an int64.
func until(when, now int64) int64 {
	d := when - now
	switch {
	case when > now && d < 0:
		return math.MaxInt64
	case when < now && d > 0:
		return math.MinInt64
	}
	return d
}

// now returns the time on the loop's time line.
func (l *Loop) now() int64 {
	if l.wall {
		return int64(time.Since(l.epoch)) // reads the monotonic clock alone, which is cheaper
	}
	return min(int64(l.clock.Now().Sub(l.epoch)), never-1) // Sub stops at the limits of a Duration
}

// unixNano implements engine.
func (l *Loop) unixNano() int64 {
	if l.wall {
		return l.epoch.UnixNano() + l.now()
	}
	return l.clock.Now().UnixNano()
}

// CallLater runs fn after delay. A negative delay counts as 0. It panics with
// a [*UsageError] if fn is nil.
func (l *Loop) CallLater(delay time.Duration, fn func()) DelayedCall {
	mustHaveBackend()
	l.mustBeMade()
	if fn == nil {
		panic(usageErrorf("CallLater needs a function, and was given nil"))
	}
	t := &timer{loop: l, fn: fn}
	when := after(l.now(), delay)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timers.push(when, t)
	if l.resting {
		l.setAlarm()
	}
	return t
}

// A timer is a function in a loop's heap of timers, and later in the turn. It
// is the DelayedCall that CallLater returns. The loop's lock guards its
// fields.
type timer struct {
	loop *Loop
	fn   func() // nil once it has run or was cancelled
	slot int    // its index in the heap, notInHeap afterwards
	made uint64 // the number of timers that were made before it
}

const notInHeap = -1

// Cancel implements [DelayedCall].
func (t *timer) Cancel() bool {
	l := t.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.fn == nil {
		return false
	}
	t.fn = nil
	if t.slot != notInHeap {
		l.timers.remove(t.slot)
		if l.resting && len(l.timers.entries) == 0 {
			l.setAlarm()
			if l.draining {
				l.rouse()
			}
		}
	}
	return true
}

// Format prints the same text for every verb, because fmt itself would read
// fields that other goroutines may be changing.
func (t *timer) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("DelayedCall")) }

// run implements task.
func (t *timer) run() {
	if fn := t.begin(); fn != nil {
		fn()
	}
}

// begin returns the function, which can no longer be cancelled, or nil if it
// was.
func (t *timer) begin() (fn func()) {
	t.loop.mu.Lock()
	defer t.loop.mu.Unlock()
	fn, t.fn = t.fn, nil
	return fn
}

// name is for taskName. A cancelled timer has lost its function.
func (t *timer) name() string {
	t.loop.mu.Lock()
	fn := t.fn
	t.loop.mu.Unlock()
	if fn == nil {
		return "cancelled timer"
	}
	return funcName(fn)
}

// An alarm is the one timer that a resting loop sets on its clock, for the
// earliest of the loop's own timers. It may fire early: the loop then finds
// nothing due, and sets it again. So cancelling a timer need not stop the
// alarm, which would be half the cost of setting and cancelling a timeout. On
// a program's own clock it is stopped anyway, because such a clock may count
// its waiters.
//
// An alarm refers to the loop only while the loop has timers, so that a loop
// that nobody uses any more can be collected.
type alarm struct {
	timer clockwork.Timer      // nil until the alarm is first set
	at    atomic.Int64         // when it fires, never if it does not
	loop  atomic.Pointer[Loop] // nil if the loop has no timers
}

// setAlarm makes the alarm fire no later than the earliest timer. l.mu is
// held.
func (l *Loop) setAlarm() {
	when := l.timers.next()
	if when == never {
		l.dropAlarm()
		return
	}
	a := l.alarm
	if a.at.Load() > when && l.wall && inBubble() {
		// A timer that was made in a bubble of testing/synctest must not be used
		// outside it or in another bubble, and bubbles cannot be told apart. So
		// each timer is used once. (In a bubble it is the year 2000, long before
		// the time of any alarm that was set outside.)
		l.clock.AfterFunc(time.Duration(until(when, l.now())), l.queue.Wake)
		return
	}
	if a.loop.Load() == nil {
		a.loop.Store(l) // before reading the time: see fire
	}
	if a.at.Load() > when {
		a.at.Store(when)
		l.arm(when)
	}
}

// dropAlarm records that there are no timers. l.mu is held.
func (l *Loop) dropAlarm() {
	a := l.alarm
	if a.loop.Load() == nil {
		return
	}
	a.loop.Store(nil)
	if !l.wall {
		a.at.Store(never)
		a.timer.Stop()
	}
}

// arm sets the clock's timer. l.mu is held.
func (l *Loop) arm(when int64) {
	now := l.now()
	for range 3 {
		delay := time.Duration(until(when, now))
		if l.alarm.timer == nil {
			l.alarm.timer = l.clock.AfterFunc(delay, l.alarm.fire)
		} else {
			l.alarm.timer.Reset(delay)
		}
		if l.wall {
			return
		}
		// A clock that is moved by hand may have moved since now was read. The
		// alarm would then be late. A clock that moves by itself moves each time,
		// hence the limit.
		later := l.now()
		if later == now {
			return
		}
		now = later
	}
}

// fire runs on a goroutine of the clock. It takes the steps of setAlarm in the
// opposite order. So either setAlarm sees that the alarm is spent, or fire
// sees the loop that relies on it.
func (a *alarm) fire() {
	a.at.Store(never)
	if l := a.loop.Load(); l != nil {
		l.queue.Wake()
	}
}

// inBubble reports whether the running goroutine is in a bubble of
// testing/synctest. In a bubble, times have no monotonic reading.
func inBubble() bool {
	now := time.Now()
	return now == now.Round(0)
}

// timerHeap holds timers by time; timers with equal times are in the order in
// which they were made. Each node has four children, which are one cache line
// of entries, so the heap is half as deep and touches half as many cache lines
// as a binary one. An entry carries its time, so comparing follows pointers
// only if the times are equal.
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

// next returns the time of the earliest timer, or never.
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

// remove removes the timer at i. It shrinks the heap when three quarters of it
// are unused, so that a burst of timers does not keep its memory for ever.
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

// up puts e at i, or further up as long as e is earlier than the parent.
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

// down puts e at i, or further down as long as a child is earlier than e.
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
