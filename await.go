//go:build deferred || future

package txaio

// hurry ends the pause of the loop's driver, or the next one. Whoever calls it is
// about to block until the loop has run something.
func (r *loopRef) hurry() {
	if r.own != nil {
		r.own.awaited.Store(true)
	}
}
