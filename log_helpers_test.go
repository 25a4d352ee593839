//go:build deferred || future

package txaio_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
)

// output is a writer that several goroutines share.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(p) == 0 {
		o.text.WriteString("(an empty write)")
	}
	return o.text.Write(p)
}

// take returns what was written since the last call, TIME for the times.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.text.Reset()
	return exampletest.Timeless(o.text.String())
}

func (o *output) want(t *testing.T, want string) {
	t.Helper()
	if got := o.take(); got != want {
		t.Errorf("written:\n%s\nwant:\n%s", got, want)
	}
}

// newLogrus is a logrus logger as an application sets one up, with the text
// formatter and every level.
func newLogrus(out io.Writer) *logrus.Logger {
	logger := logrus.New()
	logger.SetOutput(out)
	logger.SetLevel(logrus.TraceLevel)
	logger.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	logger.ExitFunc = func(int) { panic("exited") }
	return logger
}

// recorder is a logrus hook that keeps the entries it gets.
type recorder struct {
	mu      sync.Mutex
	entries []*logrus.Entry
}

func (*recorder) Levels() []logrus.Level { return logrus.AllLevels }

func (r *recorder) Fire(entry *logrus.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entry)
	return nil
}

// last returns the one entry since the last call.
func (r *recorder) last(t *testing.T) *logrus.Entry {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.entries = nil }()
	if len(r.entries) != 1 {
		t.Fatalf("%d entries, want one", len(r.entries))
	}
	return r.entries[0]
}

// recorded returns a logger under the namespace test, and what logs its
// entries.
func recorded(opts ...txaio.LoggerOption) (*txaio.Logger, *recorder) {
	r := new(recorder)
	logger := newLogrus(io.Discard)
	logger.AddHook(r)
	opts = append([]txaio.LoggerOption{txaio.WithLogrus(logger), txaio.WithNamespace("test")}, opts...)
	return txaio.MakeLogger(opts...), r
}

// stderrOf returns what fn and what it calls print on standard error.
func stderrOf(t *testing.T, fn func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = stderr }()
	fn()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// started calls StartLogging in a process of the test's own, and returns its
// output. In the test's first process it runs that one, and returns false.
func started(t *testing.T, level txaio.Level) (*output, bool) {
	t.Helper()
	if _, child := inChild(t); !child {
		return nil, false
	}
	out := new(output)
	if err := txaio.StartLogging(out, level); err != nil {
		t.Fatal(err)
	}
	return out, true
}

func wantContains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not have %q", text, part)
		}
	}
}

// Values whose methods panic.
type badError struct{}

func (badError) Error() string { panic("boom") }

type badStringer struct{}

func (badStringer) String() string { panic("boom") }

type badValuer struct{}

func (badValuer) LogValue() slog.Value { panic("boom") }

type badWriter struct{ err error }

func (w badWriter) Write([]byte) (int, error) {
	if w.err == nil {
		panic("boom")
	}
	return 0, w.err
}

var errBoom = errors.New("boom")
