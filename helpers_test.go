//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
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

// fixture is a TestLoop as the current loop, and a journal of events. The journal
// includes the failures that reached the loop's exception handler.
type fixture struct {
	*testutil.TestLoop
	journal
}

// newFixture returns a fixture for a test. If the environment variable
// TXAIO_TEST_LOOP names one of drivenLoops, that becomes the current loop.
func newFixture(t *testing.T) *fixture {
	x := &fixture{}
	handler := func(fail *txaio.Failure) { x.note("handler %s", fail.Error()) }
	x.TestLoop = testutil.NewTestLoop(txaio.WithExceptionHandler(handler))
	var loop txaio.EventLoop = x.TestLoop
	if name := os.Getenv("TXAIO_TEST_LOOP"); name != "" {
		loop = drivenLoops[name](t, x.TestLoop, handler)
	}
	t.Cleanup(testutil.ReplaceLoop(loop))
	return x
}

// A drivenLoop is a loop of another type that a TestLoop drives.
type drivenLoop interface {
	txaio.EventLoop
	theDriver() *testutil.TestLoop
}

// drivenLoops has a constructor for each name. The module of an adapter adds its own.
var drivenLoops = map[string]func(t *testing.T, driver *testutil.TestLoop, handler func(*txaio.Failure)) drivenLoop{
	"foreign": func(t *testing.T, driver *testutil.TestLoop, handler func(*txaio.Failure)) drivenLoop {
		return &foreignLoop{t: t, functions: make(chan func(), 1<<20), handler: handler, driver: driver}
	},
}

// foreignLoop is an adapter for another kind of loop: a channel of functions that are
// called one by one. A panic in one of them would end it. A TestLoop calls the
// functions and has the timers, so that tests can drive it.
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

func (l *foreignLoop) theDriver() *testutil.TestLoop     { return l.driver }
func (l *foreignLoop) Now() time.Time                    { return l.driver.Now() }
func (l *foreignLoop) InLoop() bool                      { return l.driver.InLoop() }
func (l *foreignLoop) HandleFailure(fail *txaio.Failure) { l.handler(fail) }

// await is testutil.Await, also for a drivenLoop.
func await[T any](t testing.TB, f *txaio.Future[T]) (T, error) {
	t.Helper()
	if loop, is := txaio.CurrentLoop().(drivenLoop); is {
		defer testutil.ReplaceLoop(loop.theDriver())()
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

// watch adds a portable pair of callbacks that notes the outcome.
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

// panicOf calls fn and returns the value that it panics with.
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

// inChild runs the calling test again in a process of its own, and returns the
// output. In that process it returns true.
func inChild(t *testing.T) (printed string, child bool) {
	t.Helper()
	const variable = "TXAIO_TEST_CHILD"
	if os.Getenv(variable) == t.Name() {
		return "", true
	}
	out, err := runSelf(t.Name(), variable+"="+t.Name())
	if err != nil {
		t.Fatalf("the test failed in its own process: %v\n%s", err, out)
	}
	return out, false
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

// patience is how long a test waits for an event. It is long, because only a test
// that fails waits for all of it.
const patience = 30 * time.Second

// receive returns the next value from ch, and fails the test if none comes.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case value := <-ch:
		return value
	case <-timeout.C:
		buf := make([]byte, 1<<16)
		t.Fatalf("%s did not happen\n%s", what, buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("it never happened that %s", what)
		}
	}
}

// A loopMode is a way in which a loop is driven.
type loopMode struct {
	name  string
	drive func(t *testing.T, l *txaio.Loop)
}

// loopModes are all modes. Those that need a goroutine end it when the test ends.
var loopModes = []loopMode{
	{"own goroutine", func(*testing.T, *txaio.Loop) {}},
	{"Run", func(t *testing.T, l *txaio.Loop) {
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 1)
		go func() { result <- l.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := receive(t, result, "the return of Run"); err != context.Canceled {
				t.Errorf("Run returned %v, not context.Canceled", err)
			}
		})
	}},
	{"RunUntilComplete", func(t *testing.T, l *txaio.Loop) {
		restore := testutil.ReplaceLoop(l)
		end := txaio.CreateFuture[int]()
		restore()
		result := make(chan error, 1)
		go func() { result <- l.RunUntilComplete(end) }()
		t.Cleanup(func() {
			if err := txaio.Resolve(end, 0); err != nil {
				t.Error(err)
			}
			if err := receive(t, result, "the return of RunUntilComplete"); err != nil {
				t.Errorf("RunUntilComplete returned %v", err)
			}
		})
	}},
}

// inEachMode runs a test with a new loop in each mode.
func inEachMode(t *testing.T, test func(t *testing.T, l *txaio.Loop), opts ...txaio.LoopOption) {
	for _, mode := range loopModes {
		t.Run(mode.name, func(t *testing.T) {
			l := txaio.NewLoop(opts...)
			mode.drive(t, l)
			test(t, l)
		})
	}
}

// notes is a list of events, in order.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, fmt.Sprintf(format, args...))
}

// noting returns a function that adds a note.
func (n *notes) noting(note string) func() { return func() { n.add("%s", note) } }

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

func (n *notes) expect(t testing.TB, want ...string) {
	t.Helper()
	if got := n.all(); !slices.Equal(got, want) {
		t.Errorf("what happened:\n got %q\nwant %q", got, want)
	}
}

// flush waits until l has run everything that is queued.
func flush(t testing.TB, l txaio.EventLoop) {
	t.Helper()
	done := make(chan struct{})
	l.CallSoon(func() { close(done) })
	receive(t, done, "the loop running what is queued")
}

// mustPanicWithUsage checks that a call panics with a *UsageError.
func mustPanicWithUsage(t testing.TB, what string, call func()) {
	t.Helper()
	defer func() {
		t.Helper()
		value := recover()
		err, _ := value.(error)
		if usage := (*txaio.UsageError)(nil); !errors.As(err, &usage) {
			t.Errorf("%s panicked with %v (%T), not with a *UsageError", what, value, value)
		}
	}()
	call()
}

func mustBeUsage(t testing.TB, what string, err error) {
	t.Helper()
	if usage := (*txaio.UsageError)(nil); !errors.As(err, &usage) {
		t.Errorf("%s returned %v, not a *UsageError", what, err)
	}
}

// usingDefaultLoop makes the default loop the current one for a test.
func usingDefaultLoop(t testing.TB) {
	previous := txaio.SetLoop(nil)
	t.Cleanup(func() { txaio.SetLoop(previous) })
}

// goroutineID returns the number of the running goroutine.
func goroutineID() int64 {
	var buf [64]byte
	fields := strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))
	id, _ := strconv.ParseInt(fields[1], 10, 64)
	return id
}
