//go:build deferred || future

package txaio_test

import (
	"context"
	"syscall/js"
	"testing"

	"github.com/txaio-go/txaio"
)

// The page's timers fire even if a loop is always busy.
func TestThePageGetsItsTurn(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		fired := js.FuncOf(func(js.Value, []js.Value) any { cancel(); return nil })
		defer fired.Release()
		js.Global().Call("setTimeout", fired, 20)
		ended := make(chan struct{})
		var renew func()
		renew = func() {
			if ctx.Err() != nil {
				close(ended)
				return
			}
			l.CallSoon(renew)
		}
		l.CallSoon(renew)
		<-ended
		if ctx.Err() == context.DeadlineExceeded {
			t.Error("the page's timer has not fired")
		}
	})
}
