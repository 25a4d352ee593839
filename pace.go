package txaio

import "runtime"

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
	shortPause, longPause = 32, 64
	worthWaiting          = 32
	plenty                = 256
)

// lock takes l.mu for a producer.
func (l *Loop) lock() {
	if !l.mu.TryLock() {
		l.lockBusy()
	}
}

// lockBusy is lock where somebody else has l.mu. It stays away until the next
// turn has begun, which is read from a cache line that nobody is busy writing,
// but not for long. Mutex.Lock, which comes last, would put the
// goroutine to sleep for whoever unlocks to wake it, or have the processor
// spin for hundreds of nanoseconds.
func (l *Loop) lockBusy() {
	for range 8 {
		begun := l.begun.Load()
		for range 32 {
			runtime.Gosched()
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
		if l.pauses%8 == 0 {
			l.mu.Lock()
			queued = len(l.ready)
			l.mu.Unlock()
		}
		l.pauses++
		pause(l.pause)
		n := l.beginTurn()
		switch grown := n - queued; {
		case grown < worthWaiting:
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
		pause(4)
		if n := l.beginTurn(); n > 0 {
			if n >= 4 {
				l.pause = longPause
			}
			return true
		}
	}
	return false
}

// pause lets others run, and takes some hundred nanoseconds for each four times
// where there is nobody else.
func pause(times int) {
	for range times {
		runtime.Gosched()
	}
}
