package txaio_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// toStdout returns a logrus logger of an application.
func toStdout() *logrus.Logger {
	logger := logrus.New()
	logger.SetOutput(os.Stdout)
	logger.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	return logger
}

// exampleLogger logs to standard output.
func exampleLogger() *txaio.Logger {
	return txaio.MakeLogger(txaio.WithLogrus(toStdout()), txaio.WithNamespace("bunny"))
}

func ExampleLogger() {
	log := txaio.MakeLogger(txaio.WithLogrus(toStdout()), txaio.WithNamespace("bunny"))
	log.Info("Hopping {times} times over {what[0]}.", slog.Int("times", 3), slog.Any("what", []string{"hedges"}))
	log.Debug("below logrus's level")
	// Output: level=info msg="Hopping 3 times over hedges." log_namespace=bunny times=3 what="[hedges]"
}

func ExampleMakeLogger() {
	log := txaio.MakeLogger()
	fmt.Println(log.Namespace())
	// Output: github.com/txaio-go/txaio_test.ExampleMakeLogger
}

func ExampleLogger_Namespace() {
	fmt.Println(txaio.MakeLogger(txaio.WithNamespace("bunny")).Namespace())
	// Output: bunny
}

func ExampleLoggerOption() {
	opts := []txaio.LoggerOption{txaio.WithNamespace("bunny"), txaio.WithLogrus(toStdout())}
	txaio.MakeLogger(opts...).Info("hop")
	// Output: level=info msg=hop log_namespace=bunny
}

func ExampleWithNamespace() {
	log := txaio.MakeLogger(txaio.WithNamespace("my.library"))
	fmt.Println(log.Namespace())
	// Output: my.library
}

func ExampleWithLevel() {
	log := txaio.MakeLogger(txaio.WithLogrus(toStdout()), txaio.WithNamespace("bunny"), txaio.WithLevel(txaio.LevelWarn))
	log.Info("below the level")
	log.Warn("A fox!")
	// Output: level=warning msg="A fox!" log_namespace=bunny
}

func ExampleWithLogrus() {
	logger := logrus.New()
	logger.SetOutput(os.Stdout)
	logger.SetFormatter(&logrus.JSONFormatter{DisableTimestamp: true})
	log := txaio.MakeLogger(txaio.WithLogrus(logger), txaio.WithNamespace("bunny"))
	log.Info("{n} hops", slog.Int("n", 3))
	// Output: {"level":"info","log_namespace":"bunny","msg":"3 hops","n":3}
}

func ExampleLogger_Critical() {
	exampleLogger().Critical("The {what} is on fire.", slog.String("what", "burrow"))
	fmt.Println("still here")
	// Output:
	// level=fatal msg="The burrow is on fire." log_namespace=bunny what=burrow
	// still here
}

func ExampleLogger_Error() {
	exampleLogger().Error("cannot hop: {err}", slog.Any("err", errors.New("no legs")))
	// Output: level=error msg="cannot hop: no legs" err="no legs" log_namespace=bunny
}

func ExampleLogger_Warn() {
	exampleLogger().Warn("{left:.1%} of the carrots are left", slog.Float64("left", 0.125))
	// Output: level=warning msg="12.5% of the carrots are left" left=0.125 log_namespace=bunny
}

func ExampleLogger_Info() {
	exampleLogger().Info("{name:>6} hops {n:03d} times", slog.String("name", "Roy"), slog.Int("n", 7))
	// Output: level=info msg="   Roy hops 007 times" log_namespace=bunny n=7 name=Roy
}

func ExampleLogger_Debug() {
	log := exampleLogger()
	log.Debug("below the level")
	log.Info("at the level")
	// Output: level=info msg="at the level" log_namespace=bunny
}

func ExampleLogger_Trace() {
	logger := toStdout()
	logger.SetLevel(logrus.TraceLevel)
	log := txaio.MakeLogger(txaio.WithLogrus(logger), txaio.WithNamespace("bunny"))
	log.Trace("Hop({n})", slog.Int("n", 3))
	// Output: level=trace msg="Hop(3)" log_namespace=bunny n=3 txaio_trace=true
}

func ExampleLogger_Emit() {
	level := txaio.LevelWarn // from somewhere else
	exampleLogger().Emit(level, "a message")
	// Output: level=warning msg="a message" log_namespace=bunny
}

func ExampleLogger_Failure() {
	logger := toStdout()
	logger.SetFormatter(shortTraceback{})
	log := txaio.MakeLogger(txaio.WithLogrus(logger))
	log.Failure(txaio.CreateFailure(errors.New("no legs")), "{name} cannot hop", slog.String("name", "Roy"))
	// Output:
	// Roy cannot hop
	// Traceback (most recent call last):
	// ...
	// errors.errorString: no legs
}

// shortTraceback leaves out the lines of a traceback that are not the same
// everywhere.
type shortTraceback struct{}

func (shortTraceback) Format(entry *logrus.Entry) ([]byte, error) {
	lines := strings.Split(entry.Message, "\n")
	return []byte(strings.Join(append(lines[:2:2], "...", lines[len(lines)-1], ""), "\n")), nil
}

func ExampleLogger_Enabled() {
	log := exampleLogger()
	if log.Enabled(txaio.LevelDebug) {
		log.Debug("{state}", slog.String("state", "what takes long to compute"))
	}
	fmt.Println(log.Enabled(txaio.LevelInfo), log.Enabled(txaio.LevelDebug))
	// Output: true false
}

func ExampleLogger_SetLevel() {
	log := exampleLogger()
	log.SetLevel(txaio.LevelError)
	log.Warn("below the level")
	log.Error("at the level")
	// Output: level=error msg="at the level" log_namespace=bunny
}

func ExampleLevel() {
	var config struct{ Level txaio.Level }
	if err := json.Unmarshal([]byte(`{"Level": "debug"}`), &config); err != nil {
		fmt.Println(err)
	}
	fmt.Println(config.Level, config.Level > txaio.LevelInfo)
	// Output: debug true
}

func ExampleLevel_String() {
	fmt.Println(txaio.LevelCritical.String())
	// Output: critical
}

func ExampleLevel_MarshalText() {
	text, err := json.Marshal(map[string]txaio.Level{"level": txaio.LevelWarn})
	fmt.Println(string(text), err)
	// Output: {"level":"warn"} <nil>
}

func ExampleLevel_UnmarshalText() {
	flags := flag.NewFlagSet("program", flag.ContinueOnError)
	var level txaio.Level
	flags.TextVar(&level, "level", txaio.LevelInfo, "how much to log")
	err := flags.Parse([]string{"-level", "trace"})
	fmt.Println(level, err)
	// Output: trace <nil>
}

func ExampleParseLevel() {
	level, err := txaio.ParseLevel("DEBUG")
	fmt.Println(level, err)
	_, err = txaio.ParseLevel("loud")
	fmt.Println(err)
	// Output:
	// debug <nil>
	// txaio: invalid log level "loud"; valid are: none, critical, error, warn, info, debug, trace
}

func ExampleAddLogCategories() {
	txaio.AddLogCategories(map[string]string{
		"HOP": "{name} hops {n} times",
	})
	exampleLogger().Info("", slog.String("log_category", "HOP"), slog.String("name", "Roy"), slog.Int("n", 3))
	// Output: level=info msg="Roy hops 3 times" log_category=HOP log_namespace=bunny n=3 name=Roy
}

func ExampleSetLogrus() {
	txaio.SetLogrus(toStdout())
	defer txaio.SetLogrus(nil)
	txaio.MakeLogger(txaio.WithNamespace("bunny")).Info("hop")
	// Output: level=info msg=hop log_namespace=bunny
}

func ExampleGlobalLogLevel() {
	logger := toStdout()
	logger.SetLevel(logrus.WarnLevel)
	txaio.SetLogrus(logger)
	defer txaio.SetLogrus(nil)
	fmt.Println(txaio.GlobalLogLevel()) // nobody has set one
	// Output: warn
}

func ExampleStartLogging() {
	if err := txaio.StartLogging(os.Stdout, txaio.LevelInfo); err != nil {
		fmt.Println(err)
		return
	}
	txaio.MakeLogger().Info("Hello, {name}.", slog.String("name", "Roy"))
	log.Print("Hello from the log package.")
	slog.Info("Hello from log/slog.", "name", "Roy")
	logrus.WithField("name", "Roy").Info("Hello from logrus.")
	// Prints:
	// 2016-01-21T01:02:03-0100 Hello, Roy.
	// 2016-01-21T01:02:03-0100 Hello from the log package.
	// 2016-01-21T01:02:03-0100 Hello from log/slog. name=Roy
	// 2016-01-21T01:02:03-0100 Hello from logrus. name=Roy
}

func ExampleSetGlobalLogLevel() {
	if err := txaio.StartLogging(os.Stdout, txaio.LevelInfo); err != nil {
		fmt.Println(err)
		return
	}
	log, pinned := txaio.MakeLogger(), txaio.MakeLogger(txaio.WithLevel(txaio.LevelInfo))
	txaio.SetGlobalLogLevel(txaio.LevelError)
	log.Info("below the level")
	pinned.Info("A pinned logger keeps its own.")
	// Prints:
	// 2016-01-21T01:02:03-0100 A pinned logger keeps its own.
}

// plainHandler writes slog's text to standard output, without the time.
func plainHandler() slog.Handler {
	return slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
		if attr.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return attr
	}})
}

func ExampleSetSlog() {
	txaio.SetSlog(plainHandler())
	defer txaio.SetSlog(nil)
	txaio.MakeLogger(txaio.WithNamespace("bunny")).Info("{n} hops", slog.Int("n", 3))
	// Output: level=INFO msg="3 hops" n=3 log_namespace=bunny
}

func ExampleWithSlog() {
	log := txaio.MakeLogger(txaio.WithSlog(plainHandler()), txaio.WithNamespace("bunny"))
	log.Critical("The burrow is on fire.")
	// Output: level=ERROR+4 msg="The burrow is on fire." log_namespace=bunny
}

func ExampleLogger_With() {
	log := exampleLogger().With(slog.String("name", "Roy"))
	log.Info("{name} hops {n} times", slog.Int("n", 3))
	// Output: level=info msg="Roy hops 3 times" log_namespace=bunny n=3 name=Roy
}

func ExampleLogger_ResetLevel() {
	log := exampleLogger()
	log.SetLevel(txaio.LevelError)
	log.ResetLevel()
	log.Info("at logrus's level again")
	// Output: level=info msg="at logrus's level again" log_namespace=bunny
}

func ExampleSetLogLevels() {
	txaio.SetLogLevels(map[string]txaio.Level{"example.com": txaio.LevelWarn, "example.com/bunny": txaio.LevelDebug})
	defer txaio.SetLogLevels(nil)
	for _, namespace := range []string{"example.com/fox", "example.com/bunny.Burrow"} {
		log := txaio.MakeLogger(txaio.WithSlog(plainHandler()), txaio.WithNamespace(namespace))
		log.Info("hello")
	}
	// Output: level=INFO msg=hello log_namespace=example.com/bunny.Burrow
}

func ExampleLogJSON() {
	if err := txaio.StartLogging(os.Stdout, txaio.LevelInfo, txaio.LogJSON()); err != nil {
		fmt.Println(err)
		return
	}
	txaio.MakeLogger(txaio.WithNamespace("bunny")).Info("{n} hops", slog.Int("n", 3))
	// Prints:
	// {"time":"2016-01-21T01:02:03.4-01:00","level":"info","msg":"3 hops","log_namespace":"bunny","n":3}
}

func ExampleLogDetails() {
	if err := txaio.StartLogging(os.Stdout, txaio.LevelInfo, txaio.LogDetails()); err != nil {
		fmt.Println(err)
		return
	}
	txaio.MakeLogger(txaio.WithNamespace("bunny")).Info("{n} hops", slog.Int("n", 3))
	// Prints:
	// 2016-01-21T01:02:03-0100 info bunny 3 hops
}
