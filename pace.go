package txaio

import (
	"runtime"
	"time"
)

// A loop's driver and the goroutines that queue tasks for it, its producers,
// meet at one lock, which is held for a few nanoseconds at a time. What makes
// it expensive is to meet there often: whoever waits loses much more time than
// that, and the lock's cache line goes back and forth. So the driver takes many
// tasks at a time, and of producers that meet, all but one let it go on alone
// for a while.

const (
	// longBacklog is how many tasks may be queued before whoever queues the next
	// lets others run. Where there are fewer processors than goroutines, a queue
	// that outgrows the caches makes its tasks several times as expensive.
	longBacklog = 2048

	// shortPause and longPause are what a driver that is fed pauses before a
	// turn: a few microseconds. Of a long one more comes than worthWaiting,
	// or it does not pause again; of one that brings plenty, the next is short.
	shortPause, longPause = 32, 64 // times to let others run
	worthWaiting          = 32
	plenty                = 256

	// tooLong is how long it may take to let others run, and how long a producer
	// stays away. Whoever computes keeps the processor for the scheduler's
	// 10 ms; where somebody does, nobody is let run for crowdedFor.
	tooLong    = 8 * time.Millisecond
	crowdedFor = 200 * time.Millisecond
)

// lock takes l.mu for a producer.
func (l *Loop) lock() {
	if !l.mu.TryLock() {
		l.lockBusy()
	}
}

// lockBusy is lock where somebody else has l.mu. It stays away until the next
// turn has begun, which is read from another cache line than the lock's, or for
// some microseconds. Mutex.Lock, which comes last, would put the goroutine to
// sleep for whoever unlocks to wake it, or have the processor spin for hundreds
// of nanoseconds.
func (l *Loop) lockBusy() {
	now := monotonic()
	start := now
	for range 8 {
		begun := l.begun.Load()
		for range 32 {
			if !l.yield(&now) || now-start > tooLong {
				l.mu.Lock()
				return
			}
			if l.begun.Load() != begun {
				break
			}
		}
		if l.mu.TryLock() {
			return
		}
	}
	l.mu.Lock()
}

// linger begins the next turn where there is something to run, now or within
// a few microseconds, and reports whether there is. Where other goroutines hand
// over much, one after the other, that spares them to wake the driver each time,
// which costs ten times as much as to queue a task.
//
// Where they do so faster than turns begin, so that the loop is fed, it pauses
// before a turn, for the turns to be fewer and larger. What is ready by the
// loop's own doing does not become more while it pauses, and so is not made to
// wait for long: it looks at that in every eighth turn.
func (l *Loop) linger() bool {
	if l.pause > 0 {
		queued := 0
		if l.begun.Load()%8 == 0 {
			l.mu.Lock()
			queued = len(l.ready)
			l.mu.Unlock()
		}
		quiet := l.yields(l.pause)
		n := l.beginTurn()
		switch grown := n - queued; {
		case grown < worthWaiting, !quiet:
			l.pause = 0
		case grown < plenty:
			l.pause = longPause
		default:
			l.pause = shortPause
		}
		if n > 0 {
			return true
		}
	} else if l.beginTurn() > 0 {
		return true
	}
	for range 8 {
		quiet := l.yields(4)
		n := l.beginTurn()
		if n >= 4 && quiet {
			l.pause = longPause
		}
		if n > 0 || !quiet {
			return n > 0
		}
	}
	return false
}

// yields is yield so many times, which takes some hundred nanoseconds for each
// four where there is nobody.
func (l *Loop) yields(times int) (quiet bool) {
	now := monotonic()
	for range times {
		if !l.yield(&now) {
			return false
		}
	}
	return true
}

// yield lets others run, and sets now. It returns false where they have much to
// do: where that took long this time, or not long ago.
func (l *Loop) yield(now *time.Duration) (quiet bool) {
	before := *now
	if before < time.Duration(l.crowded.Load()) {
		return false
	}
	runtime.Gosched()
	*now = monotonic()
	if *now-before > tooLong {
		l.crowded.Store(int64(*now + crowdedFor))
		return false
	}
	return true
}
