//go:build future && !deferred

package txaio

import (
	"runtime"
	"sync/atomic"
)

// A phase is how far the life of a Future has come, as long as that is the
// life of nearly every Future: one pair of callbacks is added, or one
// gathering, and it succeeds. That takes one lock, the loop's, which scheduling
// the callbacks takes anyway. Whatever else happens to a Future, or happens at
// the same time, makes it shared: from then on its own lock guards its fields.
type phase struct{ atomic.Uint32 }

const (
	fresh   uint32 = iota // pending, without callbacks
	filling               // pending; somebody writes the first callbacks
	ready                 // with the first callbacks; the loop's lock guards state, value and more
	shared                // f.mu guards everything
)

// lock takes f.mu, and makes f shared.
func (f *Future[T]) lock() {
	f.mu.Lock()
	if f.phase.Load() != shared {
		f.share()
	}
}

// filled ends filling. A loop of another type has no lock to go by, and a zero
// Future has not chosen its loop.
func (f *Future[T]) filled() {
	if f.loop == nil || f.loop.own == nil {
		f.phase.Store(shared)
		return
	}
	f.phase.Store(ready)
}

// share makes f shared. f.mu is held.
func (f *Future[T]) share() {
	for {
		switch f.phase.Load() {
		case fresh:
			if f.phase.CompareAndSwap(fresh, shared) {
				return
			}
		case filling:
			runtime.Gosched() // for the few instructions that that takes
		case ready:
			l := f.loop.own
			l.lock()
			f.phase.Store(shared)
			l.mu.Unlock()
			return
		case shared: // by filled
			return
		}
	}
}

// settleReady settles f where it is ready, and schedules its callbacks.
func (f *Future[T]) settleReady(value T) (settled bool) {
	if f.phase.Load() != ready {
		return false
	}
	l := f.loop.own
	if !l.mu.TryLock() { // lock, in place
		l.lockBusy()
	}
	if f.phase.Load() != ready || f.state != pending {
		l.mu.Unlock()
		return false
	}
	f.state, f.value = finished, value
	if f.more == nil {
		l.enqueue((*firstPair[T])(f))
		return true
	}
	member := f.more.member
	f.more = nil // it is one of many that Gather allocated together
	l.enqueue(member)
	return true
}
