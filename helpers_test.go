//go:build deferred || future

package txaio_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

var (
	errOne = errors.New("one")
	errTwo = errors.New("two")
)

// fixture is a TestLoop as the current loop, and a journal of what happened,
// which includes what reached the loop's exception handler.
type fixture struct {
	*testutil.TestLoop
	journal
}

// newFixture returns a fixture for a test. With TXAIO_TEST_LOOP=foreign in the
// environment the current loop is a foreignLoop that the TestLoop drives.
func newFixture(t *testing.T) *fixture {
	x := &fixture{}
	handler := func(fail *txaio.Failure) { x.note("handler %s", fail.Error()) }
	x.TestLoop = testutil.NewTestLoop(txaio.WithExceptionHandler(handler))
	var loop txaio.EventLoop = x.TestLoop
	if os.Getenv("TXAIO_TEST_LOOP") == "foreign" {
		loop = &foreignLoop{t: t, functions: make(chan func(), 1<<20), handler: handler, driver: x.TestLoop}
	}
	t.Cleanup(testutil.ReplaceLoop(loop))
	return x
}

// foreignLoop is an adapter to another library's kind of loop: a channel of
// functions that are called one by one. A panic in one of them would end it. What
// calls them, and has its timers, is a TestLoop, so that tests can tell it when.
type foreignLoop struct {
	t         *testing.T
	functions chan func()
	handler   func(*txaio.Failure)
	driver    *testutil.TestLoop
}

func (l *foreignLoop) CallSoon(fn func()) {
	l.functions <- fn
	l.driver.CallSoon(func() { l.call(<-l.functions) })
}

func (l *foreignLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	return l.driver.CallLater(delay, func() { l.call(fn) })
}

func (l *foreignLoop) call(fn func()) {
	defer func() {
		if value := recover(); value != nil {
			l.t.Errorf("a panic has reached the foreign loop: %v", value)
		}
	}()
	fn()
}

func (l *foreignLoop) Now() time.Time                    { return l.driver.Now() }
func (l *foreignLoop) InLoop() bool                      { return l.driver.InLoop() }
func (l *foreignLoop) HandleFailure(fail *txaio.Failure) { l.handler(fail) }

// await is testutil.Await, also for a foreignLoop.
func await[T any](t testing.TB, f *txaio.Future[T]) (T, error) {
	t.Helper()
	if loop, is := txaio.CurrentLoop().(*foreignLoop); is {
		defer testutil.ReplaceLoop(loop.driver)()
	}
	return testutil.Await(t, f)
}

// journal is a list of events.
type journal struct {
	mu     sync.Mutex
	events []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, fmt.Sprintf(format, args...))
}

// want checks the events since the last call.
func (j *journal) want(t *testing.T, events ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.events, events) {
		t.Errorf("events:\n got: %s\nwant: %s", strings.Join(j.events, "; "), strings.Join(events, "; "))
	}
	j.events = nil
}

// watch adds a portable pair of callbacks that notes what it gets.
func watch[T any](j *journal, f *txaio.Future[T], name string) {
	callback, errback := noting[T](j, name)
	txaio.AddCallbacks(f, callback, errback)
}

func noting[T any](j *journal, name string) (func(T) (T, error), func(*txaio.Failure) (T, error)) {
	return func(value T) (T, error) {
			j.note("%s=%v", name, value)
			return value, nil
		}, func(fail *txaio.Failure) (T, error) {
			j.note("%s!%s", name, fail.Error())
			return *new(T), fail
		}
}

// byBackend returns the expectation for the backend that is tested.
func byBackend[V any](deferred, future V) V {
	if txaio.UsingDeferred {
		return deferred
	}
	return future
}

// panicOf returns what fn panics with.
func panicOf(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}

// wantUsageError checks that fn panics with a *UsageError that has each of the
// words.
func wantUsageError(t *testing.T, fn func(), words ...string) {
	t.Helper()
	value := panicOf(fn)
	usage, ok := value.(*txaio.UsageError)
	if !ok {
		t.Errorf("panicked with %T (%v), want a *UsageError", value, value)
		return
	}
	for _, word := range words {
		if !strings.Contains(usage.Error(), word) {
			t.Errorf("message %q does not have %q", usage.Error(), word)
		}
	}
}

func wantValue[T comparable](t *testing.T, f *txaio.Future[T], want T) {
	t.Helper()
	if got, err := await(t, f); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// wantFailure checks that f fails with a *Failure of want, and returns it.
func wantFailure[T any](t *testing.T, f *txaio.Future[T], want error) *txaio.Failure {
	t.Helper()
	got, err := await(t, f)
	fail, ok := err.(*txaio.Failure)
	if !ok || !errors.Is(err, want) {
		t.Errorf("got %v, %v, want a *Failure of %v", got, err, want)
	}
	return fail
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// inChild runs the calling test again in a process of its own, where it
// returns nothing and true, and returns what that printed.
func inChild(t *testing.T) (printed string, child bool) {
	t.Helper()
	const variable = "TXAIO_TEST_CHILD"
	if os.Getenv(variable) == t.Name() {
		return "", true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=30s")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the test failed in its own process: %v\n%s", err, out)
	}
	return string(out), false
}

// onLoop runs fn on the loop and waits for it.
func onLoop(loop txaio.EventLoop, fn func()) {
	done := make(chan struct{})
	loop.CallSoon(func() {
		defer close(done)
		fn()
	})
	<-done
}
