//go:build deferred || future

package txaio

import (
	"runtime"
	"testing"
)

// Whoever meets somebody who is adding the first callback waits for that.
func TestPhaseFilling(t *testing.T) {
	ran := 0
	count := func(int) (int, error) { ran++; return ran, nil }
	l := NewLoop()
	f := newPending[int](newLoopRef(l))
	f.phase.Store(filling)
	added := make(chan struct{})
	go func() {
		AddCallbacks(f, count, nil)
		close(added)
	}()
	for range 1000 {
		runtime.Gosched()
	}
	select {
	case <-added:
		t.Error("did not wait")
	default:
	}
	fill(f, count)
	<-added
	if err := Resolve(f, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.RunUntilComplete(f); err != nil || ran != 2 {
		t.Errorf("%d callbacks ran, error %v", ran, err)
	}
}
