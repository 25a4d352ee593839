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
	l.pause = longPause
	if l.linger() || l.pause != 0 {
		t.Errorf("the driver lingers, and then pauses %d times", l.pause)
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
