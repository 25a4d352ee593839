//go:build deferred && !future

package txaio

import (
	"runtime"
	"sync/atomic"
)

// A phase is how far the life of a Deferred has come, as long as that is the
// life of nearly every Deferred: one link is added, the Deferred succeeds, the
// link runs. Each step is one atomic operation, or two, on the phase, which
// costs half of what a lock does around each. Whatever else happens to a
// Deferred, or happens at the same time, makes it shared: from then on its
// lock guards its fields, and they say how far it has come.
type phase struct{ atomic.Uint32 }

const (
	fresh   uint32 = iota // pending, without links
	filling               // pending; somebody writes the first link
	ready                 // pending, with one link
	calling               // called; the link is being run
	done                  // called, with a value and without links
	shared                // what the fields say
)

// lock takes d.mu, and makes d shared.
func (d *Deferred[T]) lock() {
	d.mu.Lock()
	if d.phase.Load() != shared {
		d.share()
	}
}

// share makes d shared. d.mu is held.
func (d *Deferred[T]) share() {
	for {
		p := d.phase.Load()
		if p == filling {
			runtime.Gosched() // for the few instructions that that takes
			continue
		}
		if !d.phase.CompareAndSwap(p, shared) {
			continue
		}
		d.called = p >= calling
		if p == calling {
			d.runner = alone
		}
		return
	}
}

// A runner is who calls a callback of a shared Deferred.
type runner uint8

const (
	nobody runner = iota
	// counted is a run that chains counts.
	counted
	// uncounted is one that began before the first use of Chain.
	uncounted
	// alone is one that began before the Deferred was shared. Until it ends,
	// the first link and the result are its own. It is not counted either.
	alone
)
