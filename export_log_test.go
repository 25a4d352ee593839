package txaio

import (
	"io"
	"log/slog"

	"github.com/txaio-go/txaio/internal/logline"
)

// StartForTest makes StartLogging's output out, until stop is called, for loggers
// and the slog handler that it returns. All else is as it was.
func StartForTest(out io.Writer, opts ...StartOption) (bridge slog.Handler, stop func()) {
	output.out, output.format = out, logline.Format{}
	for _, opt := range opts {
		opt(&output.format)
	}
	output.started.Store(true)
	return slogHandler{}, func() { output.started.Store(false) }
}

// LoggerCount returns how many loggers follow the global level.
func LoggerCount() int {
	levels.Lock()
	defer levels.Unlock()
	return len(levels.loggers.loggers)
}

// NamespaceOf is namespaceOf, for names that this test cannot produce.
func NamespaceOf(function string) string { return namespaceOf(function) }
