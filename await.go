//go:build deferred || future

package txaio

// hurry ends the pause of the loop's driver before its next turn. Whoever calls it
// is about to block until the loop has run something.
func (r *loopRef) hurry() {
	if r.own != nil {
		r.own.awaited.Store(true)
	}
}
