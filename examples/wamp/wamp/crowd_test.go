//go:build deferred || future

package wamp_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// A countingLoop counts the timers that are made in it.
type countingLoop struct {
	*txaio.Loop
	timers atomic.Int64
}

func (l *countingLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	l.timers.Add(1)
	return l.Loop.CallLater(delay, fn)
}

// memory returns the size of the heap and the stacks.
func memory() int64 {
	runtime.GC()
	runtime.GC() // for objects that need two collections
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

// A thousand sessions send their pings by one batched timer. The test prints
// what a session costs: go test -v -run TestThousandSessions.
func TestThousandSessions(t *testing.T) {
	const n = 1000
	loop := &countingLoop{Loop: txaio.NewLoop()}
	defer testutil.ReplaceLoop(loop)()
	crowd, url := wamptest.NewCrowd(t)
	goroutines, before := runtime.NumGoroutine(), memory()

	pings := txaio.MakeBatchedTimer(time.Second, 0)
	sessions := make([]*wamp.Session, n)
	for i := range sessions {
		s, err := wamp.NewSession(wamp.Config{URL: url, Realm: "realm1", PingInterval: 2 * time.Second, Pings: pings})
		if err != nil {
			t.Fatal(err)
		}
		joined := s.Join()
		crowd.Welcome()
		if _, err := txaio.Await(context.Background(), joined); err != nil {
			t.Fatal(err)
		}
		sessions[i] = s
	}
	after := memory()
	t.Logf("%d sessions: %.2f goroutines and %.1f KiB each", n,
		float64(runtime.NumGoroutine()-goroutines)/n, float64(after-before)/n/1024)

	loop.timers.Store(0)
	start := time.Now()
	crowd.AnswerPings()
	t.Logf("%d pings within %v by %d timers of the loop", n, time.Since(start).Round(time.Millisecond), loop.timers.Load())
	if made := loop.timers.Load(); made > n/10 {
		t.Errorf("the sessions made %d timers in the loop", made)
	}

	crowd.Close()
	lost := make([]*txaio.Future[struct{}], n)
	for i, s := range sessions {
		lost[i] = s.Leave()
	}
	if _, err := txaio.Await(context.Background(), txaio.Gather(lost, true)); err != nil {
		t.Error(err)
	}
}
