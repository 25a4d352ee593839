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
	// longBacklog is how many tasks may be queued, or a multiple of it, before the
	// driver is to take them and whoever queues the next lets others run, see
	// piledUp. A queue that outgrows the caches makes its tasks several times as
	// expensive.
	longBacklog = 2048

	// stride is how many tasks are queued before a pausing driver hears of them.
	// It divides longBacklog.
	stride = 32

	// A driver that is fed pauses before a turn, until it is told of a long backlog
	// or sees as many tasks queued since, at most so many looks. Before each look it
	// lets others run so many times, which takes some microseconds; fewer tasks than
	// a stride in that time end the pause.
	looks    = 8
	lookWait = 32

	// A producer that finds the lock taken lets others run so many times before it
	// tries again, twice as often where others try as well, and after so many tries
	// it waits in Mutex.Lock.
	awayWait = 32
	tries    = 8

	// tooLong is how long it may take to let others run, and how long a producer
	// stays away. Whoever computes keeps the processor for the scheduler's
	// 10 ms; where somebody does, nobody is let run for crowdedFor.
	tooLong    = 8 * time.Millisecond
	crowdedFor = 200 * time.Millisecond
)

// lock takes l.mu for a producer. The compiler does not inline it, so what runs
// for nearly every future or function has it in place.
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
	for range tries {
		begun := l.begun.Load() // no sooner: a turn that begins now is the one that the driver took the lock for
		wait := awayWait
		if l.met.Load() {
			wait = 2 * awayWait
		}
		for range wait {
			if !l.yield(&now) || now-start > tooLong {
				l.mu.Lock()
				return
			}
			if l.begun.Load() != begun {
				break
			}
		}
		if l.mu.TryLock() {
			if !l.met.Load() {
				l.met.Store(true)
			}
			return
		}
	}
	l.mu.Lock()
}

// passed tells a driver that pauses of another stride of tasks.
func (l *Loop) passed(backlog int) {
	l.strides.Add(1)
	if backlog%longBacklog == 0 {
		l.piledUp(backlog)
	}
}

// piledUp has the driver take a long backlog, and lets it run. Where producers
// meet, that would let another producer run instead, and all of them would find
// the lock taken when the driver begins the turn. There a producer lets others run
// at every second longBacklog, and the driver is told at every fourth: it is about
// to come by itself, or has no processor.
//
//go:noinline
func (l *Loop) piledUp(backlog int) { // not in passed, for the compiler to have that in place
	met := l.met.Load()
	if !met || backlog%(4*longBacklog) == 0 {
		l.hurry()
	}
	if !met || backlog%(2*longBacklog) == 0 {
		runtime.Gosched()
	}
}

// linger begins the next turn where there is something to run, now or within
// a few microseconds, and reports whether there is. Where other goroutines hand
// over much, one after the other, that spares them to wake the driver each time,
// which costs ten times as much as to queue a task.
//
// Where they do so faster than turns begin, the loop is fed: it pauses before a
// turn, some tens of microseconds at most, for the turns to be fewer and larger.
func (l *Loop) linger() bool {
	if l.fed {
		l.fed = l.pause()
	}
	if l.beginTurn() > 0 {
		return true
	}
	for range 8 {
		quiet := l.yields(4)
		n := l.beginTurn()
		l.fed = n >= 4 && quiet
		if n > 0 || !quiet {
			return n > 0
		}
	}
	return false
}

// pause waits while others queue tasks fast, and reports whether they did. What
// the loop's own tasks have queued does not become more meanwhile, and so is
// not made to wait for long. A long backlog is not made to wait, nor what was
// queued before somebody began to await a future; the loop counts as fed then.
func (l *Loop) pause() (fed bool) {
	first := l.strides.Load()
	last := first
	for range looks {
		if !l.yields(lookWait) {
			return false
		}
		strides := l.strides.Load()
		switch {
		case l.hurried.Load(), strides-first >= longBacklog/stride:
			return true
		case strides == last:
			return last != first
		}
		last = strides
	}
	return true
}

// hurry implements engine.
func (l *Loop) hurry() { l.hurried.Store(true) }

// yields is yield so many times, or until the driver is to hurry. It takes some
// hundred nanoseconds for each four where there is nobody.
func (l *Loop) yields(times int) (quiet bool) {
	now := monotonic()
	for range times {
		if l.hurried.Load() {
			return true
		}
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
