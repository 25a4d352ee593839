//go:build deferred || future

package docs_test

import (
	"context"
	"expvar"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/txaio-go/txaio"
)

// application is what an application of the guide does at its start.
func application(ctx context.Context, get func(path string) *txaio.Future[string]) {
	loop := txaio.NewLoop(txaio.WithName("main"))
	txaio.SetLoop(loop)
	defer txaio.SetLoop(nil)
	expvar.Publish("loop", expvar.Func(func() any { return loop.Stats() }))

	txaio.SetGlobalLogLevel(txaio.LevelWarn)
	txaio.SetLogLevels(map[string]txaio.Level{"example.com/bunny": txaio.LevelDebug})
	defer txaio.SetLogLevels(nil)
	everything := slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})
	bunny := txaio.MakeLogger(txaio.WithNamespace("example.com/bunny"), txaio.WithSlog(everything))
	fmt.Println("bunny logs debug messages:", bunny.Enabled(txaio.LevelDebug))

	page := txaio.AddTimeout(get("/inbox"), 5*time.Second)
	txaio.CancelOnDone(ctx, page)
	text, err := txaio.Await(ctx, page)

	fmt.Println(text, err)
	work := func() *txaio.Future[int] { return txaio.CreateFutureSuccess(42) }
	answer, err := txaio.RunUntil(ctx, loop, work())
	fmt.Println(answer, err)
	fmt.Println("drained:", loop.Drain(ctx))
}

func Example_application() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	application(ctx, func(path string) *txaio.Future[string] {
		return txaio.CreateFutureSuccess("the page " + path)
	})
	fmt.Println(expvar.Get("loop").String()[:14])
	// Output:
	// bunny logs debug messages: true
	// the page /inbox <nil>
	// 42 <nil>
	// drained: <nil>
	// {"name":"main"
}
