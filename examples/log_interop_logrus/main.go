// Command log_interop_logrus is an application that has set up logrus itself,
// and uses a library that logs through txaio. The library's entries arrive in
// the application's logrus, with their attributes as fields:
//
//	go run -tags future ./examples/log_interop_logrus
package main

import (
	"log/slog"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// library stands for a library that uses txaio and knows nothing of logrus.
func library() {
	log := txaio.MakeLogger(txaio.WithNamespace("library"))
	log.Debug("below the application's level")
	log.Info("Hello from the library, {name}.", slog.String("name", "Roy"))
	log.Warn("{count} of {total} failed.", slog.Int("count", 2), slog.Int("total", 3))
}

func main() {
	logrus.SetOutput(os.Stdout)
	logrus.SetLevel(logrus.InfoLevel)
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	logrus.Info("Hello from the application.")
	library()

	logrus.SetFormatter(&logrus.JSONFormatter{DisableTimestamp: true})
	library()
}
