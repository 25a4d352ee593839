// Command log_interop_slog is an application that logs through log/slog with a
// handler of its own, and uses a library that logs through txaio. The library's
// entries arrive in the application's handler, with their attributes. The
// application's logging does not change:
//
//	go run -tags future ./examples/log_interop_slog
package main

import (
	"log/slog"
	"os"

	"github.com/txaio-go/txaio"
)

// library stands for a library that uses txaio and knows nothing of the handler.
func library() {
	log := txaio.MakeLogger(txaio.WithNamespace("library"))
	log.Debug("below the handler's level")
	log.Info("Hello from the library, {name}.", slog.String("name", "Roy"))
	conn := log.With(slog.Group("conn", slog.Int("id", 7)))
	conn.Warn("{count} of {total} failed.", slog.Int("count", 2), slog.Int("total", 3))
}

func main() {
	handler := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if len(groups) == 0 && attr.Key == slog.TimeKey {
				return slog.Attr{} // for the same output each time
			}
			return attr
		},
	})
	slog.SetDefault(slog.New(handler))
	txaio.SetSlog(handler)

	slog.Info("Hello from the application.")
	library()
}
