//go:build deferred || future

package browserloop_test

import (
	"context"
	"syscall/js"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/browserloop"
)

// The code of the README. It is only compiled, because it never returns.
var _ = main

func main() {
	txaio.SetLoop(browserloop.New())
	js.Global().Set("load", js.FuncOf(load))
	select {} // JavaScript calls the rest
}

// load is a Go function as JavaScript expects one: load(url, {signal}) returns a promise.
func load(_ js.Value, args []js.Value) any {
	ctx, cancel := browserloop.SignalContext(context.Background(), args[1].Get("signal"))
	page := browserloop.Abortable[js.Value](func(signal js.Value) js.Value {
		return js.Global().Call("fetch", args[0], map[string]any{"signal": signal})
	})
	txaio.CancelOnDone(ctx, page)
	text := txaio.ThenOf(txaio.AddTimeout(page, 5*time.Second), func(response js.Value) (*txaio.Future[string], error) {
		return browserloop.FromPromise[string](response.Call("text")), nil
	})
	txaio.Watch(text, func(string) { cancel() }, func(*txaio.Failure) { cancel() })
	return browserloop.ToPromise(text)
}
