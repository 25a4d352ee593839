package txaio

import "time"

// In a browser and in Node.js the page's events, its timers and its painting wait
// until no goroutine can run. A loop whose functions renew themselves can always
// run, so it pauses now and then: see [Loop].

// pageSlice is how long a loop runs before it pauses: half the time between two
// frames.
const pageSlice = 8 * time.Millisecond

// A pageShare is what a goroutine that drives a loop knows of its pauses.
type pageShare struct{ since time.Time }

// giveTurn is called between two turns of the loop.
func (p *pageShare) giveTurn() {
	switch now := time.Now(); {
	case p.since.IsZero():
		p.since = now
	case now.Sub(p.since) > pageSlice && !inBubble(): // whose clock a pause would move
		time.Sleep(time.Millisecond) // nothing can run, so the page does
		p.since = time.Now()
	}
}
