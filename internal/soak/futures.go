package main

import (
	"errors"
	"time"

	"github.com/txaio-go/txaio"
)

// wave is how many futures there are at a time.
const wave = 100_000

var errExpected = errors.New("expected")

// futures makes n futures and settles each in one of a few ways.
func futures(r *report, n int) {
	began := time.Now()
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	callbacks := 0
	for made := 0; made < n; made += wave {
		callbacks += futureWave(r, loop, min(wave, n-made))
	}
	r.figure("futures", "%d in %s; %d callbacks, each ran once", n, took(began, n), callbacks)
}

// futureWave makes and settles n futures, and returns how many callbacks ran.
func futureWave(r *report, loop *txaio.Loop, n int) (callbacks int) {
	// How often the callbacks of a future ran, and how often they should. On
	// either backend they run on one goroutine, which flush waits for.
	ran, want := make([]uint8, n), make([]uint8, n)
	add := func(f *txaio.Future[int], i int) {
		want[i]++
		txaio.AddCallbacks(f,
			func(v int) (int, error) { ran[i]++; return v, nil },
			func(*txaio.Failure) (int, error) { ran[i]++; return i, nil })
	}
	var group []*txaio.Future[int]
	for i := range n {
		switch i % 8 {
		case 0, 1:
			f := txaio.CreateFuture[int]()
			add(f, i)
			txaio.Resolve(f, i)
		case 2:
			f := txaio.CreateFutureSuccess(i)
			add(f, i)
			add(f, i)
		case 3:
			f := txaio.CreateFuture[int]()
			add(f, i)
			add(f, i)
			add(f, i)
			txaio.Reject(f, errExpected)
		case 4:
			f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { ran[i]++ }))
			want[i]++
			add(f, i)
			txaio.Cancel(f)
		case 5:
			txaio.Resolve(txaio.CreateFuture[int](), i)
		case 6, 7:
			f := txaio.CreateFuture[int]()
			add(f, i)
			if group = append(group, f); len(group) == 10 {
				want[i]++
				txaio.AddCallbacks(txaio.Gather(group, true), func(v []txaio.Result[int]) ([]txaio.Result[int], error) {
					ran[i]++
					return v, nil
				}, nil)
				for _, member := range group {
					txaio.Resolve(member, i)
				}
				group = group[:0]
			}
		}
	}
	for _, f := range group {
		txaio.Cancel(f)
	}
	flush(loop)
	for i := range ran {
		r.check(ran[i] == want[i], "future %d: %d callbacks ran, not %d", i, ran[i], want[i])
		callbacks += int(ran[i])
	}
	return callbacks
}

// flush waits for a few turns of the loop, so that it runs the queued functions
// and those that they queue.
func flush(loop *txaio.Loop) {
	for range 5 {
		done := make(chan struct{})
		loop.CallSoon(func() { close(done) })
		<-done
	}
}
