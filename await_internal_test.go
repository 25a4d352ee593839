//go:build deferred || future

package txaio

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// Await ends the pauses of the loop that it waits for, also of one that another
// type embeds.
func TestAwaitHurries(t *testing.T) {
	l := NewLoop()
	for name, loop := range map[string]EventLoop{
		"a Loop":          l,
		"an embedded one": struct{ *Loop }{l},
	} {
		t.Run(name, func(t *testing.T) {
			previous := SetLoop(loop)
			defer SetLoop(previous)
			l.hurried.Store(false)
			f := CreateFuture[int]()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			go func() {
				for !l.hurried.Load() && ctx.Err() == nil {
					runtime.Gosched()
				}
				cancel()
			}()
			if _, err := Await(ctx, f); err != context.Canceled {
				t.Errorf("Await() = %v, want to be cancelled when the loop is told to hurry", err)
			}
		})
	}
}
