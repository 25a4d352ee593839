//go:build future && !deferred

package txaio

import "runtime"

// While a Future is ready, the lock of its loop guards state, value and more:
// settling needs that lock anyway, to schedule the callbacks.

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
