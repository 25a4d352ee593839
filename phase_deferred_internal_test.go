//go:build deferred

package txaio

import "testing"

// fill is what adding the first callback does while d is filling.
func fill(d *Deferred[int], callback func(int) (int, error)) {
	d.first = link[int]{callback: callback}
	d.phase.Store(ready)
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
