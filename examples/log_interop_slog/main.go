// Command log_interop_slog is an application that starts txaio's logging, and
// uses code that logs in other ways: through the standard log package, log/slog
// and logrus. All of it arrives in one stream, in one shape:
//
//	go run -tags future ./examples/log_interop_slog
package main

import (
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

func main() {
	if err := txaio.StartLogging(os.Stdout, txaio.LevelInfo); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	txaio.MakeLogger().Info("txaio was {where}", slog.String("where", "here"))
	log.Printf("the standard log package was %s", "here")
	slog.Info("log/slog was here", "user", "roy", slog.Group("request", "id", 7))
	slog.Debug("below the level")
	logrus.WithField("user", "roy").Warn("logrus was here")
	logrus.Debug("below the level")
}
