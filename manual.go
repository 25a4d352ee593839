package txaio

import (
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio/internal/goid"
	"github.com/txaio-go/txaio/internal/manual"
)

func init() {
	manual.MustHaveBackend = mustHaveBackend
	manual.Of = func(loop any) manual.Driver {
		mustHaveBackend()
		l := loop.(*Loop)
		l.mu.Lock()
		l.state = driven
		l.mu.Unlock()
		return manualDriver{l}
	}
}

// manualDriver drives a loop for testutil.TestLoop.
type manualDriver struct{ l *Loop }

func (d manualDriver) Clock() clockwork.Clock { return d.l.clock }

func (d manualDriver) Begin() {
	goroutine := goid.Get()
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	if d.l.driver != 0 {
		panic(errDriven)
	}
	d.l.driver = goroutine
}

func (d manualDriver) End() {
	d.l.mu.Lock()
	d.l.driver = 0
	d.l.mu.Unlock()
}

func (d manualDriver) Turn() { d.l.runTurn() }

func (d manualDriver) Ready() bool {
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	// To Twisted a timer that is due is something to run. To asyncio it is that
	// only when a turn has found it and put it in the queue.
	return d.l.next < len(d.l.turn) || len(d.l.ready) > 0 || UsingDeferred && d.l.timers.next() <= d.l.now()
}

func (d manualDriver) Next() (time.Duration, bool) {
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	when := d.l.timers.next()
	return time.Duration(when - d.l.now()), when != never
}
