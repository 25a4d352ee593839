//go:build !deferred && !future

package txaio_test

import (
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

func TestLoggingWithoutBackend(t *testing.T) {
	for name, function := range map[string]func(){
		"MakeLogger":                   func() { txaio.MakeLogger() },
		"WithNamespace":                func() { txaio.WithNamespace("namespace") },
		"WithLevel":                    func() { txaio.WithLevel(txaio.LevelInfo) },
		"WithLogrus":                   func() { txaio.WithLogrus(logrus.New()) },
		"StartLogging":                 func() { txaio.StartLogging(io.Discard, txaio.LevelInfo) },
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

// Configuration can be read in a build that has no backend.
func TestLevelWithoutBackend(t *testing.T) {
	var level txaio.Level
	if err := level.UnmarshalText([]byte("debug")); err != nil || level.String() != "debug" {
		t.Errorf("%v, %v", level, err)
	}
}
