// Package gojaloop runs txaio on the event loop of a JavaScript engine: goja, with
// the event loop of goja_nodejs. JavaScript, futures' callbacks and timers share
// one loop, so they need no locks between them.
//
// [Future] makes a future of a promise, and [Promise] a promise of a future. Both
// carry values, errors and cancellation. Values cross as JSON.
package gojaloop

import (
	"container/list"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/eventloop"
	"github.com/txaio-go/txaio"
)

// ErrClosed is in the errors of futures that wait for JavaScript after its loop has
// ended. Use errors.Is.
var ErrClosed = errors.New("gojaloop: the loop was closed")

// A Loop is a [txaio.EventLoop] on which JavaScript runs. [New] makes one, and
// [Loop.Close] ends it. Its methods may be called from any goroutine.
type Loop struct {
	js  *eventloop.EventLoop
	own *txaio.Loop // has the timers, and runs functions when JavaScript has ended
	api *txaio.API  // nil on the deferred backend, because its futures have no loop
	engine

	mu      sync.Mutex
	queue   []func()
	waiting list.List // of *waiter
	why     error     // why JavaScript ends; nil until then
	ended   bool      // it has ended
	done    chan struct{}
}

// An Option is an option of [New].
type Option func(*options)

type options struct {
	js   []eventloop.Option
	loop []txaio.LoopOption
}

// WithEventLoop passes options to goja_nodejs's event loop: a registry of
// modules, or no console.
func WithEventLoop(opts ...eventloop.Option) Option {
	return func(o *options) { o.js = append(o.js, opts...) }
}

// WithExceptionHandler makes the loop call handler for failures that nothing else
// handles: the panic of a function that it ran, an exception of a JavaScript timer (as
// an [*Error]), and a rejection without a handler. The loop calls it on its own
// goroutine. Without a handler they are errors in the log.
func WithExceptionHandler(handler func(*txaio.Failure)) Option {
	return func(o *options) { o.loop = append(o.loop, txaio.WithExceptionHandler(handler)) }
}

// New returns a loop that runs, on a goroutine of its own, until [Loop.Close].
func New(opts ...Option) *Loop {
	o := options{loop: []txaio.LoopOption{txaio.WithExceptionHandler(report)}}
	for _, opt := range opts {
		opt(&o)
	}
	l := &Loop{
		js:   eventloop.NewEventLoop(o.js...),
		own:  txaio.NewLoop(o.loop...),
		done: make(chan struct{}),
	}
	if txaio.UsingFuture {
		l.api, _ = txaio.WithConfig(txaio.Config{Loop: l})
	}
	ready := make(chan struct{})
	l.js.RunOnLoop(func(vm *goja.Runtime) {
		l.setUp(vm)
		close(ready)
	})
	go l.drive()
	<-ready
	return l
}

// CallSoon runs fn on the loop after the functions that are already queued, also after
// Close.
func (l *Loop) CallSoon(fn func()) {
	if fn == nil {
		l.own.CallSoon(nil) // panics with the reason
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		l.own.CallSoon(fn)
		return
	}
	l.queue = append(l.queue, fn)
	l.js.RunOnLoop(l.next)
}

// next runs the first function in the queue. It does not use goja_nodejs's queue,
// because that loses its functions if one of them ends the goroutine.
func (l *Loop) next(*goja.Runtime) {
	l.mu.Lock()
	if l.why != nil || len(l.queue) == 0 {
		l.mu.Unlock() // it is left to finish
		return
	}
	fn := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.mu.Unlock()
	l.enter(fn)
}

// Now returns the time of the system's clock.
func (l *Loop) Now() time.Time { return l.own.Now() }

// HandleFailure calls the exception handler: see [WithExceptionHandler].
func (l *Loop) HandleFailure(fail *txaio.Failure) { l.own.HandleFailure(fail) }

// InLoop reports whether this goroutine is running a function of a Loop, this
// one or any other.
func (l *Loop) InLoop() bool {
	if entered.Load() == 0 { // avoids a search of the stack, which may be deep
		return l.own.InLoop()
	}
	var frames [64]uintptr
	for skip := 1; ; skip += len(frames) {
		n := runtime.Callers(skip, frames[:])
		for _, pc := range frames[:n] {
			if fn := runtime.FuncForPC(pc - 1); fn != nil && fn.Entry() == enterEntry {
				return true
			}
		}
		if n < len(frames) {
			return l.own.InLoop()
		}
	}
}

// entered counts the calls of enter.
var entered atomic.Int64

var enterEntry = reflect.ValueOf((*Loop).enter).Pointer()

// enter calls fn on the loop's goroutine. It calls all code of users there, so that no
// panic reaches goja_nodejs's loop, because that would end it. InLoop finds its frame
// on the stack.
//
//go:noinline
func (l *Loop) enter(fn func()) {
	returned := false
	entered.Add(1)
	defer func() {
		entered.Add(-1)
		if returned {
			return
		}
		if value := recover(); value != nil { // nil is runtime.Goexit: see drive
			l.HandleFailure(l.recovered(value))
		}
	}()
	fn()
	returned = true
}

// Close ends JavaScript. It interrupts a script that is running, and futures
// that wait for JavaScript fail with an error that matches [ErrClosed]. It
// returns when the loop's goroutine has ended, or at once if it is called on
// the loop.
//
// The Go side goes on, so that nothing is lost: queued functions and timers
// still run, one at a time, on a goroutine that exists only while there is
// something to run. They must not use the loop's [goja.Runtime] any more.
//
// JavaScript also ends if a function on the loop calls runtime.Goexit, if a Go
// function panics in a promise's reaction, and after [goja.Runtime.Interrupt].
// goja drops reactions in these cases, so their promises would never be
// settled.
func (l *Loop) Close() {
	l.end(nil)
	if !l.InLoop() {
		<-l.done
	}
}

// end makes JavaScript end, because of cause if that is not nil.
func (l *Loop) end(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return
	}
	l.why = ErrClosed
	if cause != nil {
		l.why = fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	l.vm.Interrupt(l.why)
	l.js.StopNoWait()
}

// closed returns why JavaScript has ended or is about to, or nil.
func (l *Loop) closed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// drive is the loop's goroutine.
func (l *Loop) drive() {
	returned := false
	defer func() {
		if !returned {
			l.end(txaio.ErrGoexit)
		}
		l.finish()
	}()
	l.js.StartInForeground()
	returned = true
}

// finish gives the queued functions to the loop that goes on without JavaScript.
func (l *Loop) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.vm.Interrupt(l.why) // ends any later call
	for _, fn := range l.queue {
		l.own.CallSoon(fn)
	}
	l.queue = nil
	for l.waiting.Len() > 0 {
		w := l.waiting.Remove(l.waiting.Front()).(*waiter)
		l.own.CallSoon(func() { w.fail(l.closed()) })
	}
	close(l.done)
}
