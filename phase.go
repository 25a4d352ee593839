//go:build deferred || future

package txaio

import "sync/atomic"

// A phase is how far the life of a future has come, as long as that is the life
// of nearly every future: one callback is added, and it succeeds. Each step is
// one atomic operation on the phase, or two, where the future's own lock would
// take two for each. Whatever else happens to a future, or happens at the same
// time, makes it shared; its lock method sees to that.
type phase struct{ atomic.Uint32 }

const (
	fresh   uint32 = iota // pending, without callbacks
	filling               // pending; somebody adds the first callback
	ready                 // with the first callback
	shared                // its lock guards its fields, and they say how far it has come
)

// claim begins filling, and reports whether it could. What the caller then adds
// is there for others when it ends that.
func (p *phase) claim() bool { return p.CompareAndSwap(fresh, filling) }
