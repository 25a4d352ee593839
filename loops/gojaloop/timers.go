package gojaloop

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
)

// CallLater runs fn on the loop after delay, also after Close; a negative delay
// counts as 0. Calls that are due at the same time run in the order in which they
// were made.
//
// It does not use goja_nodejs's timers. Each of them queues its function from a
// goroutine of its own, in any order, and only the loop knows whether it can still be
// cancelled.
func (l *Loop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	if fn == nil {
		l.own.CallLater(delay, nil) // panics with the reason
	}
	c := &delayedCall{fn: fn}
	c.timer = l.own.CallLater(delay, func() { l.CallSoon(c.run) })
	return c
}

// A delayedCall is a call of CallLater. Between the end of the delay and its turn
// on the loop it can still be cancelled.
type delayedCall struct {
	timer txaio.DelayedCall
	fn    func()
	over  atomic.Bool // it runs, has run or was cancelled
}

func (c *delayedCall) run() {
	if c.over.CompareAndSwap(false, true) {
		c.fn()
	}
}

// Cancel implements [txaio.DelayedCall].
func (c *delayedCall) Cancel() bool {
	if !c.over.CompareAndSwap(false, true) {
		return false
	}
	c.timer.Cancel()
	return true
}

// setTimers gives JavaScript timers that share the order of CallLater. goja_nodejs's
// timers run in any order, and drop exceptions.
func (l *Loop) setTimers(vm *goja.Runtime) {
	for name, fn := range map[string]func(goja.FunctionCall) goja.Value{
		"setTimeout":     l.setTimeout,
		"setInterval":    l.setInterval,
		"setImmediate":   l.setImmediate,
		"clearTimeout":   l.clearTimer,
		"clearInterval":  l.clearTimer,
		"clearImmediate": l.clearTimer,
	} {
		_ = vm.Set(name, fn)
	}
}

// A jsTimer is a timer of setTimeout, setInterval or setImmediate. Only the loop uses
// it.
type jsTimer struct {
	loop    *Loop
	fn      goja.Callable
	args    []goja.Value
	every   time.Duration     // 0 if it runs once
	delayed txaio.DelayedCall // nil for setImmediate
	cleared bool
}

func (l *Loop) setTimeout(call goja.FunctionCall) goja.Value {
	t := l.newTimer(call, 2)
	t.delayed = l.CallLater(milliseconds(call.Argument(1)), t.run)
	return l.vm.ToValue(t)
}

func (l *Loop) setInterval(call goja.FunctionCall) goja.Value {
	t := l.newTimer(call, 2)
	t.every = max(milliseconds(call.Argument(1)), time.Millisecond)
	t.delayed = l.CallLater(t.every, t.run)
	return l.vm.ToValue(t)
}

func (l *Loop) setImmediate(call goja.FunctionCall) goja.Value {
	t := l.newTimer(call, 1)
	l.CallSoon(t.run)
	return l.vm.ToValue(t)
}

// newTimer returns a timer that calls the first argument with the arguments from index
// from on.
func (l *Loop) newTimer(call goja.FunctionCall, from int) *jsTimer {
	fn, is := goja.AssertFunction(call.Argument(0))
	if !is {
		panic(l.vm.NewTypeError("a timer needs a function"))
	}
	args := call.Arguments[min(from, len(call.Arguments)):]
	return &jsTimer{loop: l, fn: fn, args: slices.Clone(args)}
}

func milliseconds(delay goja.Value) time.Duration {
	const longest = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(max(0, min(delay.ToInteger(), longest))) * time.Millisecond
}

func (t *jsTimer) run() {
	if t.cleared || t.loop.closed() != nil {
		return
	}
	if t.every > 0 {
		t.delayed = t.loop.CallLater(t.every, t.run)
	}
	if _, err := t.fn(nil, t.args...); err != nil {
		t.loop.report(err)
	}
}

func (l *Loop) clearTimer(call goja.FunctionCall) goja.Value {
	if t, is := call.Argument(0).Export().(*jsTimer); is {
		t.cleared = true
		if t.delayed != nil {
			t.delayed.Cancel()
		}
	}
	return goja.Undefined()
}
