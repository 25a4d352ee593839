//go:build deferred || future

package txaio_test

import (
	"encoding/json"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/txaio-go/txaio"
)

var levelNames = map[txaio.Level]string{
	txaio.LevelNone:     "none",
	txaio.LevelCritical: "critical",
	txaio.LevelError:    "error",
	txaio.LevelWarn:     "warn",
	txaio.LevelInfo:     "info",
	txaio.LevelDebug:    "debug",
	txaio.LevelTrace:    "trace",
}

func TestLevelText(t *testing.T) {
	for level, name := range levelNames {
		if level.String() != name {
			t.Errorf("String of %d is %q, want %q", level, level.String(), name)
		}
		for _, text := range []string{name, strings.ToUpper(name)} {
			if got, err := txaio.ParseLevel(text); err != nil || got != level {
				t.Errorf("ParseLevel(%q) = %v, %v", text, got, err)
			}
		}
		text, err := level.MarshalText()
		var back txaio.Level
		if err2 := back.UnmarshalText(text); err != nil || err2 != nil || string(text) != name || back != level {
			t.Errorf("%v: marshalled as %q, %v, and back as %v, %v", level, text, err, back, err2)
		}
	}
	if !(txaio.LevelNone < txaio.LevelCritical && txaio.LevelCritical < txaio.LevelError && txaio.LevelError < txaio.LevelWarn &&
		txaio.LevelWarn < txaio.LevelInfo && txaio.LevelInfo < txaio.LevelDebug && txaio.LevelDebug < txaio.LevelTrace) {
		t.Error("the levels are not in order")
	}
}

// listsLevels checks that an error names every level.
func listsLevels(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, name := range levelNames {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not list %s", err, name)
		}
	}
}

func TestOtherNamesOfLevels(t *testing.T) {
	for name, want := range map[string]txaio.Level{"warning": txaio.LevelWarn, "Warning": txaio.LevelWarn, "FATAL": txaio.LevelCritical} {
		if got, err := txaio.ParseLevel(name); err != nil || got != want {
			t.Errorf("%s is %v, %v", name, got, err)
		}
	}
}

func TestInvalidLevel(t *testing.T) {
	for _, text := range []string{"", "warnings", " info", "Level(9)", "4"} {
		level := txaio.LevelDebug
		_, err := txaio.ParseLevel(text)
		listsLevels(t, err)
		listsLevels(t, level.UnmarshalText([]byte(text)))
		if level != txaio.LevelDebug {
			t.Errorf("%q: UnmarshalText failed and set %v", text, level)
		}
	}
	for _, level := range []txaio.Level{-1, 7, 127, -128} {
		_, err := level.MarshalText()
		listsLevels(t, err)
		listsLevels(t, txaio.StartLogging(io.Discard, level))
		wantUsageError(t, func() { txaio.SetGlobalLogLevel(level) }, "trace")
		wantUsageError(t, func() { txaio.MakeLogger().SetLevel(level) }, "trace")
		wantUsageError(t, func() { txaio.MakeLogger(txaio.WithLevel(level)) }, "trace")
	}
	if got := txaio.Level(-3).String(); got != "Level(-3)" {
		t.Errorf("String is %q", got)
	}
}

func TestLevelInFlagsAndJSON(t *testing.T) {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var level txaio.Level
	flags.TextVar(&level, "level", txaio.LevelInfo, "how much to log")
	if level != txaio.LevelInfo || flags.Lookup("level").DefValue != "info" {
		t.Errorf("the default is %v", level)
	}
	if err := flags.Parse([]string{"-level", "debug"}); err != nil || level != txaio.LevelDebug {
		t.Errorf("parsed %v, %v", level, err)
	}
	listsLevels(t, flags.Parse([]string{"-level", "loud"}))

	type config struct {
		Level  txaio.Level            `json:"level"`
		Limits map[txaio.Level]string `json:"limits"`
	}
	const text = `{"level":"trace","limits":{"error":"e"}}`
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil || c.Level != txaio.LevelTrace || c.Limits[txaio.LevelError] != "e" {
		t.Errorf("unmarshalled %v, %v", c, err)
	}
	if got, err := json.Marshal(c); err != nil || string(got) != text {
		t.Errorf("marshalled %s, %v", got, err)
	}
	listsLevels(t, json.Unmarshal([]byte(`{"level":"loud"}`), &c))
}

const here = "github.com/txaio-go/txaio_test"

var (
	packageLogger = txaio.MakeLogger()
	closureLogger = func() *txaio.Logger { return txaio.MakeLogger() }()
	initLogger    *txaio.Logger
)

func init() { initLogger = txaio.MakeLogger() }

type byValue struct{}

func (byValue) logger() *txaio.Logger { return txaio.MakeLogger() }

type byPointer struct{ byValue }

func (*byPointer) logger() *txaio.Logger { return txaio.MakeLogger() }
func (*byPointer) inClosure() *txaio.Logger {
	return func() *txaio.Logger { return txaio.MakeLogger() }()
}
func (*byPointer) inRange() (l *txaio.Logger) {
	for range once {
		l = txaio.MakeLogger()
	}
	return l
}

type generic[T any] struct{}

func (generic[T]) logger() *txaio.Logger   { return txaio.MakeLogger() }
func (*generic[T]) pointer() *txaio.Logger { return txaio.MakeLogger() }

func genericFunction[T any]() *txaio.Logger { return txaio.MakeLogger() }

func function() *txaio.Logger { return txaio.MakeLogger() }

//go:noinline
func notInlined() *txaio.Logger { return txaio.MakeLogger() }

func functionWithClosure() (l *txaio.Logger) {
	func() { func() { l = txaio.MakeLogger() }() }()
	return l
}

// once is an iterator. The compiler turns the body of a loop over it into a
// function.
func once(yield func(int) bool) { yield(0) }

//go:noinline
func functionWithRange() (l *txaio.Logger) {
	for range once {
		l = txaio.MakeLogger()
	}
	return l
}

func deferredCall() (l *txaio.Logger) {
	defer func() { l = txaio.MakeLogger() }()
	return nil
}

func NewBurrow() *txaio.Logger { return txaio.MakeLogger() }

func newBurrowInClosure() *txaio.Logger { return NewBurrow() }

func Newton() *txaio.Logger { return txaio.MakeLogger() }

func onGoroutine() *txaio.Logger {
	result := make(chan *txaio.Logger)
	go func() { result <- txaio.MakeLogger() }()
	return <-result
}

func TestNamespace(t *testing.T) {
	methodValue := byValue{}.logger
	for want, loggers := range map[string][]*txaio.Logger{
		here:                          {packageLogger, closureLogger, initLogger},
		here + ".byValue":             {byValue{}.logger(), (&byPointer{}).byValue.logger(), methodValue(), byValue.logger(byValue{})},
		here + ".byPointer":           {(&byPointer{}).logger(), (&byPointer{}).inClosure(), (&byPointer{}).inRange()},
		here + ".generic":             {generic[int]{}.logger(), (&generic[map[string]any]{}).pointer()},
		here + ".genericFunction":     {genericFunction[string]()},
		here + ".function":            {function()},
		here + ".notInlined":          {notInlined()},
		here + ".functionWithClosure": {functionWithClosure()},
		here + ".functionWithRange":   {functionWithRange()},
		here + ".deferredCall":        {deferredCall()},
		here + ".onGoroutine":         {onGoroutine()},
		here + ".Burrow":              {NewBurrow(), newBurrowInClosure()},
		here + ".Newton":              {Newton()},
		"my.own":                      {txaio.MakeLogger(txaio.WithNamespace("my.own"))},
		"":                            {txaio.MakeLogger(txaio.WithNamespace(""))},
	} {
		for i, logger := range loggers {
			if logger.Namespace() != want {
				t.Errorf("logger %d has the namespace %q, want %q", i, logger.Namespace(), want)
			}
		}
	}
}

// The runtime escapes dots in the last element of an import path.
func TestNamespaceOfOtherPackages(t *testing.T) {
	for function, want := range map[string]string{
		"main.main":                                   "main.main",
		"main.(*Bunny).Hop":                           "main.Bunny",
		"gopkg.in/yaml%2ev3.(*Decoder).Decode":        "gopkg.in/yaml.v3.Decoder",
		"example.com/my.app/v2.Start.func1.2":         "example.com/my.app/v2.Start",
		"example.com/a%2eb%2ec.init.0":                "example.com/a.b.c",
		"example.com/a.glob..func1":                   "example.com/a",
		"example.com/a.glob.Method":                   "example.com/a.glob",
		"example.com/a.(*Map[...]).Range-range1":      "example.com/a.Map",
		"example.com/a.Walk[...].func1-range2":        "example.com/a.Walk",
		"example.com/a.Start.(*Map[...]).Range.func1": "example.com/a.Map",
		"example.com/percent%25.Walk":                 "example.com/percent%.Walk",
		"example.com/a.NewMap[...].func1":             "example.com/a.Map",
		"example.com/a.New":                           "example.com/a.New",
	} {
		if got := txaio.NamespaceOf(function); got != want {
			t.Errorf("%s has the namespace %q, want %q", function, got, want)
		}
	}
}
