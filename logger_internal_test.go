package txaio

import (
	"io"
	"log/slog"
	"testing"

	"github.com/txaio-go/txaio/internal/logline"
)

// StartForTest makes out the output of StartLogging until stop is called, but only
// for loggers and the returned slog handler.
func StartForTest(out io.Writer, opts ...StartOption) (bridge slog.Handler, stop func()) {
	output.out, output.format = out, logline.Format{}
	for _, opt := range opts {
		opt(&output.format)
	}
	output.started.Store(true)
	return slogHandler{}, func() { output.started.Store(false) }
}

// LoggerCount returns the number of loggers that follow the global level.
func LoggerCount() int {
	levels.Lock()
	defer levels.Unlock()
	return len(root.children)
}

// NamespaceOf is namespaceOf, for function names that a test cannot produce.
func NamespaceOf(function string) string { return namespaceOf(function) }

// The memory of a large record is not reused for small ones.
func TestRelease(t *testing.T) {
	for _, c := range []struct {
		what  string
		grow  func(r *record)
		kept  bool
		tries int // under the race detector a pool forgets some of what it is given
	}{
		{"a small record", func(*record) {}, true, 1000},
		{"a long text", func(r *record) { r.line = make([]byte, 0, maxKeptText+1) }, false, 1},
		{"many attributes", func(r *record) { r.all = make([]slog.Attr, 0, maxKeptAttrs+1) }, false, 1},
		{"many fields", func(r *record) {
			for i := range maxKeptAttrs + 1 {
				r.fields[string(rune('a'+i))] = i
			}
		}, false, 1},
	} {
		kept := false
		for tries := 0; !kept && tries < c.tries; tries++ {
			r := records.New().(*record)
			c.grow(r)
			r.release()
			kept = records.Get() == r
		}
		if kept != c.kept {
			t.Errorf("%s: kept %v, want %v", c.what, kept, c.kept)
		}
	}
}
