//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
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

// patience is how long a test waits for what is bound to happen. It is long,
// because it only passes where a test fails.
const patience = 30 * time.Second

// receive returns what comes out of ch, and fails the test where nothing does.
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

// eventually waits until a condition holds that nothing announces.
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

// loopModes are all ways. Those that need a goroutine end it when the test
// ends.
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

// notes is what happened, in order.
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

// flush waits until l has run what it has to run now.
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
