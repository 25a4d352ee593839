//go:build future

package txaio_test

import (
	"testing"

	"github.com/txaio-go/txaio"
)

// In txaio a canceller is a callback of the future, which is scheduled however
// the future is settled: the loop takes a turn, and finds the timers that are
// due. Few programs of a conformance run meet this.
func TestCancellerIsScheduledHoweverSettled(t *testing.T) {
	for _, canceller := range []bool{false, true} {
		x := newFixture(t)
		var opts []txaio.FutureOption[int]
		if canceller {
			opts = append(opts, txaio.WithCanceller(func(*txaio.Future[int]) { x.note("canceller") }))
		}
		f := txaio.CreateFuture(opts...)
		x.CallLater(0, func() { x.note("timer") })
		txaio.Resolve(f, 1)
		x.RunUntilIdle()
		if canceller {
			x.want(t, "timer")
		} else {
			x.want(t)
		}
	}
}
