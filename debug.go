package txaio

import (
	"cmp"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// debugMode is loaded wherever debug mode makes a difference.
var debugMode atomic.Bool

func init() { debugMode.Store(os.Getenv("TXAIO_DEBUG") == "1") }

// SetDebug turns debug mode on or off. It is off, unless the program was
// started with TXAIO_DEBUG=1 in its environment. For futures created while it
// is on
//
//   - a failure's traceback ends with the places where the future was created
//     and where it was settled;
//   - the attempt to settle one a second time returns an error that has both
//     places in its text, and that errors.Is, not ==, finds to be
//     [ErrAlreadyCalled];
//   - [PendingFutures] lists those that nothing has settled.
//
// While it is on, a function that holds a [Loop] for long is a warning in the
// log: see [SetSlowCallbackDuration].
//
// It is Twisted's setDebugging and asyncio's debug mode. When it is off it costs
// the load of one atomic variable for a future and for a turn of a loop.
func SetDebug(on bool) {
	mustHaveBackend()
	debugMode.Store(on)
}

// Debug reports whether debug mode is on.
func Debug() bool {
	mustHaveBackend()
	return debugMode.Load()
}

// slowCallback is how long a function may hold a loop, in nanoseconds.
var slowCallback atomic.Int64

func init() { slowCallback.Store(int64(100 * time.Millisecond)) }

// SetSlowCallbackDuration sets how long a function may hold a loop before
// debug mode logs it at warn level, with its name and how long it took. It is
// 100 ms at first: asyncio's slow_callback_duration. Of a [BatchedTimer] the
// chunk counts. It panics with a [*UsageError] where limit is not positive.
func SetSlowCallbackDuration(limit time.Duration) {
	mustHaveBackend()
	if limit <= 0 {
		panic(usageErrorf("the slow callback duration has to be positive, and was given as %v", limit))
	}
	slowCallback.Store(int64(limit))
}

// SlowCallbackDuration returns what was set with [SetSlowCallbackDuration].
func SlowCallbackDuration() time.Duration {
	mustHaveBackend()
	return time.Duration(slowCallback.Load())
}

// reportSlow logs a function that held a loop for too long.
func reportSlow(loop, function string, took time.Duration) {
	attrs := []slog.Attr{slog.String("function", function), slog.Duration("took", took)}
	if loop == "" {
		ownLog.Warn("Executing {function} took {took}", attrs...)
		return
	}
	ownLog.Warn("Executing {function} took {took} on loop {loop}", append(attrs, slog.String("loop", loop))...)
}

// A history is what debug mode knows of a future.
type history struct {
	number  uint64
	kind    string // the future's type
	created []uintptr
	settled atomic.Pointer[[]uintptr]
}

// unsettled holds the histories of the futures that are pending. It refers to
// them weakly: what was dropped is not pending, it is gone.
var unsettled struct {
	sync.Mutex
	made      uint64
	histories map[weak.Pointer[history]]struct{}
}

// format returns a section for each place, or "" where h is nil.
func (h *history) format() string {
	if h == nil {
		return ""
	}
	var text strings.Builder
	text.WriteString("\nThe future was created at (most recent call last):\n")
	formatFrames(&text, userFrames(h.created))
	if settled := h.settled.Load(); settled != nil {
		text.WriteString("The future was first settled at (most recent call last):\n")
		formatFrames(&text, userFrames(*settled))
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// A PendingFuture is a future that nothing has settled yet: see
// [PendingFutures].
type PendingFuture struct {
	Type    string          // of the future, as fmt's %T prints it
	Created []runtime.Frame // where, innermost first, as in FailureTraceback
}

// String returns the type, and a line for each frame, outermost first.
func (p PendingFuture) String() string {
	var text strings.Builder
	text.WriteString(p.Type + " created at (most recent call last):\n")
	formatFrames(&text, p.Created)
	return strings.TrimSuffix(text.String(), "\n")
}

// PendingFutures returns the futures that were created in debug mode, have not
// been settled and are still referred to, the oldest first. Called when
// [Loop.Run] has returned, it tells what the program was still waiting for.
//
// A future that was not created by the package, as in new(Future[int]), is not
// among them.
func PendingFutures() []PendingFuture {
	mustHaveBackend()
	var pending []*history
	unsettled.Lock()
	for pointer := range unsettled.histories {
		if h := pointer.Value(); h != nil {
			pending = append(pending, h)
		}
	}
	unsettled.Unlock()
	slices.SortFunc(pending, func(a, b *history) int { return cmp.Compare(a.number, b.number) })
	list := make([]PendingFuture, len(pending))
	for i, h := range pending {
		list[i] = PendingFuture{h.kind, userFrames(h.created)}
	}
	return list
}
