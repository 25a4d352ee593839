package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/txaio-go/txaio"
)

// chaos lets workers use the same futures on the same loops at once in every
// way, with panics, Goexits and cancellations everywhere. On the deferred
// backend a Goexit in a callback ends the goroutine that settles the future. The
// worker then goes on in another.
func chaos(r *report, workers, steps int) {
	began := time.Now()
	c := &disorder{batched: txaio.MakeBatchedTimer(10*time.Millisecond, 10)}
	for i := range c.loops {
		c.loops[i] = txaio.NewLoop(txaio.WithExceptionHandler(func(*txaio.Failure) { c.handled.Add(1) }))
	}
	for i := range c.shared {
		c.shared[i].Store(c.future(rand.New(rand.NewPCG(0, uint64(i)))))
	}
	all := make([]*worker, workers)
	var running sync.WaitGroup
	running.Add(workers)
	for i := range all {
		all[i] = &worker{disorder: c, random: rand.New(rand.NewPCG(uint64(i), 2)), left: steps, done: running.Done}
		go all[i].run()
	}
	wait(r, &running, "workers")
	for i := range c.shared {
		go txaio.Resolve(c.shared[i].Load(), 0) // it may call Goexit
	}
	wait(r, &c.pending, "chaos")
	for _, loop := range c.loops {
		flush(loop)
	}
	var ran int
	for _, w := range all {
		for _, t := range w.tallies {
			r.check(t.good(), "a callback ran %d times, its errback %d times, and it was cancelled %d times",
				t.count.Load()&0xff, t.count.Load()>>8&0xff, t.count.Load()>>16)
			ran++
		}
	}
	r.figure("chaos", "%d goroutines, %d steps in %s; %d callbacks and timers, each ran once or was cancelled; %d panics, %d Goexits, %d cancellations",
		workers, workers*steps, took(began, workers*steps), ran, c.panics.Load(), c.goexits.Load(), c.cancels.Load())
}

// disorder is the state that the workers share.
type disorder struct {
	loops   [4]*txaio.Loop
	batched *txaio.BatchedTimer
	shared  [64]atomic.Pointer[txaio.Future[int]]
	pending sync.WaitGroup

	panics, goexits, cancels, handled atomic.Int64
}

// A tally counts in its lowest byte how often a callback ran, in the next how
// often an errback did, and above these how often it was cancelled.
type tally struct {
	pending *sync.WaitGroup
	count   atomic.Uint32
}

func (t *tally) add(n uint32) {
	if t.count.Add(n) == n {
		t.pending.Done()
	}
}

// good reports whether the total is one. On the future backend, an errback may
// also run after its own callback, because it gets that callback's error.
func (t *tally) good() bool {
	switch t.count.Load() {
	case 0x1, 0x100, 0x10000:
		return true
	case 0x101:
		return txaio.UsingFuture
	}
	return false
}

type worker struct {
	*disorder
	random  *rand.Rand
	left    int
	done    func()
	tallies []*tally
	timers  []timed
}

// A timed is a timer that may be cancelled.
type timed struct {
	txaio.DelayedCall
	*tally
}

func (w *worker) run() {
	defer func() {
		recover()
		if w.left > 0 {
			go w.run()
		} else {
			w.done()
		}
	}()
	for w.left > 0 {
		w.left--
		w.step()
	}
}

// tally adds a tally and returns it.
func (w *worker) tally() *tally {
	w.pending.Add(1)
	t := &tally{pending: &w.pending}
	w.tallies = append(w.tallies, t)
	return t
}

func (w *worker) pick() *txaio.Future[int] { return w.shared[w.random.IntN(len(w.shared))].Load() }

// future makes a future. Some have a canceller.
func (c *disorder) future(random *rand.Rand) *txaio.Future[int] {
	txaio.SetLoop(c.loops[random.IntN(len(c.loops))])
	switch random.IntN(4) {
	case 0:
		end := random.IntN(100)
		return txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) {
			if end%2 == 0 {
				txaio.Resolve(f, 1)
			}
			c.end(end)
		}))
	case 1:
		return new(txaio.Future[int])
	}
	return txaio.CreateFuture[int]()
}

// end panics or calls Goexit for some n from 0 to 99.
func (c *disorder) end(n int) {
	switch n {
	case 97, 98:
		c.panics.Add(1)
		panic("expected")
	case 99:
		c.goexits.Add(1)
		runtime.Goexit()
	}
}

func (w *worker) step() {
	switch w.random.IntN(16) {
	case 0, 1:
		old := w.shared[w.random.IntN(len(w.shared))].Swap(w.future(w.random))
		txaio.Resolve(old, 0) // runs the callbacks that wait for it
	case 2, 3, 4, 5:
		w.add(w.pick())
	case 6:
		txaio.Resolve(w.pick(), 1)
	case 7:
		txaio.Reject(w.pick(), errExpected)
	case 8:
		w.cancels.Add(1)
		txaio.Cancel(w.pick())
	case 9:
		g := txaio.Gather([]*txaio.Future[int]{w.pick(), w.pick(), w.pick()}, w.random.IntN(2) == 0)
		t := w.tally()
		txaio.AddCallbacks(g,
			func(v []txaio.Result[int]) ([]txaio.Result[int], error) { t.add(1); return v, nil },
			func(fail *txaio.Failure) ([]txaio.Result[int], error) { t.add(0x100); return nil, fail })
		if w.random.IntN(2) == 0 {
			w.cancels.Add(1)
			txaio.Cancel(g)
		}
	case 10:
		w.timer(w.loops[w.random.IntN(len(w.loops))])
	case 11:
		w.timer(w.batched)
	case 12:
		if n := len(w.timers); n > 0 {
			last := w.timers[n-1]
			w.timers = w.timers[:n-1]
			if last.Cancel() {
				w.cancels.Add(1)
				last.add(0x10000)
			}
		}
	case 13:
		t, end := w.tally(), w.random.IntN(100)
		w.loops[w.random.IntN(len(w.loops))].CallSoon(func() {
			t.add(1)
			w.end(end)
		})
	case 14:
		ctx, cancel := context.WithCancel(context.Background())
		cancelled := make(chan struct{})
		go func() {
			cancel()
			close(cancelled)
		}()
		defer func() { <-cancelled }() // else these goroutines would pile up
		txaio.Await(ctx, w.pick())
	case 15:
		f := txaio.Sleep(time.Duration(w.random.IntN(1000)) * time.Microsecond)
		t := w.tally()
		txaio.AddCallbacks(f,
			func(v struct{}) (struct{}, error) { t.add(1); return v, nil },
			func(*txaio.Failure) (struct{}, error) { t.add(0x100); return struct{}{}, nil })
		if w.random.IntN(2) == 0 {
			w.cancels.Add(1)
			txaio.Cancel(f)
		}
	}
}

// add adds callbacks that behave in different ways.
func (w *worker) add(f *txaio.Future[int]) {
	t, end, other := w.tally(), w.random.IntN(100), w.pick()
	act := func() {
		switch end {
		case 0, 1, 2:
			txaio.Resolve(other, 2)
		case 3, 4:
			txaio.Cancel(other)
		case 5, 6:
			txaio.Reject(other, errExpected)
		}
		w.end(end)
	}
	txaio.AddCallbacks(f, func(v int) (int, error) {
		t.add(1)
		act()
		if end > 90 {
			return 0, errExpected
		}
		return v, nil
	}, func(fail *txaio.Failure) (int, error) {
		t.add(0x100)
		act()
		return 0, fail
	})
}

func (w *worker) timer(caller txaio.DelayedCaller) {
	t, end, f := w.tally(), w.random.IntN(100), w.pick()
	delay := time.Duration(w.random.IntN(20)) * time.Millisecond
	w.timers = append(w.timers, timed{caller.CallLater(delay, func() {
		t.add(1)
		if end < 10 {
			txaio.Resolve(f, 3)
		}
		w.end(end)
	}), t})
}
