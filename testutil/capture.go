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

// A LogEntry is an entry in a [LogCapture].
type LogEntry struct {
	Time               time.Time
	Level              txaio.Level
	Namespace, Message string
	Attrs              []slog.Attr    // without log_namespace and log_failure
	Failure            *txaio.Failure // of Logger.Failure
}

// Attr returns the value of the attribute with that key, or nil.
func (e LogEntry) Attr(key string) any {
	for _, a := range e.Attrs {
		if a.Key == key {
			return a.Value.Any()
		}
	}
	return nil
}

// A LogCapture collects entries of the library's loggers. It can be used from
// any goroutine.
type LogCapture struct {
	mu      sync.Mutex
	entries []LogEntry
}

// CaptureLog collects the entries of all loggers until the test ends, instead
// of passing them on. It gets the entries that the loggers' levels allow; a
// logger without a level passes all. If an earlier test dropped a future with an
// unhandled failure, the report of that can be among them. CaptureLog fails a
// parallel test, because it changes the whole program.
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

// captureHandler is the slog handler of a capture. Nobody calls its WithAttrs
// and WithGroup.
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
