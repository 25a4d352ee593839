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
	ready                 // with the first callbacks; the loop's lock guards state and value
	shared                // f.mu guards everything
)

// lock takes f.mu, and makes f shared.
func (f *Future[T]) lock() {
	f.mu.Lock()
	if f.phase.Load() != shared {
		f.share()
	}
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
			if l := f.ownLoop(); l != nil {
				l.lock()
				defer l.mu.Unlock()
			}
			f.phase.Store(shared)
			return
		}
	}
}

// ownLoop returns the loop whose lock guards f while f is ready. It returns nil
// where the loop is of another type, or a zero Future has not yet chosen one;
// then f is shared before it is settled.
func (f *Future[T]) ownLoop() *Loop {
	if f.loop == nil {
		return nil
	}
	return f.loop.own
}

// settleReady settles f where it is ready, and schedules its callbacks.
func (f *Future[T]) settleReady(value T) (settled bool) {
	if f.phase.Load() != ready {
		return false
	}
	l := f.ownLoop()
	if l == nil {
		return false
	}
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
