// Command logging shows a class that logs, before and after logging has been
// started:
//
//	go run -tags deferred ./examples/logging
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/txaio-go/txaio"
)

// Bunny hops.
type Bunny struct{ log *txaio.Logger }

// NewBunny returns a bunny that logs under its own namespace.
func NewBunny() *Bunny {
	return &Bunny{log: txaio.MakeLogger(txaio.WithNamespace("main.Bunny"))}
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
}
