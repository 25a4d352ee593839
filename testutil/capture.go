package testutil

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/logcapture"
)

// A LogEntry is an entry that a [LogCapture] has got.
type LogEntry struct {
	Time               time.Time
	Level              txaio.Level
	Namespace, Message string
	Attrs              []slog.Attr    // without log_namespace and log_failure
	Failure            *txaio.Failure // of Logger.Failure
}

// Attr returns the value of an attribute, nil if there is none.
func (e LogEntry) Attr(key string) any {
	for _, a := range e.Attrs {
		if a.Key == key {
			return a.Value.Any()
		}
	}
	return nil
}

// A LogCapture has the entries of the library's loggers. It can be used from
// any goroutine.
type LogCapture struct {
	mu      sync.Mutex
	entries []LogEntry
}

// CaptureLog has the entries of all loggers until the test ends, instead of
// what they go to otherwise: those that the loggers' levels allow, and of
// loggers without a level all. As that changes the whole program, it fails a
// parallel test.
func CaptureLog(tb testing.TB) *LogCapture {
	tb.Helper()
	mustHaveBackend()
	tb.Setenv("TXAIO_CAPTURED_LOG", tb.Name()) // which panics in a parallel test
	capture := new(LogCapture)
	tb.Cleanup(logcapture.Swap(captureHandler{capture}))
	return capture
}

// Entries returns the entries so far.
func (c *LogCapture) Entries() []LogEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.entries)
}

// captureHandler is the slog handler of a capture. The handler that WithAttrs
// and WithGroup would return is never asked for.
type captureHandler struct{ *LogCapture }

func (captureHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h captureHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h captureHandler) WithGroup(string) slog.Handler { return h }

func (h captureHandler) Handle(_ context.Context, record slog.Record) error {
	entry := LogEntry{Time: record.Time, Message: record.Message, Level: txaio.LevelInfo - txaio.Level(record.Level/4)}
	record.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "log_namespace":
			entry.Namespace = a.Value.String()
		case "log_failure":
			entry.Failure, _ = a.Value.Any().(*txaio.Failure)
		default:
			entry.Attrs = append(entry.Attrs, a)
		}
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, entry)
	return nil
}
