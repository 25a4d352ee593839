//go:build future && !deferred

package txaio

import (
	"runtime"
	"sync"
)

// What follows shared. The phase is the lock of a Future: a sync.Mutex beside it
// would make a Future 56 bytes large, for which the allocator takes 64, and not 48.
const (
	held   = shared + 1 + iota // somebody has the fields
	wanted                     // likewise, and somebody waits for them in the parking
)

// lock makes f shared, and takes it.
//
// While f is ready, the lock of its loop guards state, value and more: settling
// needs that lock anyway, to schedule the callbacks.
func (f *Future[T]) lock() {
	for tries := 0; ; tries++ {
		switch p := f.phase.Load(); {
		case p == fresh || p == shared:
			if f.phase.CompareAndSwap(p, held) {
				return
			}
		case p == ready:
			l := f.loop.own
			l.lock()
			took := f.phase.CompareAndSwap(ready, held)
			l.mu.Unlock()
			if took {
				return
			}
		case p == filling || tries < 100:
			runtime.Gosched() // for a few instructions, nearly always
		default: // who has f may be waiting for its loop
			parked.wait(&f.phase)
		}
	}
}

// unlock gives back what lock took.
func (f *Future[T]) unlock() {
	if f.phase.Swap(shared) == wanted {
		parked.wake()
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

// A parking is where goroutines sleep that wait for a future. There is one for
// all futures, as it is rare that somebody waits for long.
type parking struct {
	mu sync.Mutex
	// Locked, for whoever waits to lock it as well; nil where nobody waits. With a
	// channel or a sync.Cond they would be durably blocked, and testing/synctest
	// would take a program for idle that is not.
	gate *sync.Mutex
}

var parked parking

// wait returns when some future is unlocked, or at once where p is held no more.
func (k *parking) wait(p *phase) {
	k.mu.Lock()
	if !p.CompareAndSwap(held, wanted) && p.Load() != wanted {
		k.mu.Unlock()
		return
	}
	if k.gate == nil {
		k.gate = new(sync.Mutex)
		k.gate.Lock()
	}
	gate := k.gate
	k.mu.Unlock()
	gate.Lock()
	defer gate.Unlock()
}

// wake ends all waiting.
func (k *parking) wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gate != nil {
		k.gate.Unlock()
		k.gate = nil
	}
}
