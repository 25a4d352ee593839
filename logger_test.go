//go:build deferred || future

package txaio_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
	"github.com/txaio-go/txaio/testutil"
)

// output is a writer that is safe for concurrent use.
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

// take returns the text written since the last call, with TIME for each time.
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

// newLogrus returns a logrus logger of an application, with the text formatter and
// all levels.
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

// last returns the only entry since the last call.
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

// recorded returns a logger with the namespace test, and the recorder of its
// entries.
func recorded(opts ...txaio.LoggerOption) (*txaio.Logger, *recorder) {
	r := new(recorder)
	logger := newLogrus(io.Discard)
	logger.AddHook(r)
	opts = append([]txaio.LoggerOption{txaio.WithLogrus(logger), txaio.WithNamespace("test")}, opts...)
	return txaio.MakeLogger(opts...), r
}

// stderrOf runs fn and returns what it printed on standard error.
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

// started calls StartLogging in a child process and returns its output. In the
// parent process it runs the child and returns false.
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

func TestLogMethods(t *testing.T) {
	log, r := recorded()
	for _, c := range []struct {
		level  txaio.Level
		logrus logrus.Level
		log    func(string, ...slog.Attr)
	}{
		{txaio.LevelCritical, logrus.FatalLevel, log.Critical},
		{txaio.LevelError, logrus.ErrorLevel, log.Error},
		{txaio.LevelWarn, logrus.WarnLevel, log.Warn},
		{txaio.LevelInfo, logrus.InfoLevel, log.Info},
		{txaio.LevelDebug, logrus.DebugLevel, log.Debug},
		{txaio.LevelTrace, logrus.TraceLevel, log.Trace},
	} {
		emit := func(format string, attrs ...slog.Attr) { log.Emit(c.level, format, attrs...) }
		for _, do := range []func(string, ...slog.Attr){c.log, emit} {
			before := time.Now()
			do("{n} at {log_level} in {log_namespace}", slog.Int("n", 7))
			entry := r.last(t)
			if want := "7 at " + c.level.String() + " in test"; entry.Message != want || entry.Level != c.logrus {
				t.Errorf("%v: %q at %v", c.level, entry.Message, entry.Level)
			}
			want := logrus.Fields{"n": int64(7), "log_namespace": "test"}
			if c.level == txaio.LevelTrace {
				want["txaio_trace"] = true
			}
			if !maps.Equal(entry.Data, want) {
				t.Errorf("%v: fields %v, want %v", c.level, entry.Data, want)
			}
			if entry.Time.Before(before) || entry.Time.After(time.Now()) {
				t.Errorf("%v: at %v", c.level, entry.Time)
			}
		}
	}
}

func TestLogLookups(t *testing.T) {
	log, r := recorded()
	for _, c := range []struct {
		format string
		attrs  []slog.Attr
		want   string
	}{
		{"{txaio_trace}", []slog.Attr{slog.Int("a", 1)}, `Unable to format "{txaio_trace}": there is no value named "txaio_trace"`},
		{"{a} {missing}", []slog.Attr{slog.Int("a", 1)}, `Unable to format "{a} {missing}": there is no value named "missing"`},
		{"{a:10001}", []slog.Attr{slog.Int("a", 1)}, `Unable to format "{a:10001}": the width is larger than 10000`},
		{"{a", []slog.Attr{slog.Int("a", 1)}, `Unable to format "{a": expected '}' before end of string`},
		{"{missing} {", nil, "{missing} {"},
		{"{log_namespace} {{}}", nil, "{log_namespace} {{}}"},
		{"{log_namespace} {{}}", []slog.Attr{slog.Int("a", 1)}, "test {}"},
		{"{a}", []slog.Attr{slog.Int("a", 1), slog.Int("a", 2)}, "2"},
		{"{log_level}", []slog.Attr{slog.String("log_level", "mine")}, "info"},
		{"{g.a} {g}", []slog.Attr{slog.Group("g", slog.Int("a", 1), slog.Int("b", 2))}, "1 [a=1 b=2]"},
		{"{e}", []slog.Attr{slog.Any("e", errBoom)}, "boom"},
		{"{what.sides}", []slog.Attr{slog.Any("what", struct{ Sides int }{6})}, "6"},
		{"{s}", []slog.Attr{slog.String("s", "a\nb")}, "a\nb"},
	} {
		log.Info(c.format, c.attrs...)
		entry := r.last(t)
		if entry.Message != c.want {
			t.Errorf("%q: %q, want %q", c.format, entry.Message, c.want)
		}
		for _, attr := range c.attrs {
			if _, ok := entry.Data[attr.Key]; !ok {
				t.Errorf("%q: there is no field %s", c.format, attr.Key)
			}
		}
	}
	log.Trace("{txaio_trace} {log_time.year}", slog.Int("a", 1))
	if entry := r.last(t); entry.Message != "true "+entry.Time.Format("2006") {
		t.Errorf("%q", entry.Message)
	}
}

// TestPythonFormats compares messages with the results of Python's str.format.
func TestPythonFormats(t *testing.T) {
	file, err := os.Open("internal/format/testdata/format.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log, r := recorded()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		var c struct {
			ID, Format string
			Args       map[string]any
			Want       *string
		}
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&c); err != nil {
			t.Fatal(err)
		}
		var attrs []slog.Attr
		for name, value := range c.Args {
			attrs = append(attrs, slog.Any(name, pythonNumbers(value)))
		}
		log.Info(c.Format, attrs...)
		got := r.last(t).Message
		switch unable := `Unable to format "` + c.Format + `": `; {
		case c.Want != nil && got != *c.Want:
			t.Errorf("%s %q %v: %q, want %q", c.ID, c.Format, c.Args, got, *c.Want)
		case c.Want == nil && (!strings.HasPrefix(got, unable) || got == unable):
			t.Errorf("%s %q %v: %q, want an error", c.ID, c.Format, c.Args, got)
		}
	}
	if count != 600 {
		t.Errorf("%d cases, want 600", count)
	}
}

// pythonNumbers converts JSON numbers as Python does.
func pythonNumbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case []any:
		for i := range x {
			x[i] = pythonNumbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = pythonNumbers(x[k])
		}
	}
	return v
}

type secret string

func (secret) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", "secret"), slog.Int("n", 1))
}

// logValuer takes two steps to resolve.
type logValuer struct{ slog.LogValuer }

func (v logValuer) LogValue() slog.Value { return slog.AnyValue(v.LogValuer) }

// Both of logrus's formatters print the entry, whatever its attributes are.
func TestLogFields(t *testing.T) {
	var text, jsonText bytes.Buffer
	toText := newLogrus(&text)
	toJSON := newLogrus(&jsonText)
	toJSON.SetFormatter(&logrus.JSONFormatter{DisableTimestamp: true})
	errout := stderrOf(t, func() {
		for _, logger := range []*logrus.Logger{toText, toJSON} {
			log := txaio.MakeLogger(txaio.WithLogrus(logger), txaio.WithNamespace("ns"))
			log.Info("hi {s}", slog.String("s", "a b"), slog.Int("n", 1), slog.Bool("yes", true), slog.Duration("d", time.Second), slog.Any("err", errBoom), slog.Any("nil", nil))
			log.Info("odd", slog.Any("func", func() {}), slog.Any("chan", make(chan int)), slog.Any("complex", 1i), slog.Float64("nan", math.NaN()), slog.Float64("inf", math.Inf(1)))
			log.Warn("group", slog.Group("g", slog.Any("v", secret("x")), slog.Float64("nan", math.NaN())), slog.Any("v", secret("x")))
			log.Warn("clash", slog.String("msg", "m"), slog.String("level", "l"), slog.String("log_namespace", "other"))
			log.Info("valuer {v}", slog.Any("v", logValuer{secret("x")}))
		}
	})
	if errout != "" {
		t.Errorf("standard error: %s", errout)
	}
	wantContains(t, text.String(),
		`level=info msg="hi a b" d=1s err=boom log_namespace=ns n=1 nil="<nil>" s="a b" yes=true`+"\n",
		"msg=odd chan=0x", "complex=\"(0+1i)\"", "inf=+Inf", "nan=NaN",
		`level=warning msg=group g="map[nan:NaN v:map[kind:secret n:1]]" log_namespace=ns v="map[kind:secret n:1]"`+"\n",
		"level=warning msg=clash fields.level=l fields.msg=m log_namespace=ns\n",
		`msg="valuer [kind=secret n=1]" log_namespace=ns v="map[kind:secret n:1]"`)
	wantContains(t, jsonText.String(),
		`{"d":1000000000,"err":"boom","level":"info","log_namespace":"ns","msg":"hi a b","n":1,"nil":null,"s":"a b","yes":true}`+"\n",
		`"chan":"0x`, `"complex":"(0+1i)"`, `"nan":"NaN"`, `"inf":"+Inf"`,
		`{"g":{"nan":"NaN","v":{"kind":"secret","n":1}},"level":"warning","log_namespace":"ns","msg":"group","v":{"kind":"secret","n":1}}`+"\n",
		`{"fields.level":"l","fields.msg":"m","level":"warning","log_namespace":"ns","msg":"clash"}`+"\n")
	for name, out := range map[string]string{"text": text.String(), "JSON": jsonText.String()} {
		if n := strings.Count(out, "\n"); n != 5 {
			t.Errorf("%d lines of %s, want 5:\n%s", n, name, out)
		}
	}
}

type endless struct{}

func (e endless) LogValue() slog.Value { return slog.GroupValue(slog.Any("e", e)) }

func TestEndlessGroup(t *testing.T) {
	log, r := recorded()
	log.Info("{e}", slog.Any("e", endless{}))
	wantContains(t, r.last(t).Message, "[e=[e=[e=", "...")
	log.Info("fine", slog.Any("e", endless{}))
	if got := r.last(t).Message; got != "fine" {
		t.Errorf("%q", got)
	}
}

func TestFailureEntry(t *testing.T) {
	log, r := recorded()
	fail := txaio.CreateFailure(errBoom)
	traceback := txaio.FailureFormatTraceback(fail)
	for _, c := range []struct {
		fail        *txaio.Failure
		format      string
		attrs       []slog.Attr
		want, below string
	}{
		{fail, "It failed {n} times: {log_failure}", []slog.Attr{slog.Int("n", 2)}, "It failed 2 times: boom\n", traceback},
		{fail, "", nil, "", traceback},
		{fail, "{unknown}", nil, "{unknown}\n", traceback},
		{nil, "Nothing", nil, "Nothing\n", txaio.FailureFormatTraceback(nil)},
	} {
		log.Failure(c.fail, c.format, c.attrs...)
		entry := r.last(t)
		if entry.Message != c.want+c.below || entry.Level != logrus.ErrorLevel {
			t.Errorf("%q at %v, want %q", entry.Message, entry.Level, c.want+c.below)
		}
		if got := entry.Data["log_failure"]; got != c.fail {
			t.Errorf("log_failure is %v", got)
		}
	}
	wantContains(t, traceback, "logger_test.go", "TestFailureEntry")
	log.Critical("{" + traceback + "}")
	if got := r.last(t).Message; got != "{"+traceback+"}" {
		t.Errorf("a traceback with braces is %q", got)
	}
}

// A critical entry does not exit, although logrus's Fatal does.
func TestCriticalDoesNotExit(t *testing.T) {
	var out bytes.Buffer
	logger := newLogrus(&out) // whose ExitFunc panics
	txaio.MakeLogger(txaio.WithLogrus(logger), txaio.WithNamespace("ns")).Critical("still here")
	logger.ExitFunc = nil
	txaio.MakeLogger(txaio.WithLogrus(logger), txaio.WithNamespace("ns")).Critical("still here")
	if want := strings.Repeat("level=fatal msg=\"still here\" log_namespace=ns\n", 2); out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func wantEnabled(t *testing.T, log *txaio.Logger, upTo txaio.Level) {
	t.Helper()
	for level := txaio.Level(-2); level < 10; level++ {
		if got := log.Enabled(level); got != (txaio.LevelNone < level && level <= upTo) {
			t.Errorf("Enabled(%v) is %v, want those up to %v", level, got, upTo)
		}
	}
}

// Before StartLogging, the logrus logger's level applies.
func TestLevelOfLogrus(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	var out bytes.Buffer
	own := newLogrus(&out)
	txaio.SetLogrus(own)
	log, pinned := txaio.MakeLogger(), txaio.MakeLogger(txaio.WithLevel(txaio.LevelWarn))
	for i, level := range []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel, logrus.DebugLevel, logrus.TraceLevel} {
		own.SetLevel(level)
		wantEnabled(t, log, txaio.Level(i))
		wantEnabled(t, pinned, min(txaio.Level(i), txaio.LevelWarn))
		if got := txaio.GlobalLogLevel(); got != txaio.Level(i) {
			t.Errorf("the global level is %v where logrus's is %v", got, level)
		}
	}
	own.SetLevel(logrus.InfoLevel)
	log.Debug("below")
	log.Emit(txaio.LevelNone, "never")
	log.Emit(99, "never")
	log.Info("logged")
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("logged:\n%s", out.String())
	}

	own.SetLevel(logrus.TraceLevel)
	txaio.SetGlobalLogLevel(txaio.LevelError)
	wantEnabled(t, log, txaio.LevelError)
	wantEnabled(t, txaio.MakeLogger(), txaio.LevelError)
	wantEnabled(t, pinned, txaio.LevelWarn)
	if got := txaio.GlobalLogLevel(); got != txaio.LevelError {
		t.Errorf("the global level is %v", got)
	}
	pinned.SetLevel(txaio.LevelTrace)
	wantEnabled(t, pinned, txaio.LevelTrace)
	txaio.SetGlobalLogLevel(txaio.LevelNone)
	wantEnabled(t, log, txaio.LevelNone)
	wantEnabled(t, pinned, txaio.LevelTrace)
	own.SetLevel(logrus.InfoLevel) // which has the last word
	wantEnabled(t, pinned, txaio.LevelInfo)

	txaio.SetLogrus(nil)
	logrus.SetLevel(logrus.WarnLevel)
	wantEnabled(t, pinned, txaio.LevelWarn)
}

func TestLogCategories(t *testing.T) {
	log, r := recorded()
	txaio.AddLogCategories(map[string]string{"TEST1": "first {a}", "TEST2": "second"})
	formats := map[string]string{"TEST2": "second again {a}"}
	txaio.AddLogCategories(formats)
	formats["TEST2"] = "changed afterwards"
	type category string
	for _, c := range []struct {
		category any
		want     string
	}{
		{"TEST1", "first 1"}, {"TEST2", "second again 1"}, {category("TEST1"), "first 1"}, {"TEST3", "own 1"}, {7, "own 1"}, {nil, "own 1"},
	} {
		log.Info("own {a}", slog.Any("log_category", c.category), slog.Int("a", 1))
		entry := r.last(t)
		if _, ok := entry.Data["log_category"]; entry.Message != c.want || !ok {
			t.Errorf("%v: %q with the fields %v, want %q", c.category, entry.Message, entry.Data, c.want)
		}
	}
	log.Info("", slog.String("log_category", "TEST1"))
	if got := r.last(t).Message; got != `Unable to format "first {a}": there is no value named "a"` {
		t.Errorf("%q", got)
	}
}

func TestDisabledAllocations(t *testing.T) {
	name, count := "roy", 42
	log, _ := recorded(txaio.WithLevel(txaio.LevelInfo))
	unpinned := txaio.MakeLogger(txaio.WithLogrus(discardLogrus(&logrus.TextFormatter{})))
	fail := txaio.CreateFailure(errBoom)
	quiet, _ := recorded(txaio.WithLevel(txaio.LevelCritical))
	if n := testing.AllocsPerRun(100, func() { quiet.Failure(fail, "{a}", slog.Int("a", count)) }); n != 0 {
		t.Errorf("a disabled Failure allocates %v times", n)
	}
	for _, log := range []*txaio.Logger{log, unpinned} {
		if n := testing.AllocsPerRun(100, func() {
			log.Debug("{name} {count} {took}", slog.String("name", name), slog.Int("count", count), slog.Duration("took", time.Second))
			log.Emit(txaio.LevelTrace, "{name} {count} {took}", slog.String("name", name), slog.Int("count", count), slog.Duration("took", time.Second))
		}); n != 0 {
			t.Errorf("a disabled call allocates %v times", n)
		}
	}
}

// The package doesn't keep loggers alive.
func TestLoggersAreCollected(t *testing.T) {
	for range 20 {
		for range 1000 {
			txaio.MakeLogger().With(slog.Int("a", 1))
		}
		runtime.GC()
	}
	if n := txaio.LoggerCount(); n > 10_000 {
		t.Errorf("there are %d loggers", n)
	}
}

// Logged values are not kept in memory, and don't appear in later entries.
func TestLogLetsGo(t *testing.T) {
	logger, entries := recorded()
	type large [1 << 16]byte
	value, failed := new(large), txaio.CreateFailure(fmt.Errorf("%w", errBoom))
	weakly, weakFailure := weak.Make(value), weak.Make(failed)
	logger.Failure(failed, "{a:p} {b} {c}", slog.Int("a", 1), slog.Int("b", 2), slog.Any("c", value))
	entries.last(t)
	runtime.GC() // the first time it leaves what is in pools
	if weakly.Value() != nil || weakFailure.Value() != nil {
		t.Error("an attribute or a failure is kept")
	}
	logger.Info("{b}", slog.Int("a", 1))
	if got := entries.last(t); len(got.Data) != 2 || got.Message != `Unable to format "{b}": there is no value named "b"` {
		t.Errorf("%q, %v", got.Message, got.Data)
	}
}

// Errors and panics in an application's logrus are reported on standard error.
func TestLogTrouble(t *testing.T) {
	var out bytes.Buffer
	logger := newLogrus(&out)
	log := txaio.MakeLogger(txaio.WithLogrus(logger), txaio.WithNamespace("ns"))
	lines := 0
	trouble := func(name, want string, fn func()) {
		t.Helper()
		if errout := stderrOf(t, fn); !strings.Contains(errout, want) {
			t.Errorf("%s: standard error is %q, want %q", name, errout, want)
		}
		log.Info("and on")
		lines++
	}
	for method, value := range map[string]any{"Error": badError{}, "String": badStringer{}, "LogValue": badValuer{}} {
		want := `panic while logging "{v}": the method ` + method + " panicked: boom\n"
		trouble(method, want, func() { log.Info("{v}", slog.Any("v", value)) })
		lines++ // such an entry is written
	}
	trouble("LogValue", `panic while logging "the format": the method LogValue panicked: boom`, func() { log.Info("the format", slog.Any("v", badValuer{})) })
	lines++
	trouble("Error", `panic while logging "not lost": the method Error panicked: boom`, func() {
		logger.SetFormatter(&logrus.JSONFormatter{})
		log.Info("not lost", slog.Any("v", badError{}))
		logger.SetFormatter(&logrus.TextFormatter{})
	})
	lines++
	hook := &hookFunc{fire: func(*logrus.Entry) error { panic("boom") }}
	logger.AddHook(hook)
	trouble("hook", `panic while logging "hooked": boom`, func() { log.Info("hooked"); hook.fire = nil })
	hook.fire = func(*logrus.Entry) error { return errBoom }
	trouble("failing hook", "boom", func() { log.Info("hook failed"); hook.fire = nil })
	lines++ // such an entry is written
	logger.SetOutput(badWriter{})
	trouble("writer", `panic while logging "lost": boom`, func() { log.Info("lost"); logger.SetOutput(&out) })
	logger.SetOutput(badWriter{errBoom})
	trouble("failing writer", "boom", func() { log.Info("lost"); logger.SetOutput(&out) })
	logger.SetFormatter(nil)
	trouble("no formatter", `panic while logging "lost"`, func() {
		log.Info("lost")
		logger.SetFormatter(&logrus.TextFormatter{})
	})
	if n := strings.Count(out.String(), "\n"); n != lines {
		t.Errorf("%d lines, want %d:\n%s", n, lines, out.String())
	}
}

// hookFunc is a hook that calls its function, if it has one.
type hookFunc struct{ fire func(*logrus.Entry) error }

func (*hookFunc) Levels() []logrus.Level { return logrus.AllLevels }

func (h *hookFunc) Fire(entry *logrus.Entry) error {
	if h.fire == nil {
		return nil
	}
	return h.fire(entry)
}

// The loop's default exception handler logs, and unhandled failures are logged.
func TestReports(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	r := new(recorder)
	logger := newLogrus(io.Discard)
	logger.AddHook(r)
	txaio.SetLogrus(logger)
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	loop.CallSoon(func() { panic(errBoom) })
	loop.RunUntilIdle()
	checkReport(t, r.last(t))

	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, func(int) (int, error) { return 0, errBoom }, nil)
	if err := txaio.Resolve(f, 1); err != nil {
		t.Fatal(err)
	}
	loop.RunUntilIdle()
	if txaio.UsingFuture {
		checkReport(t, r.last(t))
	}
}

func checkReport(t *testing.T, entry *logrus.Entry) {
	t.Helper()
	wantContains(t, entry.Message, "Unhandled error", "Traceback (most recent call last):", "boom")
	fail, ok := entry.Data["log_failure"].(*txaio.Failure)
	if !ok || !errors.Is(fail, errBoom) || entry.Level != logrus.ErrorLevel {
		t.Errorf("at %v with the fields %v", entry.Level, entry.Data)
	}
	if entry.Data["log_namespace"] != "github.com/txaio-go/txaio" {
		t.Errorf("in the namespace %v", entry.Data["log_namespace"])
	}
}

// counted is a LogValuer that counts its calls.
type counted struct{ calls *int }

func (c counted) LogValue() slog.Value {
	*c.calls++
	return slog.IntValue(*c.calls)
}

func TestLogValuerIsAskedOnce(t *testing.T) {
	hook := new(recorder)
	target := logrus.New()
	target.SetOutput(io.Discard)
	target.AddHook(hook)
	calls := 0
	txaio.MakeLogger(txaio.WithLogrus(target)).Info("{n} and {n}", slog.Any("n", counted{&calls}))
	if entry := hook.entries[0]; calls != 1 || entry.Message != "1 and 1" || entry.Data["n"] != int64(1) {
		t.Errorf("asked %d times: %q, field %v", calls, entry.Message, entry.Data["n"])
	}
}

func TestWith(t *testing.T) {
	log, r := recorded()
	with := log.With(slog.Int("a", 1), slog.Int("b", 2))
	deeper := with.With(slog.Int("c", 3), slog.Int("a", 4))
	for _, c := range []struct {
		log  *txaio.Logger
		want string
		data logrus.Fields
	}{
		{log, "message {a}", logrus.Fields{}},
		{with, "message 1", logrus.Fields{"a": int64(1), "b": int64(2)}},
		{deeper, "message 4", logrus.Fields{"a": int64(4), "b": int64(2), "c": int64(3)}},
		{with.With(), "message 1", logrus.Fields{"a": int64(1), "b": int64(2)}},
	} {
		c.data["log_namespace"] = "test"
		c.log.Info("message {a}")
		if entry := r.last(t); entry.Message != c.want || !maps.Equal(entry.Data, c.data) {
			t.Errorf("%q with %v, want %q with %v", entry.Message, entry.Data, c.want, c.data)
		}
	}
	with.Info("message {a}", slog.Int("a", 5))
	if got := r.last(t).Message; got != "message 5" {
		t.Errorf("%q", got)
	}
	if deeper.Namespace() != "test" {
		t.Errorf("the namespace is %q", deeper.Namespace())
	}

	log.SetLevel(txaio.LevelError)
	wantEnabled(t, deeper, txaio.LevelError)
	with.SetLevel(txaio.LevelDebug)
	wantEnabled(t, log, txaio.LevelError)
	wantEnabled(t, deeper, txaio.LevelDebug)
	with.ResetLevel()
	wantEnabled(t, deeper, txaio.LevelError)
	log.ResetLevel()
	wantEnabled(t, deeper, txaio.LevelTrace)
}

func TestSetLogLevels(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	logrus.SetLevel(logrus.TraceLevel)
	txaio.SetGlobalLogLevel(txaio.LevelWarn)
	named := func(name string, opts ...txaio.LoggerOption) *txaio.Logger {
		return txaio.MakeLogger(append(opts, txaio.WithNamespace(name))...)
	}
	a, ab, other, pinned := named("a"), named("a.b.C"), named("other"), named("a.b", txaio.WithLevel(txaio.LevelCritical))
	with := ab.With()
	levels := map[string]txaio.Level{"a": txaio.LevelInfo, "a.b": txaio.LevelTrace, "a.b.C.d": txaio.LevelNone}
	txaio.SetLogLevels(levels)
	levels["other"] = txaio.LevelTrace // afterwards
	late := named("a.bc")
	check := func(wantA, wantAB, wantOther, wantPinned txaio.Level) {
		t.Helper()
		wantEnabled(t, a, wantA)
		wantEnabled(t, ab, wantAB)
		wantEnabled(t, with, wantAB)
		wantEnabled(t, late, wantAB)
		wantEnabled(t, other, wantOther)
		wantEnabled(t, pinned, wantPinned)
	}
	check(txaio.LevelInfo, txaio.LevelTrace, txaio.LevelWarn, txaio.LevelCritical)
	txaio.SetGlobalLogLevel(txaio.LevelError)
	check(txaio.LevelInfo, txaio.LevelTrace, txaio.LevelError, txaio.LevelCritical)
	pinned.ResetLevel()
	check(txaio.LevelInfo, txaio.LevelTrace, txaio.LevelError, txaio.LevelTrace)
	txaio.SetLogLevels(map[string]txaio.Level{"": txaio.LevelDebug})
	check(txaio.LevelDebug, txaio.LevelDebug, txaio.LevelDebug, txaio.LevelDebug)
	txaio.SetLogLevels(nil)
	check(txaio.LevelError, txaio.LevelError, txaio.LevelError, txaio.LevelError)
	wantUsageError(t, func() { txaio.SetLogLevels(map[string]txaio.Level{"a": 9}) }, "trace")
	check(txaio.LevelError, txaio.LevelError, txaio.LevelError, txaio.LevelError)
}

// discardLogrus returns a logrus logger of an application that discards its output.
func discardLogrus(formatter logrus.Formatter) *logrus.Logger {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.SetFormatter(formatter)
	return logger
}

func quietLogger() *txaio.Logger {
	return txaio.MakeLogger(txaio.WithLogrus(discardLogrus(&logrus.TextFormatter{})), txaio.WithLevel(txaio.LevelInfo))
}

func BenchmarkDisabled(b *testing.B) {
	name, count, took := "roy", 42, time.Second
	b.Run("txaio", func(b *testing.B) {
		log := quietLogger()
		b.ReportAllocs()
		for b.Loop() {
			log.Debug("{name} {count} {took}", slog.String("name", name), slog.Int("count", count), slog.Duration("took", took))
		}
	})
	b.Run("unpinned", func(b *testing.B) {
		log := txaio.MakeLogger(txaio.WithLogrus(discardLogrus(&logrus.TextFormatter{})))
		b.ReportAllocs()
		for b.Loop() {
			log.Debug("{name} {count} {took}", slog.String("name", name), slog.Int("count", count), slog.Duration("took", took))
		}
	})
	b.Run("slog", func(b *testing.B) {
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		ctx := context.Background()
		b.ReportAllocs()
		for b.Loop() {
			log.LogAttrs(ctx, slog.LevelDebug, "message", slog.String("name", name), slog.Int("count", count), slog.Duration("took", took))
		}
	})
}

func BenchmarkEnabled(b *testing.B) {
	for _, level := range []txaio.Level{txaio.LevelDebug, txaio.LevelInfo} {
		b.Run(level.String(), func(b *testing.B) {
			log := quietLogger()
			for b.Loop() {
				log.Enabled(level)
			}
		})
	}
}

func BenchmarkInfo(b *testing.B) {
	for _, c := range []struct {
		name      string
		formatter logrus.Formatter
	}{{"text", &logrus.TextFormatter{}}, {"json", &logrus.JSONFormatter{}}} {
		b.Run(c.name+"/txaio", func(b *testing.B) {
			log := txaio.MakeLogger(txaio.WithLogrus(discardLogrus(c.formatter)))
			b.ReportAllocs()
			for b.Loop() {
				log.Info("Hello, {name}.", slog.String("name", "roy"))
			}
		})
		b.Run(c.name+"/logrus", func(b *testing.B) {
			log := discardLogrus(c.formatter)
			b.ReportAllocs()
			for b.Loop() {
				log.WithFields(logrus.Fields{"name": "roy"}).Infof("Hello, %s.", "roy")
			}
		})
	}
}
