// Command logging shows a class that logs, before and after logging has been
// started, and how everything else that logs arrives in the same stream:
//
//	go run -tags deferred ./examples/logging
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// Bunny hops.
type Bunny struct{ log *txaio.Logger }

// NewBunny returns a bunny that logs under its own namespace, main.Bunny.
func NewBunny() *Bunny {
	return &Bunny{log: txaio.MakeLogger()}
}

// Hop hops a number of times.
func (b *Bunny) Hop(times int) {
	b.log.Trace("Bunny.Hop(times={times})", slog.Int("times", times))
	b.log.Debug("Hopping {times} times.", slog.Int("times", times))
	if err := spotFox(); err != nil {
		b.log.Critical(txaio.FailureFormatTraceback(txaio.CreateFailure(err)))
	}
}

func spotFox() error { return errors.New("fox spotted") }

func main() {
	jack := NewBunny()
	fmt.Println("output before StartLogging")
	jack.log.Debug("Nobody asked for this line.")

	if err := txaio.StartLogging(os.Stdout, txaio.LevelDebug); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	jack.log.Info("output after StartLogging")
	jack.Hop(42)

	log.Printf("the standard log package was %s", "here")
	slog.Info("log/slog was here", "user", "roy", slog.Group("request", "id", 7))
	slog.Log(context.Background(), slog.LevelDebug-4, "below the level")
	logrus.WithField("user", "roy").Warn("logrus was here")
	logrus.Trace("below the level")
}
