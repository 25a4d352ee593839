package main

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/txaio-go/txaio"
)

// timers sets n timers within the same two seconds, one in ten of them batched.
// It cancels half of them: most while they are pending, some in the function of a
// timer that is due at the same moment.
func timers(r *report, n int) {
	began := time.Now()
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	const setters = 4
	s := &timerStage{
		loop:    loop,
		batched: txaio.MakeBatchedTimer(100*time.Millisecond, 1000),
		ran:     make([]atomic.Uint32, n),
		calls:   make([]txaio.DelayedCall, n),
	}
	s.pending.Add(n)
	var workers sync.WaitGroup
	for i := range setters {
		workers.Go(func() { s.set(rand.New(rand.NewPCG(uint64(i), 1)), i*n/setters, (i+1)*n/setters) })
	}
	workers.Wait()
	wait(r, &s.pending, "timers")
	flush(loop)
	ran, cancelled := 0, 0
	for i := range s.ran {
		switch times := s.ran[i].Load(); times {
		case 1:
			ran++
		case timerCancelled:
			cancelled++
		default:
			r.check(false, "timer %d ran %d times and was cancelled %d times", i, times%timerCancelled, times/timerCancelled)
		}
	}
	r.figure("timers", "%d in %v; %d cancelled, the other %d ran once", n, time.Since(began).Round(time.Millisecond), cancelled, ran)
}

// timerCancelled is added to a timer's count when it is cancelled. A run adds 1.
const timerCancelled = 1000

type timerStage struct {
	loop    *txaio.Loop
	batched *txaio.BatchedTimer
	ran     []atomic.Uint32
	calls   []txaio.DelayedCall
	pending sync.WaitGroup
}

// set sets the timers from first up to end, and cancels every other one.
func (s *timerStage) set(random *rand.Rand, first, end int) {
	for i := first; i < end; i += 2 {
		delay := time.Second + time.Duration(random.Int64N(int64(2*time.Second)))
		caller := txaio.DelayedCaller(s.loop)
		if i%20 == 0 {
			caller = s.batched
		}
		s.later(caller, i, delay, nothing)
		if i+1 == end {
			break
		}
		if i%20 == 2 {
			// The function of the next timer cancels this one, which is due a
			// little earlier or later.
			jitter := time.Duration(random.Int64N(int64(20 * time.Microsecond)))
			s.later(s.loop, i+1, delay+jitter-10*time.Microsecond, func() { s.cancel(i) })
		} else {
			s.later(caller, i+1, delay, nothing)
		}
	}
	for i := first; i < end; i += 2 {
		if i%20 != 2 {
			s.cancel(i)
		}
	}
}

func (s *timerStage) later(caller txaio.DelayedCaller, i int, delay time.Duration, then func()) {
	s.calls[i] = caller.CallLater(delay, func() {
		s.count(i, 1)
		then()
	})
}

func (s *timerStage) cancel(i int) {
	if s.calls[i].Cancel() {
		s.count(i, timerCancelled)
	}
}

func (s *timerStage) count(i int, as uint32) {
	if s.ran[i].Add(as) == as {
		s.pending.Done()
	}
}

// wait waits for pending, but not for ever.
func wait(r *report, pending *sync.WaitGroup, what string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pending.Wait()
	}()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
		r.check(false, "%s: not everything has happened after a minute", what)
	}
}
