package txaio

import (
	"math"
	"runtime"
	"sync/atomic"
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
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // where it lets others run, another goroutine runs once, nearly always
	for _, c := range []struct {
		what   string
		others func(l *Loop, n int) // what that does, n times
		fed    bool
		times  int
	}{
		{"nobody queues", func(*Loop, int) {}, false, lookWait},
		{"somebody stops", func(l *Loop, n int) {
			if n == 1 {
				queue(l, stride)
			}
		}, true, 2 * lookWait},
		{"somebody goes on", func(l *Loop, n int) {
			if n%(lookWait/4) == 0 {
				queue(l, stride)
			}
		}, true, looks * lookWait},
		{"producers who have met queue enough in one look", func(l *Loop, n int) {
			if n == 1 {
				l.met.Store(true)
				queue(l, longBacklog)
			}
		}, true, lookWait},
		{"one producer makes a long backlog", func(l *Loop, n int) {
			if n == 5 {
				queue(l, longBacklog)
			}
		}, true, 5},
	} {
		fed, times := pauseAmong(c.others)
		if fed != c.fed || times < c.times*3/4 || times > c.times*5/4+8 {
			t.Errorf("%s: fed %v after %d yields, want %v after about %d", c.what, fed, times, c.fed, c.times)
		}
	}
}

// queue queues n tasks.
func queue(l *Loop, n int) {
	for range n {
		l.schedule(funcTask(func() {}))
	}
}

// pauseAmong has a driver pause that finds tasks queued, and returns how many
// times it let others run.
func pauseAmong(others func(l *Loop, n int)) (fed bool, times int) {
	for {
		l := NewLoop()
		l.state = driven
		queue(l, longBacklog/4)
		l.crowded.Store(math.MinInt64)
		var paused atomic.Bool
		stopped := make(chan struct{})
		times = 0
		go func() {
			defer close(stopped)
			for !paused.Load() {
				times++
				others(l, times)
				runtime.Gosched()
			}
		}()
		fed = l.pause()
		paused.Store(true)
		<-stopped
		if l.crowded.Load() == math.MinInt64 { // the machine has not taken the processor away
			return fed, times
		}
	}
}

// The driver is told of a long backlog: at once where there is one producer, and
// where several have met, when it is four times as long. No turn begins told.
func TestPiledUp(t *testing.T) {
	l := NewLoop()
	l.state = driven
	wantHurried := func(want bool) {
		t.Helper()
		if got := l.hurried.Load(); got != want {
			t.Errorf("hurried = %v with a backlog of %d", got, len(l.ready))
		}
	}
	queue(l, longBacklog-1)
	wantHurried(false)
	queue(l, 1)
	wantHurried(true)
	l.runTurn()
	wantHurried(false)

	meet(t, l)
	queue(l, 4*longBacklog-1)
	wantHurried(false)
	queue(l, 1)
	wantHurried(true)
	l.runTurn()
	if l.met.Load() {
		t.Error("producers have met, though not since the turn began")
	}
}

// Whoever makes a backlog long lets others run: each time, and where producers
// have met, every second time.
func TestLongBacklogLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, c := range []struct {
		met  bool
		want int
	}{{false, 16}, {true, 8}} {
		l := NewLoop()
		l.state = driven
		l.met.Store(c.met)
		var queued atomic.Bool
		stopped := make(chan struct{})
		times := 0
		go func() {
			defer close(stopped)
			for !queued.Load() {
				times++
				runtime.Gosched()
			}
		}()
		queue(l, 16*longBacklog)
		queued.Store(true)
		<-stopped
		if times < c.want*3/4 || times > c.want*5/4 {
			t.Errorf("met %v: others ran %d times, want about %d", c.met, times, c.want)
		}
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
