//go:build (deferred && !future) || (future && !deferred)

package txaio

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"time"
	"weak"
)

// A life is the part of a future that both backends have. A future is created
// pending and settled once. Settling it again returns ErrAlreadyCalled:
//
//	         Resolve -> succeeded
//	pending  Reject  -> failed
//	         Cancel  -> cancelled (deferred: failed)
//
// The state changes with the future locked: on the deferred backend by its own
// mutex, on the future backend by the lock of its loop's queue. No callback,
// canceller or method of an error is called with the lock held. The backends run
// a future's steps in different ways:
//
//   - deferred: the call that settles the Deferred, or adds a step, runs the
//     steps that can run, unless another call is running them. Each step can
//     change the result.
//   - future: settling queues the steps on the loop, in the order in which they
//     were added. The outcome no longer changes, so steps read it without a lock.
//
// A failure is handled once somebody has been given it. If a future is collected
// that failed and whose failure was not handled, that is logged.
type life[T any] struct {
	more    *more[T]
	state   state
	handled bool // somebody was given the failure
	//lint:ignore U1000 Only the future backend uses it: the first step was queued.
	queued bool
}

// state is how a future was settled.
type state uint8

const (
	pending state = iota
	succeeded
	failed // from here on, there is a failure
	cancelled
)

// settledBy returns the state of a future that was settled with fail, or with
// a value if fail is nil.
func settledBy(fail *Failure) state {
	if fail != nil {
		return failed
	}
	return succeeded
}

// extra holds what few futures on either backend need.
type extra[T any] struct {
	steps     []step[T]           // after the first
	cancelAll func(*Failure) bool // cancels instead of Cancel: see Gather and AddTimeout
	source    source              // see Then, ThenOf, Catch and Go
	done      chan struct{}
	dropped   runtime.Cleanup // logs the failure, which is not handled
	history   *history        // in debug mode
}

// newStep returns the step that AddCallbacks adds. A step runs when the future
// is settled. A future has room for one, and most need no more.
func newStep[T any](callback func(T) (T, error), errback func(*Failure) (T, error)) step[T] {
	switch {
	case errback == nil:
		return callbackStep[T](callback)
	case callback == nil:
		return errbackStep[T](errback)
	}
	return &pairStep[T]{callback, errback}
}

// callbackStep is a callback without an errback. A function value is one
// pointer, so this needs no allocation.
type callbackStep[T any] func(T) (T, error)

func (callbackStep[T]) handles() bool { return false }

// errbackStep is an errback without a callback.
type errbackStep[T any] func(*Failure) (T, error)

func (errbackStep[T]) handles() bool { return true }

// pairStep is a callback and an errback.
type pairStep[T any] struct {
	callback func(T) (T, error)
	errback  func(*Failure) (T, error)
}

func (*pairStep[T]) handles() bool { return true }

// watchStep is a function added with watch.
type watchStep[T any] struct {
	fn      func(any, *Failure)
	consume bool
}

func (*watchStep[T]) handles() bool   { return true }
func (w *watchStep[T]) function() any { return w.fn }

func (w *watchStep[T]) call(value T, fail *Failure) {
	if fail != nil {
		w.fn(nil, fail)
		return
	}
	w.fn(value, nil)
}

// afterStep is a function added with after.
type afterStep[T any] func()

func (afterStep[T]) handles() bool { return false }

// stepName returns the name of the function that a step calls.
func stepName[T any](s step[T], fail *Failure) string {
	if p, is := s.(*pairStep[T]); is {
		if fail != nil {
			return funcName(p.errback)
		}
		return funcName(p.callback)
	}
	if s, is := s.(interface{ function() any }); is {
		return funcName(s.function())
	}
	if reflect.ValueOf(s).Kind() == reflect.Func {
		return funcName(s)
	}
	return fmt.Sprintf("%T", s)
}

// extend returns what few futures need, and makes it if there is none. The
// future is locked.
func (l *life[T]) extend() *more[T] {
	if l.more == nil {
		l.more = new(more[T])
	}
	return l.more
}

// doneChan returns the channel that is closed when the future is settled. The
// future is locked.
func (l *life[T]) doneChan() <-chan struct{} {
	more := l.extend()
	if more.done == nil {
		more.done = make(chan struct{})
		if l.state != pending {
			close(more.done)
		}
	}
	return more.done
}

// history returns what debug mode knows about the future, or nil. The future
// is locked.
func (l *life[T]) history() *history {
	if l.more == nil {
		return nil
	}
	return l.more.history
}

// wake tells everyone who waits for the future that it is settled. The future
// is locked.
func (e *extra[T]) wake(fail *Failure) {
	if e.done != nil {
		close(e.done)
	}
	if e.history != nil {
		e.history.settle()
		e.history.explain(fail)
	}
}

// describe returns a future's type and state for its String method.
func describe[T any](state string) string {
	return "Future[" + reflect.TypeFor[T]().String() + "] " + state
}

// print implements fmt.Formatter's method for futures. Every verb prints the
// text, because fmt itself would read fields that other goroutines may be
// changing.
func print(s fmt.State, text string) { _, _ = s.Write([]byte(text)) }

// callComposing calls the function given to Then, ThenOf or Catch, and makes a
// failure of a panic.
func callComposing[T, U any](fn composing[T, U], value T, fail *Failure) (result U, failed *Failure, inner *Future[U]) {
	returned := false
	defer func() {
		if !returned {
			failed = panicFailure(recover())
		}
	}()
	result, failed, inner = fn.call(value, fail)
	returned = true
	return result, failed, inner
}

var errWaitsForItself error = usageErrorf("the function called by ThenOf returned the future that ThenOf returned, which would wait for itself")

// A timeLimit is the limit given to AddTimeout, and the stack of that call.
type timeLimit struct {
	delay time.Duration
	stack []uintptr
}

func newTimeLimit(delay time.Duration) timeLimit { return timeLimit{delay, callers()} }

// failure returns the failure of a future that AddTimeout cancelled: a
// *TimeoutError instead of the *CancelledError.
func (t *timeLimit) failure(fail *Failure) *Failure {
	if fail != nil {
		if _, cancelled := fail.err.(*CancelledError); cancelled {
			return &Failure{err: &TimeoutError{t.delay}, stack: t.stack}
		}
	}
	return fail
}

// Unhandled failures

// setHandled records that somebody is given the failure. The future is locked.
func (l *life[T]) setHandled() {
	l.handled = true
	if l.more != nil && l.more.dropped != (runtime.Cleanup{}) {
		l.more.dropped.Stop()
		l.more.dropped = runtime.Cleanup{}
	}
}

// logIfDropped has the failure logged if the future is collected, as do
// Twisted's DebugInfo and the destructor of asyncio's Future. text is
// fail.withoutError(). The future is locked.
func (l *life[T]) logIfDropped(text *Failure) {
	if more := l.extend(); more.dropped == (runtime.Cleanup{}) {
		more.dropped = runtime.AddCleanup(l, reportDropped, text)
	}
}

// unhandledMessage is the message that Twisted or asyncio logs.
func unhandledMessage() string {
	if UsingDeferred {
		return "Unhandled error in Deferred"
	}
	return "Future exception was never retrieved"
}

// withoutError returns a failure that prints like f and does not refer to the
// error. It calls the error's Error method, so no lock may be held.
func (f *Failure) withoutError() *Failure {
	text := &Failure{err: &droppedError{failureText(f)}, stack: f.stack}
	text.history.Store(f.history.Load())
	return text
}

// explained reports whether CancelOnDone made the failure. Whoever passed the
// context knows why the future failed, and may have returned the context's own
// error, so the failure need not be reported.
func (f *Failure) explained() bool {
	cancelled, is := f.err.(*CancelledError)
	return is && cancelled.ended != nil
}

// dropped holds the failures of collected futures until they are logged. A
// goroutine that exists only while there are any logs them, because a log hook
// that blocks must not block the runtime's cleanups.
var dropped struct {
	sync.Mutex
	failures []*Failure
	logging  bool
}

// reportDropped is called by the runtime when a future that failed with fail
// has been collected.
func reportDropped(fail *Failure) {
	dropped.Lock()
	defer dropped.Unlock()
	dropped.failures = append(dropped.failures, fail)
	if !dropped.logging {
		dropped.logging = true
		go logDropped()
	}
}

func logDropped() {
	finished := false
	defer func() {
		if !finished {
			go logDropped() // a log hook has called runtime.Goexit
		}
	}()
	for {
		dropped.Lock()
		if len(dropped.failures) == 0 {
			dropped.failures, dropped.logging = nil, false
			finished = true
			dropped.Unlock()
			return
		}
		fail := dropped.failures[0]
		dropped.failures = dropped.failures[1:]
		dropped.Unlock()
		reportUnhandled(unhandledMessage(), fail)
	}
}

// Debug mode

// newHistory returns the history of a new future of the given type.
func newHistory[F any]() *history {
	h := &history{kind: fmt.Sprintf("%T", (*F)(nil)), created: callers()}
	pointer := weak.Make(h)
	unsettled.Lock()
	defer unsettled.Unlock()
	unsettled.made++
	h.number = unsettled.made
	if unsettled.histories == nil {
		unsettled.histories = make(map[weak.Pointer[history]]struct{})
	}
	unsettled.histories[pointer] = struct{}{}
	runtime.AddCleanup(h, forgetHistory, pointer)
	return h
}

func forgetHistory(pointer weak.Pointer[history]) {
	unsettled.Lock()
	delete(unsettled.histories, pointer)
	unsettled.Unlock()
}

// settle records where the future was settled.
func (h *history) settle() {
	stack := callers()
	if h.settled.CompareAndSwap(nil, &stack) {
		forgetHistory(weak.Make(h))
	}
}

// explain makes h the history of a failure that has none.
func (h *history) explain(fail *Failure) {
	if h != nil && fail != nil {
		fail.history.CompareAndSwap(nil, h)
	}
}

// alreadyCalled returns the error for settling the future again.
func (h *history) alreadyCalled() error {
	if h == nil {
		return ErrAlreadyCalled
	}
	return &alreadyCalledError{h}
}

// alreadyCalledError is ErrAlreadyCalled with the future's history.
type alreadyCalledError struct{ *history }

func (e *alreadyCalledError) Error() string { return ErrAlreadyCalled.Error() + e.format() }
func (e *alreadyCalledError) Unwrap() error { return ErrAlreadyCalled }
