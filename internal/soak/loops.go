package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/txaio-go/txaio"
)

// loopWave is how many loops there are at a time.
const loopWave = 500

// loops makes n loops, uses each in some way and drops it at once, with its
// work queued.
func loops(r *report, n int) {
	began := time.Now()
	var use loopUse
	for made := 0; made < n; made += loopWave {
		for i := range min(loopWave, n-made) {
			use.one(made + i)
		}
		wait(r, &use.pending, "loops")
		runtime.GC() // else dropped loops would pile up until the next collection
	}
	for end := time.Now().Add(10 * time.Second); use.collected.Load() < int64(n) && time.Now().Before(end); {
		runtime.GC()
	}
	r.check(use.repeated.Load() == 0, "%d functions ran more than once", use.repeated.Load())
	r.check(use.collected.Load() == int64(n), "%d of %d loops were collected", use.collected.Load(), n)
	r.figure("loops", "%d in %s; all were collected, and %d functions ran once", n, took(began, n), use.ran.Load())
}

type loopUse struct {
	pending                  sync.WaitGroup
	collected, ran, repeated atomic.Int64
}

// once returns a function that is expected to run once.
func (u *loopUse) once(then func()) func() {
	u.pending.Add(1)
	var times atomic.Int64
	return func() {
		if times.Add(1) > 1 {
			u.repeated.Add(1)
			return
		}
		u.ran.Add(1)
		defer u.pending.Done()
		then()
	}
}

func nothing() {}

func (u *loopUse) one(i int) {
	loop := txaio.NewLoop(txaio.WithExceptionHandler(func(*txaio.Failure) {}))
	runtime.AddCleanup(loop, func(collected *atomic.Int64) { collected.Add(1) }, &u.collected)
	switch i % 8 {
	case 0: // nothing
	case 1:
		loop.CallSoon(u.once(nothing))
	case 2:
		loop.CallLater(time.Duration(i%5)*time.Millisecond, u.once(nothing))
	case 3:
		loop.CallSoon(u.once(func() { panic("expected") }))
		loop.CallSoon(u.once(nothing))
	case 4:
		loop.CallSoon(u.once(runtime.Goexit))
		loop.CallLater(0, u.once(nothing))
	case 5:
		loop.CallLater(time.Hour, nothing).Cancel()
	case 6:
		ctx, cancel := context.WithCancel(context.Background())
		loop.CallSoon(u.once(cancel))
		loop.CallLater(time.Millisecond, u.once(nothing)) // runs when Run has returned
		loop.Run(ctx)
	case 7:
		txaio.SetLoop(loop)
		f := txaio.CreateFuture[int]()
		ran := u.once(nothing)
		txaio.AddCallbacks(f, func(v int) (int, error) { ran(); return v, nil }, nil)
		loop.CallLater(time.Millisecond, u.once(func() { txaio.Resolve(f, 1) }))
		txaio.SetLoop(nil)
	}
}
