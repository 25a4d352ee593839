//go:build !deferred && !future

package txaio_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

func TestLoggingWithoutBackend(t *testing.T) {
	log := txaio.MakeLogger(txaio.WithNamespace("namespace"), txaio.WithLevel(txaio.LevelError), txaio.WithLogrus(logrus.New()))
	txaio.MakeLogger(txaio.WithLevel(-1), txaio.WithSlog(slog.Default().Handler()))
	for name, function := range map[string]func(){
		"Critical":                     func() { log.Critical("message") },
		"Error":                        func() { log.Error("message") },
		"Warn":                         func() { log.Warn("message") },
		"Info":                         func() { log.Info("message") },
		"Debug":                        func() { log.Debug("message") },
		"Trace":                        func() { log.Trace("message", slog.Int("a", 1)) },
		"Emit":                         func() { log.Emit(txaio.LevelInfo, "message") },
		"Failure":                      func() { log.Failure(nil, "message") },
		"Enabled":                      func() { log.Enabled(txaio.LevelInfo) },
		"Namespace":                    func() { log.Namespace() },
		"SetLevel":                     func() { log.SetLevel(txaio.LevelInfo) },
		"SetLevel to nothing":          func() { log.SetLevel(-1) },
		"ResetLevel":                   func() { log.ResetLevel() },
		"With":                         func() { log.With() },
		"SetSlog":                      func() { txaio.SetSlog(nil) },
		"SetLogLevels":                 func() { txaio.SetLogLevels(nil) },
		"StartLogging":                 func() { txaio.StartLogging(io.Discard, txaio.LevelInfo, txaio.LogJSON()) },
		"StartLogging, invalid level":  func() { txaio.StartLogging(io.Discard, -1) },
		"SetGlobalLogLevel":            func() { txaio.SetGlobalLogLevel(txaio.LevelInfo) },
		"SetGlobalLogLevel to nothing": func() { txaio.SetGlobalLogLevel(-1) },
		"GlobalLogLevel":               func() { txaio.GlobalLogLevel() },
		"AddLogCategories":             func() { txaio.AddLogCategories(nil) },
		"SetLogrus":                    func() { txaio.SetLogrus(nil) },
		"ParseLevel":                   func() { txaio.ParseLevel("info") },
		"ParseLevel of nothing":        func() { txaio.ParseLevel("") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if value := recover(); value != txaio.ErrNoBackend {
					t.Errorf("panicked with %v, want ErrNoBackend", value)
				}
			}()
			function()
		})
	}
}

// What makes a build choose a backend is in the error.
func TestErrNoBackendNamesWays(t *testing.T) {
	for _, way := range []string{"-tags deferred", "-tags future", "GOFLAGS", "go test -tags"} {
		if !strings.Contains(txaio.ErrNoBackend.Error(), way) {
			t.Errorf("%q does not name %s", txaio.ErrNoBackend, way)
		}
	}
}

// Configuration can be read in a build that has no backend.
func TestLevelWithoutBackend(t *testing.T) {
	var level txaio.Level
	if err := level.UnmarshalText([]byte("debug")); err != nil || level.String() != "debug" {
		t.Errorf("%v, %v", level, err)
	}
}
