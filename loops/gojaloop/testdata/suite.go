//go:build future

package txaio_test

import (
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/gojaloop"
	"github.com/txaio-go/txaio/testutil"
)

func init() {
	drivenLoops["goja"] = func(t *testing.T, driver *testutil.TestLoop, handler func(*txaio.Failure)) drivenLoop {
		loop := gojaloop.New(gojaloop.WithExceptionHandler(handler))
		t.Cleanup(loop.Close)
		return &gojaLoop{loop, t, driver}
	}
}

// gojaLoop runs on a Loop of goja what a TestLoop says, when it says so, and has
// the TestLoop wait meanwhile.
type gojaLoop struct {
	*gojaloop.Loop
	t      *testing.T
	driver *testutil.TestLoop
}

func (l *gojaLoop) CallSoon(fn func()) { l.driver.CallSoon(func() { l.call(fn) }) }

func (l *gojaLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	return l.driver.CallLater(delay, func() { l.call(fn) })
}

func (l *gojaLoop) call(fn func()) {
	done := make(chan struct{})
	l.Loop.CallSoon(func() {
		defer close(done)
		if !l.Loop.InLoop() {
			l.t.Error("a function does not run on the loop")
		}
		fn()
	})
	<-done
}

func (l *gojaLoop) Now() time.Time                { return l.driver.Now() }
func (l *gojaLoop) theDriver() *testutil.TestLoop { return l.driver }
