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

// SetDebug turns debug mode on or off. It is off at first, unless the
// environment has TXAIO_DEBUG=1. For futures that are created while it is on:
//
//   - A failure's traceback also shows where the future was created and
//     settled.
//   - Settling a future twice returns an error that wraps
//     [ErrAlreadyCalled] (use errors.Is) and reports both places.
//   - [PendingFutures] lists the futures that have not been settled.
//
// While it is on, a function that holds a [Loop] for a long time causes a
// warning in the log: see [SetSlowCallbackDuration].
//
// It is Twisted's setDebugging and asyncio's debug mode. When disabled, it
// costs one atomic load for each future and each turn of a loop.
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
// debug mode logs a warning with the function's name and the time it took. The
// default is 100 ms, as for asyncio's slow_callback_duration. A
// [BatchedTimer]'s chunk counts as one function. It panics with a
// [*UsageError] if limit is not positive.
func SetSlowCallbackDuration(limit time.Duration) {
	mustHaveBackend()
	if limit <= 0 {
		panic(usageErrorf("the slow callback duration has to be positive, and was given as %v", limit))
	}
	slowCallback.Store(int64(limit))
}

// SlowCallbackDuration returns the limit set with [SetSlowCallbackDuration].
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

// A history is what debug mode knows about a future.
type history struct {
	number  uint64
	kind    string // the future's type
	created []uintptr
	settled atomic.Pointer[[]uintptr]
}

// unsettled holds the histories of the pending futures. It refers to them
// weakly, because a future that was dropped is gone, not pending.
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

// A PendingFuture is a future that has not been settled yet: see
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
// been settled and are still referred to, oldest first. After [Loop.Run] has
// returned, it shows what the program was still waiting for.
//
// It does not list futures that the package did not create, as in
// new(Future[int]).
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

// labels holds a loop's name, and the pprof labels for the goroutine that
// drives the loop.
type labels struct {
	name string
	ctx  context.Context // has the label, nil if there is no name
}

const labelKey = "txaio_loop"

// WithName names the loop for [Loop.Stats], for runtime/trace and for debug
// mode's log. The goroutine that drives the loop has the pprof label
// txaio_loop with this name, so CPU and goroutine profiles can be filtered by
// loop.
//
// A goroutine that calls [Loop.Run] gets the labels of Run's context back when
// Run returns, as with pprof.Do. [Loop.RunUntilComplete] has no context, so
// the label stays.
func WithName(name string) LoopOption {
	return func(l *Loop) {
		l.labels = labels{name, pprof.WithLabels(context.Background(), pprof.Labels(labelKey, name))}
	}
}

// set gives the running goroutine the loop's label, and removes the labels
// that it inherited.
func (b *labels) set() {
	ctx := b.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	pprof.SetGoroutineLabels(ctx)
}

// A labelling is the label for one call of Run.
type labelling struct {
	labels *labels
	ctx    context.Context // Run's
	isSet  bool
}

// begin adds the label to those of Run's context. It is called before each
// turn, and does its work once.
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

// observing reports whether to observe each function of a turn. It is asked
// once for each turn.
func observing() bool { return debugMode.Load() || trace.IsEnabled() }

// runObserved is runTasks for an observed turn. The turn is a task of
// runtime/trace, and each function is a region.
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

// LoopStats is what [Loop.Stats] returns. In JSON, durations are nanoseconds.
type LoopStats struct {
	// Name is the loop's name: see [WithName].
	Name string `json:"name"`
	// Ready is the number of functions that wait for the next turn.
	Ready int `json:"ready"`
	// Timers is the number of timers that are set.
	Timers int `json:"timers"`
	// Turns is the number of turns so far that had something to run.
	Turns uint64 `json:"turns"`
	// Run is the number of functions in those turns.
	Run uint64 `json:"run"`
	// LongestTurn is the number of functions in the longest turn.
	LongestTurn int `json:"longest_turn"`
	// Longest is the longest time that one function has held the loop.
	// Functions are timed only in debug mode (see [SetDebug]) and while
	// runtime/trace is on, because reading the clock costs as much as running
	// a function.
	Longest time.Duration `json:"longest_ns"`
}

// counters are a loop's counters, guarded by its lock.
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

// Stats returns the loop's counters. The loop updates them once a turn, under
// a lock that it takes anyway. The result marshals to JSON, as expvar.Func
// needs.
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
