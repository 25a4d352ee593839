//go:build deferred && !future

package txaio

import "runtime"

// What follows ready, where a Deferred succeeds that is not shared. Of the four
// atomic operations of its life, two add the link, one settles it, and one ends
// the run.
const (
	calling = shared + 1 + iota // called; the link is being run
	done                        // called, with a value and without links
)

// lock makes d shared, and takes it.
func (d *Deferred[T]) lock() {
	d.mu.Lock()
	if d.phase.Load() != shared {
		d.share()
	}
}

// unlock gives back what lock took.
func (d *Deferred[T]) unlock() { d.mu.Unlock() }

// share makes d shared. d is held.
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
