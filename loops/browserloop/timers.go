//go:build js && wasm

package browserloop

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"syscall/js"
	"time"

	"github.com/txaio-go/txaio"
)

// CallLater runs fn after delay, in the order in which timers are due; a negative
// delay counts as 0.
func (l *EventLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	if fn == nil {
		panic("browserloop: CallLater needs a function, and was given nil")
	}
	t := &timer{loop: l, fn: fn, when: l.now() + int64(max(delay, 0))}
	if t.when < 0 { // beyond what an int64 holds
		t.when = math.MaxInt64
	}
	if err := l.add(t); err != nil {
		l.HandleFailure(txaio.CreateFailure(err))
	}
	return t
}

func (l *EventLoop) add(t *timer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing.IsZero() {
		t.fn = nil
		return fmt.Errorf("%w, and a function given to CallLater won't run", ErrPageGone)
	}
	l.made++
	t.made = l.made
	heap.Push(&l.timers, t)
	if !l.running && !l.posted { // otherwise it is set when the turn ends
		l.setAlarm()
	}
	return nil
}

// setAlarm sets the page's timer for the earliest timer of the loop. The page's timer
// may be early, because a timer was cancelled: then it begins a turn that finds
// nothing, and is set again. l.mu is held.
func (l *EventLoop) setAlarm() {
	if len(l.timers) == 0 || !l.closing.IsZero() {
		return
	}
	first := l.timers[0].when
	wait := first - l.now()
	switch {
	case wait <= 0:
		l.wake()
	case first < l.alarmAt:
		if l.alarmAt != math.MaxInt64 {
			js.Global().Call("clearTimeout", l.alarm)
		}
		milliseconds := min((wait-1)/int64(time.Millisecond)+1, maxTimeout) // rounded up
		l.alarm = js.Global().Call("setTimeout", l.ring, milliseconds)
		l.alarmAt = first
	}
}

// A timer is a function in a loop's heap, then in its queue. The loop's lock
// guards it.
type timer struct {
	loop *EventLoop
	fn   func() // nil once it has run or was cancelled
	when int64  // on the loop's time line
	made int
	slot int // in the heap, notInHeap after that
}

const notInHeap = -1

// Cancel implements txaio.DelayedCall.
func (t *timer) Cancel() bool {
	t.loop.mu.Lock()
	defer t.loop.mu.Unlock()
	if t.fn == nil {
		return false
	}
	t.fn = nil
	if t.slot != notInHeap {
		heap.Remove(&t.loop.timers, t.slot)
	}
	return true
}

func (t *timer) run() {
	if fn := t.begin(); fn != nil {
		fn()
	}
}

// begin returns the function, which can't be cancelled from now on.
func (t *timer) begin() (fn func()) {
	t.loop.mu.Lock()
	defer t.loop.mu.Unlock()
	fn, t.fn = t.fn, nil
	return fn
}

// timers is a heap. Timers that are due earlier come first, and of the same time those
// that were made earlier.
type timers []*timer

func (h timers) Len() int { return len(h) }

func (h timers) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].when, h[j].when), cmp.Compare(h[i].made, h[j].made)) < 0
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}

func (h *timers) Push(t any) {
	t.(*timer).slot = len(*h)
	*h = append(*h, t.(*timer))
}

func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.slot = notInHeap
	return t
}
