//go:build !deferred && !future

package txaio_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// The examples compile without a tag, so that documentation sites show them.
// They are skipped, because nothing can run without a backend.
func TestMain(m *testing.M) {
	if err := flag.Set("test.skip", "^Example"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// In a build with neither tag, the package compiles, and every function that needs a
// backend panics with an error that names the flags.
func TestWithoutBackend(t *testing.T) {
	var (
		ctx     = context.Background()
		err     = errors.New("an error")
		fail    *txaio.Failure
		f       = new(txaio.Future[int])
		api     = new(txaio.API)
		fn      = func() {}
		called  = false
		asked   = func() (int, error) { called = true; return 0, nil }
		askedOf = func() (*txaio.Future[int], error) { called = true; return f, nil }
		passOn  = func(v int) (int, error) { return v, nil }
	)
	functions := map[string]func(){
		"CreateFuture":             func() { txaio.CreateFuture[int]() },
		"WithResult":               func() { txaio.WithResult(1) },
		"WithError":                func() { txaio.WithError[int](err) },
		"WithCanceller":            func() { txaio.WithCanceller(func(*txaio.Future[int]) {}) },
		"CreateFutureSuccess":      func() { txaio.CreateFutureSuccess(1) },
		"CreateFutureError":        func() { txaio.CreateFutureError[int](err) },
		"CreateFutureError nil":    func() { txaio.CreateFutureError[int](nil) },
		"AsFuture":                 func() { txaio.AsFuture(asked) },
		"AsFutureOf":               func() { txaio.AsFutureOf(askedOf) },
		"IsFuture":                 func() { txaio.IsFuture(1) },
		"IsCalled":                 func() { txaio.IsCalled(f) },
		"IsCalled nil":             func() { txaio.IsCalled(nil) },
		"Future.IsCalled":          func() { f.IsCalled() },
		"Future.Done":              func() { f.Done() },
		"Resolve":                  func() { txaio.Resolve(f, 1) },
		"Reject":                   func() { txaio.Reject(f, err) },
		"Reject nil":               func() { txaio.Reject(f, nil) },
		"RejectOnPanic":            func() { txaio.RejectOnPanic(f) },
		"RejectOnPanic, deferred":  func() { defer txaio.RejectOnPanic(f) },
		"Cancel":                   func() { txaio.Cancel(f) },
		"AddCallbacks":             func() { txaio.AddCallbacks(f, passOn, nil) },
		"AddCallbacks nil":         func() { txaio.AddCallbacks(f, nil, nil) },
		"Watch":                    func() { txaio.Watch(f, func(int) {}, nil) },
		"Watch nil":                func() { txaio.Watch(f, nil, nil) },
		"Gather":                   func() { txaio.Gather([]*txaio.Future[int]{f}, true) },
		"Gather nothing":           func() { txaio.Gather[int](nil, false) },
		"Await":                    func() { txaio.Await(ctx, f) },
		"Sleep":                    func() { txaio.Sleep(time.Second) },
		"CreateFailure":            func() { txaio.CreateFailure(err) },
		"CreateFailure nil":        func() { txaio.CreateFailure(nil) },
		"FailureMessage":           func() { txaio.FailureMessage(fail) },
		"FailureTraceback":         func() { txaio.FailureTraceback(fail) },
		"FailureFormatTraceback":   func() { txaio.FailureFormatTraceback(fail) },
		"CallLater":                func() { txaio.CallLater(time.Second, fn) },
		"CallLater nil":            func() { txaio.CallLater(time.Second, nil) },
		"BatchedTimer's CallLater": func() { new(txaio.BatchedTimer).CallLater(time.Second, fn) },
		"WithConfig":               func() { txaio.WithConfig(txaio.Config{}) },
		"WithConfig with a loop":   func() { txaio.WithConfig(txaio.Config{Loop: txaio.NewLoop()}) },
		"Loop.Run":                 func() { txaio.NewLoop().Run(ended()) },
		"Loop.RunUntilComplete":    func() { txaio.NewLoop().RunUntilComplete(f) },
		"API.Loop":                 func() { api.Loop() },
		"API.CallLater":            func() { api.CallLater(time.Second, fn) },
		"API.Sleep":                func() { api.Sleep(time.Second) },
		"CreateFutureOn":           func() { txaio.CreateFutureOn[int](api) },
		"CreateFutureSuccessOn":    func() { txaio.CreateFutureSuccessOn(api, 1) },
		"CreateFutureErrorOn":      func() { txaio.CreateFutureErrorOn[int](api, err) },
		"AsFutureOn":               func() { txaio.AsFutureOn(api, asked) },
		"AsFutureOfOn":             func() { txaio.AsFutureOfOn(api, askedOf) },
		"Then":                     func() { txaio.Then(f, passOn) },
		"Then nil":                 func() { txaio.Then[int, int](nil, nil) },
		"ThenOf":                   func() { txaio.ThenOf(f, func(int) (*txaio.Future[int], error) { return f, nil }) },
		"Catch":                    func() { txaio.Catch(f, func(*txaio.Failure) (int, error) { return 0, nil }) },
		"Go":                       func() { txaio.Go(func(context.Context) (int, error) { return asked() }) },
		"Go nil":                   func() { txaio.Go[int](nil) },
		"GoOn":                     func() { txaio.GoOn(api, func(context.Context) (int, error) { return asked() }) },
		"GatherAny":                func() { txaio.GatherAny([]txaio.AnyFuture{f}, true) },
		"GatherAny nothing":        func() { txaio.GatherAny(nil, true) },
		"RunUntil":                 func() { txaio.RunUntil(ended(), txaio.NewLoop(), f) },
		"Loop.Drain":               func() { txaio.NewLoop().Drain(ended()) },
		"Loop.CallSoon":            func() { txaio.NewLoop().CallSoon(fn) },
		"Loop.CallLater":           func() { txaio.NewLoop().CallLater(time.Second, fn) },
		"CallSoon":                 func() { txaio.CallSoon(fn) },
		"API.CallSoon":             func() { api.CallSoon(fn) },
		"GatherOn":                 func() { txaio.GatherOn[int](api, nil, true) },
		"CancelOnDone":             func() { txaio.CancelOnDone(ctx, f) },
		"AddTimeout":               func() { txaio.AddTimeout(f, time.Second) },
		"SetDebug":                 func() { txaio.SetDebug(true) },
		"Debug":                    func() { txaio.Debug() },
		"SetSlowCallbackDuration":  func() { txaio.SetSlowCallbackDuration(time.Second) },
		"SlowCallbackDuration":     func() { txaio.SlowCallbackDuration() },
		"PendingFutures":           func() { txaio.PendingFutures() },
		"TimeNs":                   func() { txaio.TimeNs() },
		"PerfCounterNs":            func() { txaio.PerfCounterNs() },
	}
	for name, function := range functions {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if value := recover(); value != txaio.ErrNoBackend {
					t.Errorf("panicked with %v, want ErrNoBackend", value)
				}
			}()
			function()
		})
	}
	if called {
		t.Error("AsFuture or AsFutureOf called the function")
	}
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestErrNoBackend(t *testing.T) {
	var usage *txaio.UsageError
	if !errors.As(txaio.ErrNoBackend, &usage) {
		t.Fatalf("ErrNoBackend is a %T, want a *UsageError", txaio.ErrNoBackend)
	}
	for _, flag := range []string{"-tags deferred", "-tags future"} {
		if !strings.Contains(usage.Error(), flag) {
			t.Errorf("%q does not name %s", usage, flag)
		}
	}
}

func TestUseWithoutBackend(t *testing.T) {
	if txaio.UsingDeferred || txaio.UsingFuture {
		t.Error("a backend is in use")
	}
	for flag, err := range map[string]error{"-tags deferred": txaio.UseDeferred(), "-tags future": txaio.UseFuture()} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("got %v, want an error that names %s", err, flag)
		}
	}
}

// With both tags the compiler's one message is a sentence that says what to do.
func TestBothBackends(t *testing.T) {
	out, err := exec.Command("go", "build", "-tags", "deferred,future", ".").CombinedOutput()
	if err == nil {
		t.Fatal("it compiles with both tags")
	}
	var messages []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			messages = append(messages, line)
		}
	}
	if len(messages) != 1 || !strings.Contains(messages[0], "choose one backend: -tags deferred or -tags future") {
		t.Errorf("the compiler says:\n%s", out)
	}
}

// Packages make batched timers in variables, also in a build without a backend.
var (
	sharedTimer = txaio.MakeBatchedTimer(time.Second, 0, txaio.RoundUp())
	apisTimer   = new(txaio.API).MakeBatchedTimer(time.Second, 10, txaio.RoundUp())
)

func TestBatchedTimerWithoutBackend(t *testing.T) {
	for name, timer := range map[string]*txaio.BatchedTimer{
		"MakeBatchedTimer":     sharedTimer,
		"API.MakeBatchedTimer": apisTimer,
		"nil":                  nil,
		"zero":                 {},
	} {
		for what, fn := range map[string]func(){"a function": func() {}, "nil": nil} {
			t.Run(name+" with "+what, func(t *testing.T) {
				defer func() {
					if value := recover(); value != txaio.ErrNoBackend {
						t.Errorf("CallLater panicked with %v, want ErrNoBackend", value)
					}
				}()
				timer.CallLater(time.Second, fn)
			})
		}
	}
}

// Without a backend, MakeBatchedTimer still refuses wrong arguments.
func TestBatchedTimerMisuseWithoutBackend(t *testing.T) {
	for name, misuse := range map[string]func(){
		"a bucket of 0":         func() { txaio.MakeBatchedTimer(0, 1) },
		"a negative chunk size": func() { txaio.MakeBatchedTimer(time.Second, -1) },
		"a nil option":          func() { txaio.MakeBatchedTimer(time.Second, 1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if _, is := recover().(*txaio.UsageError); !is {
					t.Error("it does not panic with a *UsageError")
				}
			}()
			misuse()
		})
	}
}

func TestLoggingWithoutBackend(t *testing.T) {
	log := txaio.MakeLogger(txaio.WithNamespace("namespace"), txaio.WithLevel(txaio.LevelError), txaio.WithLogrus(logrus.New()))
	txaio.MakeLogger(txaio.WithLevel(-1), txaio.WithSlog(slog.Default().Handler()))
	for name, function := range map[string]func(){
		"Critical":                     func() { log.Critical("message") },
		"Error":                        func() { log.Error("message") },
		"Warn":                         func() { log.Warn("message") },
		"Info":                         func() { log.Info("message") },
		"Debug":                        func() { log.Debug("message") },
		"Trace":                        func() { log.Trace("message", slog.Int("a", 1)) },
		"Emit":                         func() { log.Emit(txaio.LevelInfo, "message") },
		"Failure":                      func() { log.Failure(nil, "message") },
		"Enabled":                      func() { log.Enabled(txaio.LevelInfo) },
		"Namespace":                    func() { log.Namespace() },
		"SetLevel":                     func() { log.SetLevel(txaio.LevelInfo) },
		"SetLevel to nothing":          func() { log.SetLevel(-1) },
		"ResetLevel":                   func() { log.ResetLevel() },
		"With":                         func() { log.With() },
		"SetSlog":                      func() { txaio.SetSlog(nil) },
		"SetLogLevels":                 func() { txaio.SetLogLevels(nil) },
		"StartLogging":                 func() { txaio.StartLogging(io.Discard, txaio.LevelInfo, txaio.LogJSON()) },
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

// The error names the ways to choose a backend.
func TestErrNoBackendNamesWays(t *testing.T) {
	for _, way := range []string{"-tags deferred", "-tags future", "GOFLAGS", "go test -tags"} {
		if !strings.Contains(txaio.ErrNoBackend.Error(), way) {
			t.Errorf("%q does not name %s", txaio.ErrNoBackend, way)
		}
	}
}

// Configuration can be read in a build that has no backend.
func TestLevelWithoutBackend(t *testing.T) {
	var level txaio.Level
	if err := level.UnmarshalText([]byte("debug")); err != nil || level.String() != "debug" {
		t.Errorf("%v, %v", level, err)
	}
}
