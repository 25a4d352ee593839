package txaio

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

// labels are a loop's name, and the pprof labels of the goroutine that drives
// it.
type labels struct {
	name string
	ctx  context.Context // has the label, nil where there is no name
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

// set gives the running goroutine the loop's label.
func (b *labels) set() {
	if b.ctx != nil {
		pprof.SetGoroutineLabels(b.ctx)
	}
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
		t := l.turn[l.next]
		l.next++
		l.observe(ctx, t)
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

// name implements taskName for a timer, which is nameless once it was cancelled.
func (t *timer) name() string {
	t.loop.mu.Lock()
	fn := t.fn
	t.loop.mu.Unlock()
	if fn == nil {
		return "cancelled timer"
	}
	return funcName(fn)
}
