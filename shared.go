//go:build (deferred && !future) || (future && !deferred)

package txaio

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// A life is what both backends know of a future. It is created pending, and
// settled once; what comes later is refused with ErrAlreadyCalled:
//
//	         Resolve -> succeeded
//	pending  Reject  -> failed
//	         Cancel  -> cancelled (deferred: failed)
//
// Each step is taken with the future locked. No callback, canceller or method
// of an error is called then. What runs the future's links differs:
//
//   - deferred: whoever settles the Deferred, or adds a link, runs the links
//     that can run, unless somebody is running one. The result changes with each.
//   - future: settling queues the links on the loop, in the order in which they
//     were added. The outcome does not change any more, so links read it without
//     a lock.
//
// A failure is handled once somebody has been given it. If a future is collected
// that failed and whose failure was not handled, that is logged.
//
// # Locking
//
// The mutex guards all fields, if the phase is shared. It is not yet for a
// future to which at most one link was added, and which succeeds: that is the
// life of nearly every one, and has a path of its own that takes four atomic
// operations where the mutex would take six. On it, phase is
//
//	fresh --add--> adding --> ready --Resolve--> running --> done (deferred)
//	                                --Resolve--> ready            (future)
//
// Whoever moves it on owns the fields until the next step; a future that is
// ready is settled under the lock of its loop's queue. Everything else
// begins with lock, which makes the future shared, wherever it was.
type life[T any] struct {
	mu      sync.Mutex
	phase   atomic.Uint32
	state   state
	handled bool   // somebody was given the failure
	running runner // deferred: who runs a link
	queued  bool   // future: the first link was queued
	more    *more[T]
}

// The values of life.phase.
const (
	fresh uint32 = iota
	adding
	ready
	running
	done
	shared
)

// runner is who runs a link of a Deferred.
type runner uint8

const (
	nobody runner = iota
	aRun          // a chainRun
	alone         // settleReady, which owns the first link and the result
)

// state is how a future was settled.
type state uint8

const (
	pending state = iota
	succeeded
	failed // from here on with a failure
	cancelled
)

// settledBy returns the state of a future that was settled with fail, or with a
// value if that is nil.
func settledBy(fail *Failure) state {
	if fail != nil {
		return failed
	}
	return succeeded
}

// extra is what few futures need, and is made for those.
type extra[T any] struct {
	links     []link[T] // after the first
	canceller func(*Future[T])
	cancelAll func(*Failure) bool // does Cancel's work, in what Gather and AddTimeout returned
	done      chan struct{}
	dropped   runtime.Cleanup // logs the failure, which is not handled
	history   *history        // in debug mode
}

// A link is what AddCallbacks and its likes add to a future: a callback, a
// step, or both. A future has room for one, and most need no more.
type link[T any] struct {
	callback func(T) (T, error)
	step     step[T] // an errback, or what else looks at the outcome
}

func (l *link[T]) empty() bool { return l.callback == nil && l.step == nil }

// handles reports whether the link gives a failure to somebody. It is asked
// when its turn has come, with the future locked.
func (l *link[T]) handles() bool { return l.step != nil && l.step.handles() }

// errbackStep is an errback.
type errbackStep[T any] func(*Failure) (T, error)

func (errbackStep[T]) handles() bool { return true }

// watchStep is a function added with watch.
type watchStep[T any] func(*Failure)

func (watchStep[T]) handles() bool { return true }

// afterStep is a function added with after.
type afterStep[T any] func()

func (afterStep[T]) handles() bool { return false }

// pair returns the link of a callback and an errback.
func pair[T any](callback func(T) (T, error), errback func(*Failure) (T, error)) link[T] {
	if errback == nil {
		return link[T]{callback: callback}
	}
	return link[T]{callback, errbackStep[T](errback)}
}

// name returns the name of the function that the link calls.
func (l *link[T]) name(fail *Failure) string {
	if l.callback != nil && (fail == nil || l.step == nil) {
		return funcName(l.callback)
	}
	if value := reflect.ValueOf(l.step); value.Kind() == reflect.Func {
		return funcName(l.step)
	}
	return fmt.Sprintf("%T", l.step)
}

// extend returns what few futures need, made if need be. The future is locked.
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

// history is what debug mode knows of the future, or nil. It is locked.
func (l *life[T]) history() *history {
	if l.more == nil {
		return nil
	}
	return l.more.history
}

// wake tells those who wait for the future, in whatever way, that it is settled.
// It is locked.
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

// print is fmt.Formatter's method for futures and loops. Every verb prints the
// text, since fmt's own way would read fields that others may be changing.
func print(s fmt.State, text string) { _, _ = s.Write([]byte(text)) }

// timedOut returns the failure of a future that AddTimeout cancelled: a
// *TimeoutError in place of the *CancelledError.
func timedOut(fail *Failure, delay time.Duration) *Failure {
	if fail != nil {
		if _, cancelled := fail.err.(*CancelledError); cancelled {
			return toFailure(&TimeoutError{delay})
		}
	}
	return fail
}

// Unhandled failures

// setHandled notes that somebody is given the failure. The future is locked.
func (l *life[T]) setHandled() {
	l.handled = true
	if l.more != nil && l.more.dropped != (runtime.Cleanup{}) {
		l.more.dropped.Stop()
		l.more.dropped = runtime.Cleanup{}
	}
}

// logIfDropped has the failure logged if the future is collected: Twisted's
// DebugInfo, the destructor of asyncio's Future. text is fail.withoutError().
// The future is locked.
func (l *life[T]) logIfDropped(text *Failure) {
	if more := l.extend(); more.dropped == (runtime.Cleanup{}) {
		more.dropped = runtime.AddCleanup(l, reportDropped, text)
	}
}

// unhandledMessage is what Twisted and asyncio log.
func unhandledMessage() string {
	if UsingDeferred {
		return "Unhandled error in Deferred"
	}
	return "Future exception was never retrieved"
}

// withoutError returns a failure that prints like f and refers to nothing that
// belongs to others. It calls the error's Error method, so no lock may be held.
func (f *Failure) withoutError() *Failure {
	text := &Failure{err: &droppedError{failureText(f)}, stack: f.stack}
	text.history.Store(f.history.Load())
	return text
}

// dropped holds the failures of collected futures until they are logged, by a
// goroutine that exists as long as there are any: a log hook that blocks must
// not hold up the runtime's cleanups.
var dropped struct {
	sync.Mutex
	failures []*Failure
	logging  bool
}

// reportDropped is called by the runtime when the future that had failed with
// fail has been collected.
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

// newHistory returns the history of a future of the given type that is being
// created.
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

// settle notes where the future was settled.
func (h *history) settle() {
	stack := callers()
	if h.settled.CompareAndSwap(nil, &stack) {
		forgetHistory(weak.Make(h))
	}
}

// explain makes h that of a failure that has none.
func (h *history) explain(fail *Failure) {
	if h != nil && fail != nil {
		fail.history.CompareAndSwap(nil, h)
	}
}

// alreadyCalled returns what the attempt to settle a settled future returns.
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
