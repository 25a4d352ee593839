//go:build future

package txaio

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// 48 bytes are a size class of the allocator's; the next larger one is 64.
func TestSize(t *testing.T) {
	if got := unsafe.Sizeof(Future[int]{}); got > 48 {
		t.Errorf("a Future takes %d bytes, want 48 at most", got)
	}
}

// Whoever meets somebody who holds a future waits for that, without keeping a
// processor busy all the while.
func TestHeld(t *testing.T) {
	ref := newLoopRef(NewLoop())
	first, second := newPending[int](ref), newPending[int](ref)
	got := make(chan *Future[int])
	deadline := time.Now().Add(10 * time.Second)
	for _, f := range []*Future[int]{first, second} {
		f.lock()
		for range 2 {
			go func() {
				f.IsCalled()
				got <- f
			}()
		}
		for f.phase.Load() != wanted {
			if runtime.Gosched(); time.Now().After(deadline) {
				t.Fatal("nobody sleeps")
			}
		}
	}
	for _, f := range []*Future[int]{second, first} {
		select {
		case <-got:
			t.Fatal("did not wait")
		case <-time.After(time.Millisecond):
		}
		f.unlock()
		for range 2 {
			if <-got != f {
				t.Fatal("did not wait for its own")
			}
		}
	}
}

// To wait for a future is not to be idle, as testing/synctest has it.
func TestHeldIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPending[int](newLoopRef(NewLoop()))
		f.lock()
		returned := false
		go func() {
			f.IsCalled()
			returned = true
		}()
		go func() {
			for f.phase.Load() != wanted {
				runtime.Gosched()
			}
			f.unlock()
		}()
		if synctest.Wait(); !returned {
			t.Error("idle, with a call under way")
		}
	})
}

// A future that is settled while it becomes shared loses nothing.
func TestSettledWhileShared(t *testing.T) {
	ref := newLoopRef(NewLoop())
	for range 2000 {
		f := newPending[int](ref)
		ran := make(chan struct{}, 2)
		f.add(func(int) (int, error) { ran <- struct{}{}; return 0, nil }, nil)
		go f.AddDoneCallback(func(*Future[int]) { ran <- struct{}{} })
		if err := f.SetResult(1); err != nil {
			t.Fatal(err)
		}
		<-ran
		<-ran
	}
}

// fill is what adding the first callback does while f is filling.
func fill(f *Future[int], callback func(int) (int, error)) {
	f.callback, f.firstUsed = callback, true
	f.filled()
}

// The usual life of a future is short of shared, with a callback and in a
// gathering.
func TestPhases(t *testing.T) {
	l := NewLoop()
	ref := newLoopRef(l)
	with, in := newPending[int](ref), newPending[int](ref)
	want := func(when string, phase uint32) {
		t.Helper()
		for _, f := range []*Future[int]{with, in} {
			if got := f.phase.Load(); got != phase {
				t.Errorf("%s: phase %d, want %d", when, got, phase)
			}
		}
	}
	want("new", fresh)
	ran := make(chan int, 2)
	with.add(func(v int) (int, error) { ran <- v; return v, nil }, nil)
	all := gather(ref, []*Future[int]{in}, true)
	want("with a callback", ready)
	for i, f := range []*Future[int]{with, in} {
		if err := f.SetResult(i + 1); err != nil {
			t.Fatal(err)
		}
	}
	want("settled", ready)
	if err := l.RunUntilComplete(all); err != nil {
		t.Fatal(err)
	}
	want("run", ready)
	if got := <-ran; got != 1 {
		t.Errorf("the callback got %d, want 1", got)
	}
	if in.more != nil {
		t.Error("a member of a gathering keeps what Gather allocated")
	}
	for i, f := range []*Future[int]{with, in} {
		if err := f.SetResult(5); err != ErrAlreadyCalled {
			t.Errorf("settled again: %v", err)
		}
		if got, err := f.Result(); got != i+1 || err != nil {
			t.Errorf("Result() = %d, %v", got, err)
		}
		f.add(func(v int) (int, error) { ran <- v; return v, nil }, nil)
		if got := <-ran; got != i+1 {
			t.Errorf("a later callback got %d, want %d", got, i+1)
		}
	}
	want("used otherwise", shared)
}

// What a gathering needed goes when it is over, whatever else a future has.
func TestGatherGivesUpMembers(t *testing.T) {
	l := NewLoop()
	ref := newLoopRef(l)
	shared, watched := newPending[int](ref), newPending[int](ref)
	all := gather(ref, []*Future[int]{shared, watched}, true)
	shared.IsCalled()
	watched.Done()
	watched.AddDoneCallback(func(*Future[int]) {})
	watched.setCanceller(func(*Future[int]) {})
	for _, f := range []*Future[int]{shared, watched} {
		if f.more == nil || f.more.gathering == nil {
			t.Fatal("not a member")
		}
		if err := f.SetResult(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.RunUntilComplete(all); err != nil {
		t.Fatal(err)
	}
	if shared.more != nil {
		t.Error("the first has more than its first pair")
	}
	switch more := watched.more; {
	case more == nil || more.rest.done == nil:
		t.Error("the second has lost its channel")
	case more.gathering != nil || more.rest.tasks != nil || more.rest.canceller != nil:
		t.Error("the second has more than its channel")
	}
}
