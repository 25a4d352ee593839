package txaio

import (
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"
)

// An alarm is the one timer that a loop has on its clock, for the earliest of
// the loop's own timers.
//
// It is not stopped when that timer is cancelled: it fires, finds nothing and
// sets itself again, which makes setting and cancelling a timeout cost nothing
// here. So that an alarm still ticking does not keep a forgotten loop in
// memory, it refers to the loop only while the loop has timers; and when the
// last of them is cancelled it is set to fire soon, so as not to be what is
// left of the loop for long. (To stop it when the loop is collected would be
// simpler, but may not be done from outside a synctest bubble.)
type alarm struct {
	timer clockwork.Timer // guarded by the loop's lock
	far   bool            // likewise: set for later than brief
	loop  atomic.Pointer[Loop]
	at    atomic.Int64 // when it fires, never where it does not
}

// brief is how long an alarm ticks on at most for a loop without timers.
const brief = time.Second

// keep makes the alarm refer to l while l has timers. l's lock is held.
func (a *alarm) keep(l *Loop) {
	switch {
	case a == nil:
	case len(l.timers.entries) > 0:
		if a.loop.Load() == nil {
			a.loop.Store(l)
		}
	default:
		a.loop.Store(nil)
		if a.far && a.at.Load() != never {
			a.at.Store(l.now() + int64(brief))
			l.arm(brief)
		}
	}
}

// setAlarm makes the alarm fire at the time of l's earliest timer, where it
// would otherwise fire later or not at all. l's lock is held.
func (l *Loop) setAlarm(now int64) {
	when := l.timers.next()
	if when == never {
		return
	}
	if l.alarm == nil {
		l.alarm = new(alarm)
		l.alarm.at.Store(never)
	}
	a := l.alarm
	a.keep(l) // before looking at the time: see fire
	if a.at.Load() <= when {
		return
	}
	a.at.Store(when)
	l.arm(time.Duration(when - now))
	if l.wall {
		return
	}
	// A clock that is moved by hand may have been moved since now was read, and
	// then the alarm would come too late. We look again a few times, not until
	// the clock stands still, which one that is not moved by hand never does.
	for range 3 {
		later := l.now()
		if later == now {
			return
		}
		now = later
		l.arm(time.Duration(when - now))
	}
}

// arm makes the alarm fire after delay. l's lock is held.
func (l *Loop) arm(delay time.Duration) {
	a := l.alarm
	a.far = delay > brief
	if a.timer != nil {
		a.timer.Reset(delay)
	} else {
		a.timer = l.clock.AfterFunc(delay, a.fire)
	}
}

// fire runs on a goroutine of the clock's. Its two steps are those of setAlarm
// in the opposite order: either setAlarm sees that the alarm is spent, or fire
// sees the loop that counts on it.
func (a *alarm) fire() {
	a.at.Store(never)
	if l := a.loop.Load(); l != nil {
		l.alarmFired()
	}
}
