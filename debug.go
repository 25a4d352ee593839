package txaio

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
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
//   - a failure's traceback ends with the places that created the future and
//     settled it;
//   - settling a future twice returns an error that wraps [ErrAlreadyCalled]
//     (use errors.Is) and reports both places;
//   - [PendingFutures] lists those that nothing has settled.
//
// While it is on, a function that holds a [Loop] for long is a warning in the
// log: see [SetSlowCallbackDuration].
//
// It is Twisted's setDebugging and asyncio's debug mode. When disabled, it costs
// one atomic load for each future and each turn of a loop.
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
// chunk counts. It panics with a [*UsageError] if limit is not positive.
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

// format returns a section for each place, or "" if h is nil.
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
	Created []runtime.Frame // its stack then, innermost first, as in FailureTraceback
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

// Profiles and traces

// labels are a loop's name, and the pprof labels of the goroutine that drives
// it.
type labels struct {
	name string
	ctx  context.Context // has the label, nil if there is no name
}

const labelKey = "txaio_loop"

// WithName names the loop, for [Loop.Stats], for runtime/trace and for the log
// of debug mode. Samples of CPU and goroutine profiles taken on the goroutine
// that drives the loop have the label txaio_loop with this name: on the loop's
// own goroutine, and on one that calls [Loop.Run], which has the labels of
// Run's context again when Run returns, as with pprof.Do. A call of
// [Loop.RunUntilComplete] has no context with the labels to go back to, and
// leaves them as they are.
func WithName(name string) LoopOption {
	return func(l *Loop) {
		l.labels = labels{name, pprof.WithLabels(context.Background(), pprof.Labels(labelKey, name))}
	}
}

// set gives the running goroutine the loop's label, and takes off those of
// whoever started it.
func (b *labels) set() {
	ctx := b.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	pprof.SetGoroutineLabels(ctx)
}

// A labelling is the label of a call of Run.
type labelling struct {
	labels *labels
	ctx    context.Context // Run's
	isSet  bool
}

// begin sets the label beside those of Run's context. It is called when the
// goroutine has become the driver, and again before each turn.
func (b *labelling) begin() {
	if !b.isSet && b.labels.ctx != nil {
		b.isSet = true
		pprof.SetGoroutineLabels(pprof.WithLabels(b.ctx, pprof.Labels(labelKey, b.labels.name)))
	}
}

func (b *labelling) end() {
	if b.isSet {
		pprof.SetGoroutineLabels(b.ctx)
	}
}

// observing reports whether each function of a turn is to be observed, which
// is decided once for a turn.
func observing() bool { return debugMode.Load() || trace.IsEnabled() }

// runObserved is runTasks for a turn that is observed: the turn is a task of
// runtime/trace, each function a region of it.
func (l *Loop) runObserved() {
	name := "txaio turn"
	if l.labels.name != "" {
		name = "txaio turn: " + l.labels.name
	}
	ctx, turn := trace.NewTask(context.Background(), name)
	defer turn.End()
	for l.next < len(l.turn) {
		l.observe(ctx, l.take())
	}
}

func (l *Loop) observe(ctx context.Context, t task) {
	name := taskName(t)
	defer trace.StartRegion(ctx, name).End()
	start := time.Now()
	defer func() {
		took := time.Since(start)
		l.mu.Lock()
		l.counters.longest = max(l.counters.longest, took)
		l.mu.Unlock()
		if debugMode.Load() && took >= time.Duration(slowCallback.Load()) {
			reportSlow(l.labels.name, name, took)
		}
	}()
	t.run()
}

// taskName returns the name of the function that t runs.
func taskName(t task) string {
	switch t := t.(type) {
	case funcTask:
		return funcName(t)
	case interface{ name() string }:
		return t.name()
	}
	return fmt.Sprintf("%T", t)
}

func funcName(fn any) string {
	if f := runtime.FuncForPC(reflect.ValueOf(fn).Pointer()); f != nil {
		return f.Name()
	}
	return "unknown function"
}

// Counters

// LoopStats is what a loop has done and what it has to do: see [Loop.Stats].
// As JSON, durations are nanoseconds.
type LoopStats struct {
	// Name is the loop's: see [WithName].
	Name string `json:"name"`
	// Ready is how many functions wait for the next turn.
	Ready int `json:"ready"`
	// Timers is how many timers are set.
	Timers int `json:"timers"`
	// Turns is how many turns have begun that had something to run.
	Turns uint64 `json:"turns"`
	// Run is how many functions these turns had to run.
	Run uint64 `json:"run"`
	// LongestTurn is the number of functions in the largest turn.
	LongestTurn int `json:"longest_turn"`
	// Longest is the longest that one function has held the loop. Functions are
	// timed only in debug mode (see [SetDebug]) and while runtime/trace is on:
	// reading the clock costs as much as running a function.
	Longest time.Duration `json:"longest_ns"`
}

// counters are what a loop counts, guarded by its lock.
type counters struct {
	turns       uint64
	run         uint64
	longestTurn int
	longest     time.Duration
}

// count counts a turn of n functions.
func (c *counters) count(n int) {
	if n == 0 {
		return
	}
	c.turns++
	c.run += uint64(n)
	c.longestTurn = max(c.longestTurn, n)
}

// Stats returns the loop's counters. They are kept once a turn, under a lock
// that is taken anyway, and so cost nothing. What it returns marshals to JSON,
// as expvar.Func needs it.
func (l *Loop) Stats() LoopStats {
	l.mustBeMade()
	l.mu.Lock()
	defer l.mu.Unlock()
	return LoopStats{
		Name:        l.labels.name,
		Ready:       l.queue.Len(),
		Timers:      len(l.timers.entries),
		Turns:       l.counters.turns,
		Run:         l.counters.run,
		LongestTurn: l.counters.longestTurn,
		Longest:     l.counters.longest,
	}
}
