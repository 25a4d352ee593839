package main

import (
	"time"

	"github.com/txaio-go/txaio"
)

// held is the state of a program at rest: pending futures with callbacks, and
// timers that are far away. It stays during the whole load, and takes most of the
// memory at the start.
type held struct {
	loop    *txaio.Loop
	futures []*txaio.Future[int]
	timers  []txaio.DelayedCall
	ran     []int
}

const heldFutures = 20_000

func hold() *held {
	h := &held{loop: txaio.NewLoop(), ran: make([]int, heldFutures)}
	txaio.SetLoop(h.loop)
	for i := range heldFutures {
		f := txaio.CreateFuture[int]()
		txaio.AddCallbacks(f, func(v int) (int, error) {
			h.ran[i] += v
			return v, nil
		}, nil)
		h.futures = append(h.futures, f)
		h.timers = append(h.timers, h.loop.CallLater(time.Hour, nothing))
	}
	return h
}

// release settles the futures and reports whether everything still works.
func (h *held) release() bool {
	good := true
	for i, f := range h.futures {
		good = good && h.ran[i] == 0 && txaio.Resolve(f, 1) == nil && h.timers[i].Cancel()
	}
	flush(h.loop)
	for _, times := range h.ran {
		good = good && times == 1
	}
	return good
}
