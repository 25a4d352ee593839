//go:build future && !deferred

package txaio

import (
	"runtime"
	"time"
)

// held follows shared: somebody has the fields. So the phase is the lock of a
// Future. A sync.Mutex beside it would make a Future 56 bytes large, for which the
// allocator takes 64, and not 48.
const held = shared + 1

// While a Future is ready, the lock of its loop guards state, value and more:
// settling needs that lock anyway, to schedule the callbacks.

// lock makes f shared, and takes it.
func (f *Future[T]) lock() {
	for tries := 0; ; tries++ {
		switch p := f.phase.Load(); p {
		case fresh, shared:
			if f.phase.CompareAndSwap(p, held) {
				return
			}
		case ready:
			l := f.loop.own
			l.lock()
			took := f.phase.CompareAndSwap(ready, held)
			l.mu.Unlock()
			if took {
				return
			}
		case filling, held:
			backOff(tries)
		}
	}
}

// unlock gives back what lock took.
func (f *Future[T]) unlock() { f.phase.Store(shared) }

// filled ends filling. A loop of another type has no lock to go by, and a zero
// Future has not chosen its loop.
func (f *Future[T]) filled() {
	if f.loop == nil || f.loop.own == nil {
		f.phase.Store(shared)
		return
	}
	f.phase.Store(ready)
}

// backOff lets others run, for somebody to end the few instructions for which a
// future is filling or held. Where that was in vain for long, it sleeps: to
// schedule a task, who holds a future may have to wait for a loop.
func backOff(tries int) {
	if tries < 100 {
		runtime.Gosched()
		return
	}
	time.Sleep(50 * time.Microsecond)
}
