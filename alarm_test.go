package txaio_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
)

// A loop that is dropped leaves nothing on its clock for long, also where the
// last of its timers was cancelled long before its time.
func TestDroppedLoopLeavesNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &tickingClock{Clock: clockwork.NewRealClock()}
		const count = 100
		for range count {
			loop := txaio.NewLoop(txaio.WithClock(clock))
			loop.CallLater(time.Hour, func() {}).Cancel()
			loop.CallLater(2*time.Hour, func() {}).Cancel()
		}
		if ticking := clock.ticking.Load(); ticking != count {
			t.Errorf("%d loops made %d alarms", count, ticking)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		runtime.GC() // collecting the loops has to leave the alarms alone: they are the bubble's
		if ticking := clock.ticking.Load(); ticking != 0 {
			t.Errorf("%d of %d loops left an alarm", ticking, count)
		}
	})
}

// tickingClock counts the functions that it is still to call.
type tickingClock struct {
	clockwork.Clock
	ticking atomic.Int64
}

func (c *tickingClock) AfterFunc(d time.Duration, fn func()) clockwork.Timer {
	c.ticking.Add(1)
	return c.Clock.AfterFunc(d, func() {
		c.ticking.Add(-1)
		fn()
	})
}
