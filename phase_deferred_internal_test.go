//go:build deferred

package txaio

import (
	"runtime"
	"testing"
)

// Whoever meets somebody who is adding the first link waits for that.
func TestPhaseFilling(t *testing.T) {
	ran := 0
	count := func(int) (int, error) { ran++; return ran, nil }
	d := new(Deferred[int])
	d.phase.Store(filling)
	added := make(chan struct{})
	go func() {
		d.AddCallback(count)
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
	d.first = link[int]{callback: count}
	d.phase.Store(ready)
	<-added
	if err := d.Callback(0); err != nil || ran != 2 {
		t.Errorf("%d callbacks ran, error %v", ran, err)
	}
}

// The usual life of a Deferred is short of shared.
func TestPhases(t *testing.T) {
	ForgetChains()
	d := new(Deferred[int])
	want := func(when string, phase uint32, called bool) {
		t.Helper()
		if got := d.phase.Load(); got != phase {
			t.Errorf("%s: phase %d, want %d", when, got, phase)
		}
		if d.IsCalled() != called {
			t.Errorf("%s: IsCalled() = %t", when, !called)
		}
	}
	want("new", fresh, false)
	d.AddCallback(func(int) (int, error) { want("in the callback", calling, true); return 1, nil })
	want("with a callback", ready, false)
	if err := d.Callback(0); err != nil {
		t.Fatal(err)
	}
	want("settled", done, true)
	d.AddCallback(func(v int) (int, error) { return v + 1, nil })
	want("with another callback", shared, true)
	if d.value != 2 {
		t.Errorf("value %d, want 2", d.value)
	}
}
