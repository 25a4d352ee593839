//go:build deferred || future

package txaio

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// Await ends the pauses of the loop that it waits for.
func TestAwaitHurries(t *testing.T) {
	l := NewLoop()
	previous := SetLoop(l)
	defer SetLoop(previous)
	f := CreateFuture[int]()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go func() {
		for !l.awaited.Load() && ctx.Err() == nil {
			runtime.Gosched()
		}
		cancel()
	}()
	if _, err := Await(ctx, f); err != context.Canceled {
		t.Errorf("Await() = %v, want to be cancelled when the loop is told to hurry", err)
	}
}
