//go:build deferred || future

package txaio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/sirupsen/logrus"
	logrusslog "github.com/sirupsen/logrus/hooks/slog"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
)

// StartLogging affects the whole process, so each of these tests runs in its own.

func TestStartLogging(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	logger := txaio.MakeLogger()
	out, other := new(bytes.Buffer), new(output)
	listsLevels(t, txaio.StartLogging(other, 9))
	before := time.Now().Truncate(time.Second)
	if err := txaio.StartLogging(out, txaio.LevelInfo); err != nil {
		t.Fatal(err)
	}
	if err := txaio.StartLogging(other, txaio.LevelTrace); err != nil {
		t.Error(err)
	}
	listsLevels(t, txaio.StartLogging(other, -1))
	other.want(t, "")

	logger.Debug("below")
	logger.Info("Hello, {name}!", slog.String("name", "Roy"), slog.Int("unused", 1))
	line, ok := strings.CutSuffix(out.String(), " Hello, Roy!\n")
	at, err := time.Parse("2006-01-02T15:04:05-0700", line)
	if !ok || err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("%q, %v", out, err)
	}
	if got := txaio.GlobalLogLevel(); got != txaio.LevelInfo {
		t.Errorf("the global level is %v", got)
	}
}

func TestStartLoggingOnStdout(t *testing.T) {
	printed, child := inChild(t)
	if !child {
		if !regexp.MustCompile(`(?m)^\S+ to standard output$`).MatchString(printed) {
			t.Errorf("printed %q", printed)
		}
		return
	}
	os.Stderr, _ = os.Open(os.DevNull)
	if err := txaio.StartLogging(nil, txaio.LevelInfo); err != nil {
		t.Fatal(err)
	}
	txaio.MakeLogger().Info("to standard output")
}

func TestBridges(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	hook := new(recorder)
	logrus.AddHook(hook)
	wantFields := func(want logrus.Fields) {
		t.Helper()
		if got := hook.last(t).Data; !maps.Equal(got, want) {
			t.Errorf("the fields are %v, want %v", got, want)
		}
	}

	log.Print("standard")
	out.want(t, "TIME standard\n")
	wantFields(logrus.Fields{})
	log.SetPrefix("prefix: ")
	log.Println("standard")
	log.SetPrefix("")
	out.want(t, "TIME prefix: standard\n")
	log.SetFlags(log.Lmsgprefix | log.Lshortfile)
	log.Print("standard")
	log.SetFlags(0)
	if got := out.take(); !regexp.MustCompile(`^TIME log_bridge_test\.go:\d+: standard\n$`).MatchString(got) {
		t.Errorf("%q", got)
	}

	hook.entries = nil
	slog.Info("slog", "a", 1, slog.Group("g", "b", "x\ny", slog.Group("", "c", 2), slog.Group("empty")), slog.Any("v", secret("x")), slog.Attr{})
	out.want(t, `TIME slog a=1 g.b=x\ny g.c=2 v.kind=secret v.n=1`+"\n")
	wantFields(logrus.Fields{"a": int64(1), "g.b": "x\ny", "g.c": int64(2), "v.kind": "secret", "v.n": int64(1)})
	base := slog.With("a", 1).WithGroup("g").With("b", 2)
	one, two := base.With("one", 1), base.With("two", 2)
	one.Warn("slog", "c", 3)
	two.WithGroup("").WithGroup("h").Error("slog", "c", errBoom)
	base.WithGroup("h").Info("slog")
	out.want(t, "TIME slog a=1 g.b=2 g.one=1 g.c=3\nTIME slog a=1 g.b=2 g.two=2 g.h.c=boom\nTIME slog a=1 g.b=2\n")
	slog.New(slog.Default().Handler().WithGroup("")).Info("slog", "a", 1)
	out.want(t, "TIME slog a=1\n")
	for n := range 12 { // whatever room a slice has at its end
		many, attrs := slog.Default(), ""
		for i := range n {
			many, attrs = many.With(fmt.Sprint(i), 1), attrs+fmt.Sprintf(" %d=1", i)
		}
		x, y := many.With("x", 1), many.With("y", 2)
		x.Info("slog")
		y.Info("slog")
		out.want(t, "TIME slog"+attrs+" x=1\nTIME slog"+attrs+" y=2\n")
	}
	slog.Debug("below")
	slog.Log(context.Background(), slog.LevelDebug-4, "below")
	out.want(t, "")
	if slog.Default().Enabled(context.Background(), slog.LevelDebug) || !slog.Default().Enabled(context.Background(), slog.LevelInfo) {
		t.Error("slog's level is another")
	}

	hook.entries = nil
	logrus.WithFields(logrus.Fields{"b": 2, "a\n": "x\ny"}).WithError(errBoom).Warn("logrus")
	out.want(t, `TIME logrus a\n=x\ny b=2 error=boom`+"\n")
	logrus.Debug("below")
	logrus.Infof("%d", 1)
	logrus.Info("")
	out.want(t, "TIME 1\nTIME \n")

	txaio.SetGlobalLogLevel(txaio.LevelTrace)
	logrus.Trace("trace")
	slog.Debug("debug")
	slog.Log(context.Background(), slog.LevelDebug-4, "trace")
	txaio.MakeLogger().Trace("trace")
	out.want(t, "TIME trace\nTIME debug\nTIME trace\nTIME trace\n")

	txaio.SetGlobalLogLevel(txaio.LevelNone)
	logrus.Error("below")
	slog.Error("below")
	log.Print("below")
	txaio.MakeLogger().Critical("below")
	out.want(t, "")
}

// Levels of slog become levels of logrus.
func TestSlogLevels(t *testing.T) {
	_, child := started(t, txaio.LevelTrace)
	if !child {
		return
	}
	hook := new(recorder)
	logrus.AddHook(hook)
	for level, want := range map[slog.Level]logrus.Level{
		slog.LevelError + 4: logrus.ErrorLevel, slog.LevelError: logrus.ErrorLevel, slog.LevelError - 1: logrus.WarnLevel,
		slog.LevelWarn: logrus.WarnLevel, slog.LevelWarn - 1: logrus.InfoLevel, slog.LevelInfo: logrus.InfoLevel,
		slog.LevelInfo - 1: logrus.DebugLevel, slog.LevelDebug: logrus.DebugLevel, slog.LevelDebug - 1: logrus.TraceLevel,
	} {
		type key struct{}
		ctx := context.WithValue(context.Background(), key{}, "mine")
		slog.Log(ctx, level, "message")
		entry := hook.last(t)
		if entry.Level != want || entry.Message != "message" || entry.Context.Value(key{}) != "mine" {
			t.Errorf("%v: %q at %v", level, entry.Message, entry.Level)
		}
	}
}

// A logger with a more verbose level of its own doesn't affect others.
func TestPinnedAfterStart(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	early := txaio.MakeLogger(txaio.WithLevel(txaio.LevelDebug))
	follower := txaio.MakeLogger()
	out := new(output)
	if err := txaio.StartLogging(out, txaio.LevelWarn); err != nil {
		t.Fatal(err)
	}
	late := txaio.MakeLogger()
	late.SetLevel(txaio.LevelTrace)
	quiet := txaio.MakeLogger(txaio.WithLevel(txaio.LevelNone))
	wantEnabled(t, early, txaio.LevelDebug)
	wantEnabled(t, follower, txaio.LevelWarn)
	wantEnabled(t, late, txaio.LevelTrace)
	wantEnabled(t, quiet, txaio.LevelNone)

	early.Debug("early")
	late.Trace("late")
	quiet.Critical("quiet")
	logrus.Info("below")
	slog.Info("below")
	log.Print("below") // which slog takes for info
	out.want(t, "TIME early\nTIME late\n")

	txaio.SetGlobalLogLevel(txaio.LevelError)
	wantEnabled(t, early, txaio.LevelDebug)
	wantEnabled(t, follower, txaio.LevelError)
}

// SetLogrus sends entries to the application's logger alone.
func TestSetLogrusAfterStart(t *testing.T) {
	out, child := started(t, txaio.LevelDebug)
	if !child {
		return
	}
	other := new(bytes.Buffer)
	own := newLogrus(other)
	own.SetLevel(logrus.InfoLevel)
	txaio.SetLogrus(own)
	logger := txaio.MakeLogger(txaio.WithNamespace("ns"))
	logger.Debug("below")
	logger.Info("there")
	if logger.Enabled(txaio.LevelDebug) {
		t.Error("enabled at a level of which logrus logs nothing")
	}
	if got := other.String(); got != "level=info msg=there log_namespace=ns\n" {
		t.Errorf("%s", got)
	}
	slog.Info("here")
	out.want(t, "TIME here\n")
	txaio.SetLogrus(nil)
	logger.Debug("here")
	out.want(t, "TIME here\n")
}

// No value can forge a line.
func TestNothingIsForged(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	const forged = "x\r\n2016-01-21T01:02:03-0100 forged\x1b[2K"
	logger := txaio.MakeLogger()
	logger.Info("a\nb {v}", slog.String("v", forged))
	out.want(t, "TIME a\n  b x\n  "+`2016-01-21T01:02:03-0100 forged\x1b[2K`+"\n")
	logger.Info("{v.x} {v!r:>3} {missing}", slog.String("v", forged))
	logger.Info("{v:d}", slog.Any("v", errors.New(forged)))
	logger.Info("{v.explode}", slog.Any("v", exploding(forged)))
	logger.Failure(txaio.CreateFailure(errors.New(forged)), "{v}", slog.String("v", forged))
	logger.Info("by category", slog.String("log_category", forged))
	log.Printf("%s", forged)
	slog.Info(forged, "v", forged, forged, "v", slog.Group(forged, forged, forged))
	slog.With(forged, forged).WithGroup(forged).Info("message", "v", 1)
	logrus.WithField(forged, forged).Info(forged)
	logrus.AddHook(&hookFunc{func(entry *logrus.Entry) error { entry.Message += forged; return nil }})
	got := out.take()
	logger.Info("hooked {v}\n", slog.Int("v", 1))
	out.want(t, "TIME hooked 1\n  x\n  "+`2016-01-21T01:02:03-0100 forged\x1b[2K`+"\n")
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "TIME forged") || strings.ContainsAny(line, "\r\x1b") {
			t.Errorf("forged: %q", line)
		}
	}
	if strings.Count(got, "TIME ") != strings.Count("\n"+got, "\nTIME ") || strings.Count(got, "TIME ") != 9 {
		t.Errorf("not nine entries:\n%s", got)
	}
}

type exploding string

func (e exploding) Explode() int { panic(string(e)) }

// The lines of a message are kept and indented.
func TestLinesThatStay(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logger := txaio.MakeLogger()
	fail := txaio.CreateFailure(errBoom)
	traceback := strings.ReplaceAll(txaio.FailureFormatTraceback(fail), "\n", "\n  ")
	logger.Failure(fail, "It\nfailed: {v}", slog.String("v", "\t"))
	out.want(t, "TIME It\n  failed: \\t\n  "+traceback+"\n")
	logger.Failure(nil, "")
	out.want(t, "TIME "+txaio.FailureFormatTraceback(nil)+"\n")
	logger.Critical(txaio.FailureFormatTraceback(fail) + "{}{{log_level}}")
	out.want(t, "TIME "+traceback+"{}{{log_level}}\n")
	logger.Failure(txaio.CreateFailure(errors.Join(errOne, errTwo)), "")
	wantContains(t, out.take(), ": one\n  two\n")
	log.Print("goroutine 1:\n\tmain.go:1\n\n")
	out.want(t, "TIME goroutine 1:\n  \tmain.go:1\n")
	log.Print("of Windows\r\n\r\nand more\r\n")
	out.want(t, "TIME of Windows\n  \n  and more\n")
	logger.Info("naïve {v} — ok", slog.String("v", "日本語"))
	out.want(t, "TIME naïve 日本語 — ok\n")
}

// A hook can ask for the line of an entry without writing it.
func TestLinesForHooks(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	var lines output
	logrus.AddHook(&hookFunc{func(entry *logrus.Entry) error {
		line, err := entry.String()
		lines.Write([]byte(line))
		return err
	}})
	logrus.WithField("a", 1).Info("logrus\nagain")
	txaio.MakeLogger(txaio.WithNamespace("ns")).Info("txaio")
	lines.want(t, "TIME logrus\n  again a=1\nTIME txaio log_namespace=ns\n")
	out.want(t, "TIME logrus\n  again a=1\nTIME txaio\n")
}

// If many goroutines log in every way at once, each line is written once and whole.
func TestBridgesConcurrently(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	const goroutines, each = 4, 100
	logger := txaio.MakeLogger()
	var want []string
	var wg sync.WaitGroup
	for g := range goroutines {
		for n := range each {
			for _, way := range []string{"txaio", "log", "slog", "logrus"} {
				want = append(want, fmt.Sprintf("TIME %s g=%d n=%d\n", way, g, n))
			}
		}
		for _, way := range []func(n int){
			func(n int) { logger.Info("txaio g={g} n={n}", slog.Int("g", g), slog.Int("n", n)) },
			func(n int) { log.Printf("log g=%d n=%d", g, n) },
			func(n int) { slog.Info("slog", "g", g, "n", n) },
			func(n int) { logrus.WithFields(logrus.Fields{"g": g, "n": n}).Info("logrus") },
		} {
			wg.Go(func() {
				for n := range each {
					way(n)
				}
			})
		}
	}
	wg.Wait()
	got := slices.Sorted(strings.Lines(out.take()))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

// Every setting changes while everything logs, for the race detector.
func TestChangesUnderLoad(t *testing.T) {
	_, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logger, pinned := txaio.MakeLogger(), txaio.MakeLogger()
	others := []*logrus.Logger{newLogrus(io.Discard), newLogrus(io.Discard), nil}
	handler := slog.NewJSONHandler(io.Discard, nil)
	logrus.AddHook(&hookFunc{func(*logrus.Entry) error { slog.Info("hooked"); return nil }})
	stop := make(chan struct{})
	var logging, changing sync.WaitGroup
	for _, change := range []func(n int){
		func(n int) { txaio.SetGlobalLogLevel(txaio.Level(n % 7)) },
		func(n int) { pinned.SetLevel(txaio.Level(n % 7)) },
		func(n int) { txaio.SetLogrus(others[n%3]) },
		func(n int) { txaio.AddLogCategories(map[string]string{"c": fmt.Sprint(n % 7)}) },
		func(n int) { txaio.MakeLogger(txaio.WithLevel(txaio.Level(n % 7))) },
		func(int) { txaio.GlobalLogLevel() },
		func(n int) { txaio.SetSlog([]slog.Handler{handler, slog.Default().Handler(), nil}[n%3]) },
		func(n int) { txaio.SetLogLevels([]map[string]txaio.Level{nil, {"": txaio.LevelTrace}}[n%2]) },
		func(n int) { with := pinned.With(slog.Int("n", n)); with.SetLevel(txaio.LevelError); with.ResetLevel() },
		func(n int) { logrus.SetReportCaller(n%2 == 0); logrus.SetLevel(logrus.Level(n % 7)) },
		func(int) { txaio.StartLogging(io.Discard, txaio.LevelTrace) },
	} {
		changing.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					change(n)
					runtime.Gosched() // on one processor
				}
			}
		})
	}
	for _, way := range []func(){
		func() { logger.Error("{a}", slog.Int("a", 1), slog.String("log_category", "c")) },
		func() { pinned.Trace("{a}", slog.String("a", "\n")) },
		func() { slog.Info("slog", "a", 1) },
		func() { log.Print("log") },
		func() { logrus.Info("logrus") },
	} {
		logging.Go(func() {
			for range 300 {
				way()
			}
		})
	}
	logging.Wait()
	close(stop)
	changing.Wait()
}

// StartLogging loses no message if it is called while everything logs.
func TestStartUnderLoad(t *testing.T) {
	printed, child := inChild(t)
	if !child {
		for _, way := range []string{"txaio", "log", "slog", "logrus"} {
			if n := strings.Count(printed, "<"+way+">"); n != 400 {
				t.Errorf("%d entries of %s", n, way)
			}
		}
		return
	}
	logger := txaio.MakeLogger()
	var wg sync.WaitGroup
	for name, way := range map[string]func(string){
		"txaio": func(s string) { logger.Info(s) }, "log": func(s string) { log.Print(s) }, "slog": func(s string) { slog.Info(s) }, "logrus": func(s string) { logrus.Info(s) },
	} {
		for range 2 {
			wg.Go(func() {
				for range 200 {
					way("<" + name + ">")
				}
			})
		}
	}
	if err := txaio.StartLogging(os.Stdout, txaio.LevelInfo); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// Errors and panics after StartLogging are reported on standard error.
func TestTroubleAfterStart(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	out := new(output)
	var broken io.Writer
	writer := writerFunc(func(p []byte) (int, error) {
		if broken != nil {
			return broken.Write(p)
		}
		return out.Write(p)
	})
	if err := txaio.StartLogging(writer, txaio.LevelInfo); err != nil {
		t.Fatal(err)
	}
	logger := txaio.MakeLogger()
	ways := map[string]func(){
		"txaio":  func() { logger.Info("message") },
		"log":    func() { log.Print("message") },
		"slog":   func() { slog.Info("message") },
		"logrus": func() { logrus.Info("message") },
	}
	for name, way := range ways {
		broken = writerFunc(func([]byte) (int, error) { panic(cyclic()) })
		wantContains(t, stderrOf(t, way), "cannot write to the log: the method Write panicked: map[a:1 me:...]")
		broken = nil
		for _, b := range []badWriter{{}, {errBoom}} {
			errout := stderrOf(t, func() { broken = b; way(); broken = nil })
			if !regexp.MustCompile(`(?m)^txaio: cannot write to the log: (the method Write panicked: )?boom\n\S+ message$`).MatchString(errout) {
				t.Errorf("%s: standard error is %q", name, errout)
			}
			way()
			out.want(t, "TIME message\n")
		}
	}

	hook := &hookFunc{}
	logrus.AddHook(hook)
	for _, name := range []string{"txaio", "log", "slog"} {
		hook.fire = func(*logrus.Entry) error { panic("boom") }
		errout := stderrOf(t, ways[name])
		wantContains(t, errout, `txaio: panic while logging "message": boom`)
		out.want(t, "TIME message\n")
		hook.fire = func(entry *logrus.Entry) error { entry.Data["added"] = 1; return nil }
		if errout := stderrOf(t, ways[name]); errout != "" {
			t.Errorf("%s: a hook that adds a field: %s", name, errout)
		}
		if got := out.take(); !strings.HasPrefix(got, "TIME message") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
	hook.fire = nil

	for name, value := range map[string]any{"Error": badError{}, "String": badStringer{}, "LogValue": badValuer{}} {
		format := "{v}\n"
		errout := stderrOf(t, func() { logger.Info(format, slog.Any("v", value)) })
		panicked := "the method " + name + " panicked: boom"
		wantContains(t, errout, `txaio: panic while logging "{v}\n": `+panicked)
		if n := strings.Count(errout, panicked); n != 1 {
			t.Errorf("%s is reported %d times: %s", name, n, errout)
		}
		out.want(t, `TIME Unable to format "{v}`+"\n  \": "+panicked+"\n")
		errout = stderrOf(t, func() { slog.Info("message", "v", value) })
		wantContains(t, out.take(), "TIME message v=", "boom")
		if name == "LogValue" {
			wantContains(t, errout, panicked)
		}
	}
	logger.Info("and on")
	out.want(t, "TIME and on\n")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A value's method may log while its entry is formatted.
func TestValuesThatLog(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logger := txaio.MakeLogger()
	v := loggingValue{func() { logger.Info("inner"); slog.Info("inner"); log.Print("inner"); logrus.Info("inner") }}
	logger.Info("outer {v}", slog.Any("v", v))
	inner := strings.Repeat("TIME inner\n", 4)
	out.want(t, inner+"TIME outer value\n")
	slog.Info("outer", "v", v)
	out.want(t, inner+"TIME outer v=value\n")
	logrus.WithField("v", v).Info("outer")
	out.want(t, inner+"TIME outer v=value\n")
}

type loggingValue struct{ log func() }

func (v loggingValue) String() string { v.log(); return "value" }

// slog's default handler, which writes to the log package, is no longer in use.
func TestSlogLoggerMadeBefore(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	before := slog.Default()
	out := new(output)
	if err := txaio.StartLogging(out, txaio.LevelInfo); err != nil {
		t.Fatal(err)
	}
	before.Info("made before")
	out.want(t, "TIME INFO made before\n")
}

// Examples that affect the whole process cannot run with the others.
func TestExampleStartLogging(t *testing.T) {
	if printed, child := inChild(t); child {
		ExampleStartLogging()
	} else {
		wantContains(t, exampletest.Timeless(printed), "TIME Hello, Roy.\nTIME Hello from the log package.\n"+
			"TIME Hello from log/slog. name=Roy\nTIME Hello from logrus. name=Roy\n")
	}
}

func TestExampleLogJSON(t *testing.T) {
	if printed, child := inChild(t); child {
		ExampleLogJSON()
	} else {
		wantContains(t, printed, `"level":"info","msg":"3 hops","log_namespace":"bunny","n":3}`+"\n")
	}
}

func TestExampleLogDetails(t *testing.T) {
	if printed, child := inChild(t); child {
		ExampleLogDetails()
	} else {
		wantContains(t, exampletest.Timeless(printed), "TIME info bunny 3 hops\n")
	}
}

func TestExampleSetGlobalLogLevel(t *testing.T) {
	printed, child := inChild(t)
	if child {
		ExampleSetGlobalLogLevel()
		return
	}
	wantContains(t, exampletest.Timeless(printed), "TIME A pinned logger keeps its own.\n")
	if strings.Contains(printed, "below") {
		t.Errorf("printed %q", printed)
	}
}

func TestSlogGroupThatContainsItself(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	slog.Default().WithGroup("g").Info("round", "x.y", endless{})
	wantContains(t, out.take(), "TIME round g.x.y.e.e.")
	slog.Info("round", "and", endless{})
	if got := out.take(); !strings.Contains(got, "round and.e.e.") || strings.Count(got, "e.") > 200 {
		t.Errorf("printed %q", got)
	}
}

// A logger's own level doesn't change logrus's level for others. logrus.SetLevel
// affects only entries logged with logrus itself.
func TestLogrusLevelAfterStart(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	pinned := txaio.MakeLogger(txaio.WithLevel(txaio.LevelDebug))
	pinned.Debug("pinned")
	logrus.Debug("below")
	if got := logrus.GetLevel(); got != logrus.InfoLevel {
		t.Errorf("logrus's level is %v", got)
	}
	logrus.SetLevel(logrus.DebugLevel)
	txaio.MakeLogger(txaio.WithLevel(txaio.LevelError))
	logrus.Debug("obeyed")
	txaio.MakeLogger().Debug("below")
	logrus.SetLevel(logrus.ErrorLevel)
	logrus.Info("below")
	txaio.MakeLogger().Info("not logrus's")
	txaio.SetGlobalLogLevel(txaio.LevelWarn)
	logrus.Warn("as all others")
	out.want(t, "TIME pinned\nTIME obeyed\nTIME not logrus's\nTIME as all others\n")
}

// The bridge satisfies slog's rules for handlers.
func TestBridgeBySlogsRules(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	var out bytes.Buffer
	if err := txaio.StartLogging(&out, txaio.LevelInfo, txaio.LogJSON()); err != nil {
		t.Fatal(err)
	}
	slogtest.Run(t, func(*testing.T) slog.Handler { out.Reset(); return slog.Default().Handler() }, func(t *testing.T) (got map[string]any) {
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Errorf("%s: %v", out.Bytes(), err)
		}
		return got
	})
}

func TestDetailsAndJSON(t *testing.T) {
	var out bytes.Buffer
	log := txaio.MakeLogger(txaio.WithNamespace("ns"), txaio.WithLevel(txaio.LevelTrace))
	bridge, stop := txaio.StartForTest(&out, txaio.LogDetails())
	log.Trace("a\nb")
	slog.New(bridge).Warn("slog", "a", 1)
	if got, want := exampletest.Timeless(out.String()), "TIME trace ns a\n  b\nTIME warn - slog a=1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	stop()
	out.Reset()
	bridge, stop = txaio.StartForTest(&out, txaio.LogJSON())
	defer stop()
	log.Trace("{a}\n\x7f\u2028<&>", slog.Int("a", 1), slog.Group("g", slog.Duration("d", 1), slog.Bool("b", true)), slog.String("time", "x"), slog.Any("l", []string{"\u0085"}))
	slog.New(bridge).WithGroup("h").Error("slog", "err", errBoom, "t", time.Time{})
	want := `{"time":"TIME","level":"trace","msg":"1\n\u007f\u2028<&>","log_namespace":"ns","a":1,"g":{"d":1,"b":true},"fields.time":"x","l":["\u0085"]}
{"time":"TIME","level":"error","msg":"slog","h":{"err":"boom","t":"TIME"}}
`
	if got := regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`).ReplaceAllString(out.String(), `"TIME"`); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// log.Fatal and log.Panic write their entries at any level.
func TestFatalAfterStart(t *testing.T) {
	for _, name := range []string{"Fatal", "Fatalf", "Fatalln", "method", "Panic", "before"} {
		printed, err := runSelf("TestFatalChild", "TXAIO_TEST_FATAL="+name)
		if err == nil || strings.Count(exampletest.Timeless(printed), "TIME critical - cannot open\n") != 1 || strings.Contains(printed, "below") {
			t.Errorf("%s: %v, %s", name, err, printed)
		}
	}
}

func TestFatalChild(t *testing.T) {
	name := os.Getenv("TXAIO_TEST_FATAL")
	if name == "" {
		return
	}
	made := log.Default()
	if err := txaio.StartLogging(os.Stdout, txaio.LevelWarn, txaio.LogDetails()); err != nil {
		t.Fatal(err)
	}
	log.Print("below")
	switch name {
	case "Fatal":
		log.Fatal("cannot open")
	case "Fatalf":
		log.Fatalf("cannot %s", "open")
	case "Fatalln":
		log.Fatalln("cannot open")
	case "method":
		log.New(log.Writer(), "", 0).Fatal("cannot open")
	case "Panic":
		log.Panic("cannot open")
	case "before":
		made.Fatal("cannot open")
	}
}

// A slog logger from before StartLogging logs each message once, at its level.
func TestSlogLoggersKeptFromBefore(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	kept := slog.With("a", 1)
	out := new(output)
	if err := txaio.StartLogging(out, txaio.LevelWarn, txaio.LogDetails()); err != nil {
		t.Fatal(err)
	}
	kept.Info("below")
	kept.Warn("message")
	kept.Error("message")
	out.want(t, "TIME warn - WARN message a=1\nTIME error - ERROR message a=1\n")
}

// Hooks get the caller of every entry.
func TestCallersAfterStart(t *testing.T) {
	_, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logrus.SetReportCaller(true)
	hook := new(recorder)
	logrus.AddHook(hook)
	logger := txaio.MakeLogger()
	var line int
	for name, do := range map[string]func(){
		"txaio":  func() { _, _, line, _ = runtime.Caller(0); logger.Info("message") },
		"slog":   func() { _, _, line, _ = runtime.Caller(0); slog.Info("message") },
		"log":    func() { _, _, line, _ = runtime.Caller(0); log.Print("message") },
		"logrus": func() { _, _, line, _ = runtime.Caller(0); logrus.Info("message") },
	} {
		do()
		if caller := hook.last(t).Caller; caller == nil || !strings.HasSuffix(caller.File, "log_bridge_test.go") || caller.Line != line {
			t.Errorf("%s: called by %v, want line %d", name, caller, line)
		}
	}
}

// A writer, a hook or a value may log in every way, while an entry is written that
// was logged in every way.
func TestBridgesWithin(t *testing.T) {
	if _, child := inChild(t); !child {
		return
	}
	var out output
	logger := txaio.MakeLogger(txaio.WithNamespace("ns"))
	ways := map[string]func(message string){
		"txaio":  func(message string) { logger.Info(message) },
		"log":    func(message string) { log.Print(message) },
		"slog":   func(message string) { slog.Info(message) },
		"logrus": func(message string) { logrus.Info(message) },
	}
	inner := func() {}
	hook := &hookFunc{}
	writer := writerFunc(func(p []byte) (int, error) {
		inner()
		return out.Write(p)
	})
	if err := txaio.StartLogging(writer, txaio.LevelInfo); err != nil {
		t.Fatal(err)
	}
	logrus.AddHook(hook)
	for outerName, outer := range ways {
		for innerName, way := range ways {
			t.Run(innerName+" in "+outerName, func(t *testing.T) {
				inner = func() { way("inner") }
				// The log package holds a lock. An entry that its own writer logs
				// with it is written after patience.
				check := func(by string) {
					t.Helper()
					var text, errout string
					errout = stderrOf(t, func() {
						outer("outer")
						eventually(t, "both are written", func() bool {
							printed, err := os.ReadFile(os.Stderr.Name())
							errout, text = string(printed), text+out.take()
							return err == nil && strings.Contains(text, "outer") && strings.Contains(text+errout, "inner")
						})
					})
					if strings.Count(text, "outer") != 1 || strings.Count(text+errout, "inner") != 1 {
						t.Errorf("written by the %s:\n%s%s", by, text, errout)
					}
				}
				inner = func() { way("inner") }
				check("writer")
				inner = func() {}
				hook.fire = func(*logrus.Entry) error { way("inner"); return nil }
				check("hook")
				hook.fire = nil
			})
		}
	}
}

// A hook may log with the log package, which holds a lock meanwhile, even if the
// output is a file.
func TestHookWithinLogToFile(t *testing.T) {
	printed, child := inChild(t)
	if !child {
		if printed = exampletest.Timeless(printed); strings.Count(printed, "TIME outer\n") != 1 || strings.Count(printed, "inner\n") != 1 {
			t.Errorf("printed %q", printed)
		}
		return
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := txaio.StartLogging(file, txaio.LevelInfo); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	logrus.AddHook(&hookFunc{func(*logrus.Entry) error { defer close(done); log.Print("inner"); return nil }})
	log.Print("outer")
	<-done
	eventually(t, "the outer entry is written, after its hooks", func() bool {
		text, err := os.ReadFile(file.Name())
		if err != nil || !strings.Contains(string(text), "outer") {
			return false
		}
		_, err = os.Stdout.Write(text)
		return err == nil
	})
}

// Logrus's hook for log/slog leads back here. The entry is written once.
func TestHookThatLeadsBack(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logrus.AddHook(logrusslog.NewHook(slog.Default(), nil))
	other := logrus.New()
	other.SetOutput(io.Discard)
	other.AddHook(logrusslog.NewHook(slog.Default(), nil))
	logger := txaio.MakeLogger(txaio.WithNamespace("ns"))
	for range 3 {
		logger.Info("txaio")
		out.want(t, "TIME txaio\n")
		log.Print("log")
		out.want(t, "TIME log\n")
		slog.Info("slog", "a", 1)
		out.want(t, "TIME slog a=1\n")
		logrus.WithField("a", 1).Info("logrus")
		out.want(t, "TIME logrus a=1\n")
		other.WithField("a", 1).Info("another logrus")
		out.want(t, "TIME another logrus a=1\n")
	}
	txaio.SetSlog(slog.Default().Handler())
	logger.Info("through slog")
	out.want(t, "TIME through slog log_namespace=ns\n")
	txaio.SetSlog(logrusslog.NewHandler(logrus.StandardLogger(), nil))
	logger.Info("through logrus")
	wantContains(t, out.take(), "TIME through logrus")
}

// Two equal messages are both written, also if the clock has not moved on between
// them: hooks have seen the first, and the second is none that came back.
func TestEqualMessagesInOneTick(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logrus.AddHook(new(recorder))
	at := time.Now()
	for range 2 {
		var pcs [1]uintptr
		runtime.Callers(1, pcs[:])
		if err := slog.Default().Handler().Handle(context.Background(), slog.NewRecord(at, slog.LevelInfo, "slog", pcs[0])); err != nil {
			t.Error(err)
		}
	}
	out.want(t, "TIME slog\nTIME slog\n")
}

func TestShortWrites(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	_ = out
	if !child {
		return
	}
	_, stop := txaio.StartForTest(writerFunc(func(p []byte) (int, error) { return len(p) / 2, nil }))
	defer stop()
	wantContains(t, stderrOf(t, func() { slog.Info("message") }), "cannot write to the log: short write", "message")
}

// A formatter set on logrus after StartLogging loses no entry.
func TestFormatterAfterStart(t *testing.T) {
	out, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	logrus.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true, DisableColors: true})
	logrus.Info("message")
	txaio.MakeLogger().Info("message")
	out.want(t, "level=info msg=message\nTIME message\n")
}

// Loggers made after StartLogging cost no more than those made before.
func TestManyLoggersAfterStart(t *testing.T) {
	_, child := started(t, txaio.LevelInfo)
	if !child {
		return
	}
	kept := make([]*txaio.Logger, 0, 40_000)
	begin := time.Now()
	for range cap(kept) / 2 {
		kept = append(kept, txaio.MakeLogger(txaio.WithLevel(txaio.LevelDebug)))
		kept = append(kept, kept[len(kept)-1].With())
	}
	for _, logger := range kept[:5000] { // half of which others follow
		logger.SetLevel(txaio.LevelWarn)
	}
	limit := 2 * time.Second
	if runtime.GOOS == "js" { // where everything takes longer
		limit *= 5
	}
	if took := time.Since(begin); took > limit {
		t.Errorf("%d loggers took %v", len(kept), took)
	}
}
