//go:build deferred || future

package check_test

import (
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/txaio-go/txaio"
)

// A program that logs with zap gives libraries its core.
func Example_zap() {
	config := zap.NewProductionConfig()
	config.OutputPaths = []string{"stdout"}
	config.EncoderConfig.TimeKey = zapcore.OmitKey
	logger, err := config.Build()
	if err != nil {
		panic(err)
	}
	txaio.SetSlog(zapslog.NewHandler(logger.Core()))
	defer txaio.SetSlog(nil)

	log := txaio.MakeLogger(txaio.WithNamespace("bunny"))
	log.Info("{name} hops {n} times", slog.String("name", "Roy"), slog.Int("n", 3))
	// Output: {"level":"info","msg":"Roy hops 3 times","name":"Roy","n":3,"log_namespace":"bunny"}
}
