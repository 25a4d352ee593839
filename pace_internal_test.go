package txaio

import (
	"math"
	"runtime"
	"testing"
	"time"
)

// Where others have much to do, nobody lets them run again and again: neither
// the driver before it sleeps nor a producer that finds the loop's lock taken.
func TestCrowded(t *testing.T) {
	l := NewLoop()
	l.crowded.Store(math.MinInt64)
	now := monotonic()
	if before := now - 2*tooLong; l.yield(&before) {
		t.Error("others ran for long, and may run on")
	}
	until := time.Duration(l.crowded.Load())
	if until < now+crowdedFor || until > monotonic()+crowdedFor {
		t.Errorf("crowded until %v, at %v", until, now)
	}
	if l.yields(3) {
		t.Error("others were let run soon after that")
	}
	l.fed = true
	if l.linger() || l.fed {
		t.Errorf("the driver lingers, and is fed %v", l.fed)
	}

	l.mu.Lock()
	locked := make(chan struct{})
	go func() {
		l.lock()
		close(locked)
	}()
	for range 1000 {
		runtime.Gosched()
	}
	l.mu.Unlock()
	<-locked
	l.mu.Unlock()

	past := int64(monotonic() - 1)
	l.crowded.Store(past)
	if !l.yields(3) && l.crowded.Load() == past {
		t.Error("crowded for ever")
	}
}

// A driver that is fed pauses as long as others queue tasks fast, until there is
// enough to run. What was queued before does not make it pause.
func TestPause(t *testing.T) {
	quick := func(l *Loop) { l.crowded.Store(math.MinInt64) }
	queue := func(l *Loop, n int) {
		for range n {
			l.schedule(funcTask(func() {}))
		}
	}
	newLoop := func() *Loop {
		l := NewLoop()
		l.state = driven
		quick(l)
		return l
	}

	l := newLoop()
	queue(l, longBacklog/2)
	if l.pause() {
		t.Error("fed by what was queued before the pause")
	}

	l = newLoop()
	stop, stopped := make(chan struct{}), make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				queue(l, stride)
			}
			if i == 0 {
				close(started)
			}
		}
	}()
	<-started
	for tries := 0; !l.pause(); tries++ { // others may keep the processors for a while
		if tries == 1_000_000 {
			t.Fatal("not fed by a goroutine that queues tasks all the time")
		}
		quick(l)
	}
	close(stop)
	<-stopped
}

// The driver is told of a long backlog: at once where there is one producer, and
// where several have met, when it is four times as long. It is told once a turn.
func TestPiledUp(t *testing.T) {
	l := NewLoop()
	l.state = driven
	queue := func(n int) {
		for range n {
			l.schedule(funcTask(func() {}))
		}
	}
	wantHurried := func(want bool) {
		t.Helper()
		if got := l.hurried.Load(); got != want {
			t.Errorf("hurried = %v with a backlog of %d", got, len(l.ready))
		}
	}
	queue(longBacklog - 1)
	wantHurried(false)
	queue(1)
	wantHurried(true)
	l.runTurn()
	wantHurried(false)

	meet(t, l)
	queue(4*longBacklog - 1)
	wantHurried(false)
	queue(1)
	wantHurried(true)
	l.runTurn()
	if l.met.Load() {
		t.Error("producers have met, though not since the turn began")
	}
}

// meet has a producer find l's lock taken by another.
func meet(t *testing.T, l *Loop) {
	t.Helper()
	for range 10_000 { // while somebody computes, it waits in another way
		l.crowded.Store(math.MinInt64)
		l.mu.Lock()
		locked := make(chan struct{})
		go func() {
			l.lock()
			l.mu.Unlock()
			close(locked)
		}()
		for range 10 {
			runtime.Gosched()
		}
		l.mu.Unlock()
		<-locked
		if l.met.Load() {
			return
		}
	}
	t.Fatal("a producer that has found the lock taken has not said so")
}

// Where somebody has begun to await a future, the driver does not pause before the
// next turn, not even for one yield, which would end this pause otherwise.
func TestPauseIsEndedByAwait(t *testing.T) {
	l := NewLoop()
	l.state = driven
	l.crowded.Store(math.MaxInt64)
	l.hurried.Store(true)
	if !l.pause() {
		t.Error("the pause went on where somebody waits")
	}
	if !l.hurried.Load() {
		t.Error("the pause forgot that somebody waits")
	}
	l.beginTurn()
	if l.hurried.Load() {
		t.Error("somebody still waits when the turn has begun")
	}
}
