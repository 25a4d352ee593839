//go:build deferred && !future

package txaio

import (
	"context"
	"fmt"
	"runtime"
	"runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Selection

// UsingDeferred reports whether the program was built with -tags deferred. It
// is a constant, so the branch not taken is not compiled in.
const UsingDeferred bool = true

// UsingFuture reports whether the program was built with -tags future. It is a
// constant, so the branch not taken is not compiled in.
const UsingFuture bool = false

// configureLoop makes loop the program's one loop. See [WithConfig].
func configureLoop(loop *loopRef) error {
	if configuredLoop.CompareAndSwap(nil, loop) {
		return nil
	}
	if sameLoop(currentLoop().EventLoop, loop.EventLoop) {
		return nil
	}
	return usageErrorf("the deferred backend has one loop for the whole program, and WithConfig was given another than the one that is configured; use that one (CurrentLoop), or build with -tags future")
}

// The native type

// A Future is a [Deferred] in this build.
type Future[T any] = Deferred[T]

// A Deferred is a value that is not there yet, and the chain of callbacks
// that will process it: Twisted's Deferred. What one callback returns is what
// the next one gets; an error takes the chain over to the errbacks, and an
// errback that returns a nil error takes it back.
//
// Callbacks run on the goroutine that makes them possible, inside Callback,
// Errback, Cancel, Unpause or the call that adds them. They run in order,
// never two at once and never inside one another: what is added or settled
// while one runs, on whatever goroutine, is run by the loop that runs it.
//
// The zero value is a pending Deferred.
type Deferred[T any] struct {
	phase    phase
	called   bool
	runner   runner
	suppress bool // the next Callback or Errback is swallowed
	seen     bool // somebody was given failure
	mu       sync.Mutex

	// The result as it stands: failure, else value. Zero values before the
	// Deferred is called and while it waits for another.
	value   T
	failure *Failure

	// The head of the chain, empty where there is none. Nearly every Deferred
	// has one link, so that is kept without another allocation.
	first link[T]
	more  *deferredMore[T]
}

// deferredMore is what few Deferreds need.
type deferredMore[T any] struct {
	links     []link[T] // after first
	paused    int       // calls of Pause without Unpause, one more while waiting
	waitingOn *Deferred[T]
	canceller func(*Deferred[T])
	giveUp    bool   // the canceller was called
	cancelAll func() // replaces Cancel's work, in what Gather returned
	done      chan struct{}
	dropped   runtime.Cleanup // reports failure, which nobody has seen
	history   *history        // in debug mode
}

// A link is one stage of the chain: a callback, a step, or both. The step gets
// the results that the callback does not.
type link[T any] struct {
	callback func(T) (T, error)
	step     step[T] // an errback, or what else processes results
}

// A step gets a result and returns the next one, which is inner's where that
// is set.
type step[T any] interface {
	take(value T, fail *Failure) (next T, failed *Failure, inner *Deferred[T])
	// sees reports whether it gives a failure to somebody.
	sees() bool
}

// Native methods

// Callback settles d with value and runs the callbacks. It returns
// [ErrAlreadyCalled] where d is settled already; the first call after a
// Cancel without a canceller is swallowed instead.
func (d *Deferred[T]) Callback(value T) error { return d.resolve(value) }

// Errback settles d as failed with err, which may be a [*Failure], and runs
// the errbacks. It returns what [Deferred.Callback] returns, and panics with a
// [*UsageError] where err is nil.
func (d *Deferred[T]) Errback(err error) error { return d.reject(toFailure(err)) }

// AddCallback adds a callback. A failure passes it by.
func (d *Deferred[T]) AddCallback(callback func(T) (T, error)) { d.AddCallbacks(callback, nil) }

// AddErrback adds an errback. A value passes it by.
func (d *Deferred[T]) AddErrback(errback func(*Failure) (T, error)) { d.AddCallbacks(nil, errback) }

// AddCallbacks adds a callback and an errback, of which one will be called. It
// panics with a [*UsageError] where both are nil.
func (d *Deferred[T]) AddCallbacks(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	AddCallbacks(d, callback, errback)
}

// AddBoth adds a function that is called whatever the result is: with the
// value and a nil failure, or with the zero value and the failure. Returning
// both as (value, failure) passes them on.
func (d *Deferred[T]) AddBoth(both func(T, *Failure) (T, error)) {
	if both == nil {
		panic(usageErrorf("AddBoth needs a function, and was given nil"))
	}
	d.append(link[T]{step: bothStep[T](both)})
}

// Chain adds a callback that returns another Deferred. d waits for that and
// takes over its result, which leaves the other's later callbacks the zero
// value. A failure passes the callback by; a nil Deferred with a nil error
// counts as the zero value.
//
// Cancelling d while it waits cancels the Deferred it waits for. However long
// a chain of Deferreds, each waiting for the next, firing it needs no stack.
func (d *Deferred[T]) Chain(callback func(T) (*Deferred[T], error)) {
	if callback == nil {
		panic(usageErrorf("Chain needs a function, and was given nil"))
	}
	chains.used.Store(true)
	d.append(link[T]{step: chainStep[T](callback)})
}

// Pause stops the processing of callbacks until [Deferred.Unpause] has been
// called as many times as Pause.
func (d *Deferred[T]) Pause() {
	d.lock()
	d.extend().paused++
	d.unlock()
}

// Unpause takes back one call of [Deferred.Pause]; the last one runs the
// callbacks that have become possible since. It panics with a [*UsageError]
// where d is not paused.
func (d *Deferred[T]) Unpause() {
	d.lock()
	if !d.paused() {
		d.unlock()
		panic(usageErrorf("Unpause was called on a Deferred that is not paused"))
	}
	d.more.paused--
	d.resume()
}

// Cancel gives d up. Where it is pending, its canceller is called, once, and
// where that settles nothing, or there is none, d fails with a
// [*CancelledError].
// Where d waits for another Deferred, that one is cancelled. Otherwise nothing
// happens.
func (d *Deferred[T]) Cancel() {
	// Not recursive: a chain may be of any length. Deferreds that wait for one
	// another in a circle cannot be cancelled; seen, which is moved on ever
	// more rarely, is met again there.
	seen := d
	for steps := 1; d != nil; steps++ {
		if d = d.cancelOne(); d == seen {
			return
		}
		if steps&(steps-1) == 0 {
			seen = d
		}
	}
}

// cancelOne does Cancel's work on d and returns the Deferred that d waits for,
// which is to be cancelled instead.
func (d *Deferred[T]) cancelOne() *Deferred[T] {
	d.lock()
	if d.called || d.more != nil && d.more.giveUp {
		defer d.unlock()
		return d.waitingOn()
	}
	if d.more != nil && d.more.cancelAll != nil {
		cancelAll := d.more.cancelAll
		d.unlock()
		cancelAll()
		return nil
	}
	if d.more != nil && d.more.canceller != nil {
		canceller := d.more.canceller
		d.more.giveUp = true
		d.unlock()
		d.callCanceller(canceller)
		return nil
	}
	d.suppress = true
	d.settlePending(*new(T), toFailure(&CancelledError{}))
	return nil
}

// callCanceller calls the canceller, and then fails d where that settled
// nothing, also where it panicked or called runtime.Goexit.
func (d *Deferred[T]) callCanceller(canceller func(*Deferred[T])) {
	defer func() { _ = d.reject(toFailure(&CancelledError{})) }() // refused where d is settled
	if _, fail := protect(func() (struct{}, error) { canceller(d); return struct{}{}, nil }); fail != nil {
		currentLoop().exception(fail)
	}
}

// IsCalled reports whether d has been settled. Its callbacks may still wait,
// for Unpause or for another Deferred.
func (d *Deferred[T]) IsCalled() bool {
	if p := d.phase.Load(); p != shared {
		return p >= calling
	}
	d.lock()
	defer d.unlock()
	return d.called
}

// Done returns a channel that is closed when d is settled.
func (d *Deferred[T]) Done() <-chan struct{} {
	d.lock()
	defer d.unlock()
	more := d.extend()
	if more.done == nil {
		more.done = make(chan struct{})
		if d.called {
			close(more.done)
		}
	}
	return more.done
}

// Settling and running callbacks

// settle sets the result, where there is none, and runs the callbacks.
func (d *Deferred[T]) settle(value T, fail *Failure) error {
	d.lock()
	if d.called {
		return d.settleAgain()
	}
	d.settlePending(value, fail)
	return nil
}

// settleReady is settle with a value where d is ready, and so one link is all
// its chain. It does what a chainRun would, with less on the way.
func (d *Deferred[T]) settleReady(value T) (settled bool) {
	if chains.used.Load() || trace.IsEnabled() || !d.phase.CompareAndSwap(ready, calling) {
		return false
	}
	settled = true  // also where the callback panics
	d.value = value // as it stands, for a chain that comes back to d meanwhile
	returned := false
	defer func() {
		if !returned {
			d.recoverAlone(recover())
		}
	}()
	var (
		fail  *Failure
		inner *Deferred[T]
	)
	if callback := d.first.callback; callback != nil { // take, in place
		var err error
		if value, err = callback(value); err != nil {
			value, fail = outcome(value, err)
		}
	} else {
		value, fail, inner = d.first.step.take(value, nil)
	}
	returned = true
	if fail == nil && inner == nil {
		d.value, d.first = value, link[T]{}
		if d.phase.CompareAndSwap(calling, done) {
			return true
		}
	}
	d.lock()
	d.first, d.runner = link[T]{}, nobody
	if inner != nil {
		run := chainRun[T]{current: d, as: uncounted}
		run.waitFor(inner)
	} else if d.value, d.failure = value, fail; fail != nil {
		d.failAgain()
	}
	d.resume()
	return true
}

// recoverAlone is chainRun.recovered for settleReady, and runs what is left.
func (d *Deferred[T]) recoverAlone(value any) {
	d.lock()
	d.first, d.runner = link[T]{}, uncounted // recovered goes on from there
	d.unlock()
	run := chainRun[T]{current: d, as: uncounted}
	run.recovered(value)
	if value != nil { // else it was Goexit, and the rest has run
		d.resume()
	}
}

// settlePending sets the result of a pending d and runs the callbacks. d is
// held, and released.
func (d *Deferred[T]) settlePending(value T, fail *Failure) {
	d.called = true
	d.value, d.failure = value, fail
	if d.more != nil {
		d.more.settled(fail)
	}
	d.resume()
}

// settleAgain is settle where d is settled already. d is held, and released.
func (d *Deferred[T]) settleAgain() error {
	suppress, history := d.suppress, d.history()
	d.suppress = false
	d.unlock()
	if suppress {
		return nil
	}
	return history.alreadyCalled()
}

// settled does what remains to do when a Deferred is settled.
func (m *deferredMore[T]) settled(fail *Failure) {
	m.canceller, m.cancelAll = nil, nil // what they hold is free now
	if m.done != nil {
		close(m.done)
	}
	if m.history != nil {
		m.history.settle()
		m.history.explain(fail)
	}
}

// append adds a link to the chain and runs it where that is possible.
func (d *Deferred[T]) append(l link[T]) {
	if d.phase.claim() {
		d.first = l
		d.phase.Store(ready)
		return
	}
	d.lock()
	d.push(l)
	d.resume()
}

// resume runs the callbacks where that is possible. d is held, and
// released.
func (d *Deferred[T]) resume() {
	if !d.called || d.runner != nobody || d.empty() {
		d.unlockResting()
		return
	}
	run := chainRun[T]{current: d, as: uncounted}
	if chains.used.Load() {
		run.as = counted
		runCounted(run.callbacks)
		return
	}
	for !run.callbacks() {
	}
}

// A chainRun runs callbacks: those of one Deferred and, as it comes to them,
// those of the Deferreds that waited for it.
type chainRun[T any] struct {
	current *Deferred[T]   // its lock is held, but for the call of a callback
	suspend []*Deferred[T] // those left for current, to return to
	as      runner
}

// callbacks runs callbacks up to one that panics. It returns true when no more
// can run, with no lock held. This is Twisted's _runCallbacks: chained
// Deferreds are a loop here, not a recursion.
func (r *chainRun[T]) callbacks() (done bool) {
	defer func() {
		if !done {
			r.recovered(recover())
		}
	}()
	traced := trace.IsEnabled()
	for {
		d := r.current
		if d.runner != nobody || d.blocked() || d.empty() {
			// As in Twisted, Pause also leaves the Deferreds in r.suspend as
			// they are; what is added to one of them runs what it has left.
			back := len(r.suspend) > 0 && !d.paused()
			d.unlockResting()
			if !back {
				return true
			}
			r.back()
			continue
		}
		l := d.pop()
		if l.callback == nil {
			if waiting, is := l.step.(*waitingStep[T]); is {
				r.handOver((*Deferred[T])(waiting))
				continue
			}
		}
		value, fail := d.value, d.failure
		if fail != nil && l.sees() {
			d.see()
		}
		d.runner = r.as
		d.unlock()
		var (
			failed *Failure
			inner  *Deferred[T]
		)
		if traced {
			value, failed, inner = l.traced(value, fail)
		} else {
			value, failed, inner = l.take(value, fail)
		}
		d.lock()
		d.runner = nobody
		if inner != nil {
			r.waitFor(inner)
			continue
		}
		d.value = value
		if failed != fail {
			d.failure = failed
			if failed != nil {
				d.failAgain()
			}
		}
	}
}

// recovered makes the panic of a callback the result, so that the chain goes
// on with its errbacks. A nil value means that the callback called
// runtime.Goexit: the goroutine is ending, and the rest of the chain runs now.
func (r *chainRun[T]) recovered(value any) {
	var fail *Failure
	if value != nil {
		fail = panicFailure(value)
	} else {
		fail = toFailure(ErrGoexit)
	}
	d := r.current
	d.lock()
	d.runner = nobody
	d.value, d.failure = *new(T), fail
	d.failAgain()
	if value == nil {
		for !r.callbacks() {
		}
	}
}

// back makes the Deferred that was suspended last the current one.
func (r *chainRun[T]) back() {
	last := len(r.suspend) - 1
	r.current = r.suspend[last]
	r.suspend = r.suspend[:last]
	r.current.lock()
}

// handOver gives the current result to outer, which has been waiting for it,
// and makes outer the current Deferred.
func (r *chainRun[T]) handOver(outer *Deferred[T]) {
	d := r.current
	value, fail := d.takeResult()
	if !d.empty() {
		r.suspend = append(r.suspend, d)
	}
	d.unlock()
	outer.lock()
	outer.stopWaiting(value, fail)
	r.current = outer
}

// waitFor makes the current Deferred take over inner's result: at once where
// inner has one, else when it comes.
func (r *chainRun[T]) waitFor(inner *Deferred[T]) {
	d := r.current
	if inner == d {
		d.value, d.failure = *new(T), toFailure(usageErrorf("a callback returned the Deferred it was attached to, which would wait for itself"))
		d.failAgain()
		return
	}
	d.takeResult()
	more := d.extend()
	more.paused++
	more.waitingOn = inner
	d.unlock() // never two locks at once: chains may cross

	inner.lock()
	// Where inner is just calling a callback, Twisted takes the result as it
	// stands, because that callback is further up this very stack and cannot
	// finish first. On another goroutine it can, and its result is the one to
	// take; so is it where there is no telling.
	unfinished := inner.runner != nobody && !runsHere(inner.runner)
	if !inner.called || inner.blocked() || unfinished {
		inner.push(link[T]{step: (*waitingStep[T])(d)})
		inner.unlock()
		d.lock()
		return
	}
	value, fail := inner.takeResult()
	inner.unlock()
	d.lock()
	d.stopWaiting(value, fail)
}

// takeResult returns the result and leaves the zero value. Whoever takes a
// failure sees to it from now on.
func (d *Deferred[T]) takeResult() (value T, fail *Failure) {
	value, fail = d.value, d.failure
	if fail != nil {
		d.see()
	}
	d.value, d.failure = *new(T), nil
	return value, fail
}

// stopWaiting gives d, which waits for another Deferred, that one's result.
func (d *Deferred[T]) stopWaiting(value T, fail *Failure) {
	d.value, d.failure = value, fail
	d.seen = false
	d.more.paused--
	d.more.waitingOn = nil
}

// Unhandled failures

// unlockResting unlocks d, whose callbacks have run as far as they can.
func (d *Deferred[T]) unlockResting() {
	if d.failure == nil {
		d.unlock()
		return
	}
	d.unlockFailed(d.failure)
}

// unlockFailed has the failure reported when d is dropped, as Twisted's
// DebugInfo does, where nobody sees it before.
func (d *Deferred[T]) unlockFailed(fail *Failure) {
	unseen := d.unseen()
	d.unlock()
	if !unseen {
		return
	}
	dropped := fail.withoutError()
	d.lock()
	defer d.unlock()
	if d.failure == fail && d.unseen() {
		d.extend().dropped = onDrop(d, dropped)
	}
}

// unseen reports whether the failure is a result that nobody has seen and that
// will not be reported yet. d is held.
func (d *Deferred[T]) unseen() bool {
	return !d.seen && d.runner == nobody && (d.more == nil || d.more.dropped == runtime.Cleanup{})
}

// see notes that somebody is given the failure. d is held.
func (d *Deferred[T]) see() {
	d.seen = true
	if d.more != nil {
		d.more.dropped.Stop()
		d.more.dropped = runtime.Cleanup{}
	}
}

// failAgain notes that failure has come from a callback. d is held.
func (d *Deferred[T]) failAgain() {
	d.seen = false
	d.history().explain(d.failure)
}

// history is what debug mode knows of d, or nil. d is held.
func (d *Deferred[T]) history() *history {
	if d.more == nil {
		return nil
	}
	return d.more.history
}

// The chain

// take calls the link's function for the result, where it has one.
func (l *link[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	switch {
	case fail == nil && l.callback != nil:
		value, fail = outcome(l.callback(value))
		return value, fail, nil
	case l.step != nil:
		return l.step.take(value, fail)
	}
	return value, fail, nil
}

// sees reports whether the link gives a failure to somebody.
func (l *link[T]) sees() bool { return l.step != nil && l.step.sees() }

// traced is take in a region of runtime/trace.
func (l *link[T]) traced(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	defer trace.StartRegion(context.Background(), l.name(fail)).End()
	return l.take(value, fail)
}

// name returns the name of the function that the link calls.
func (l *link[T]) name(fail *Failure) string {
	if l.callback != nil && (fail == nil || l.step == nil) {
		return funcName(l.callback)
	}
	switch step := l.step.(type) {
	case errbackStep[T]:
		return funcName(step)
	case bothStep[T]:
		return funcName(step)
	case chainStep[T]:
		return funcName(step)
	}
	return fmt.Sprintf("%T", l.step)
}

// outcome is the result of a function that returned value and err.
func outcome[T any](value T, err error) (T, *Failure) {
	if err == nil {
		return value, nil
	}
	if fail := returnedFailure(err); fail != nil {
		return *new(T), fail
	}
	return value, nil
}

// errbackStep is an errback.
type errbackStep[T any] func(*Failure) (T, error)

func (errback errbackStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if fail == nil {
		return value, nil, nil
	}
	value, fail = outcome(errback(fail))
	return value, fail, nil
}

func (errbackStep[T]) sees() bool { return true }

// bothStep is a function added with AddBoth.
type bothStep[T any] func(T, *Failure) (T, error)

func (both bothStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	value, fail = outcome(both(value, fail))
	return value, fail, nil
}

func (bothStep[T]) sees() bool { return true }

// chainStep is a function added with Chain.
type chainStep[T any] func(T) (*Deferred[T], error)

func (chain chainStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if fail != nil {
		return value, fail, nil
	}
	inner, err := chain(value)
	if err != nil {
		value, fail = outcome(value, err)
		return value, fail, nil
	}
	return *new(T), nil, inner
}

func (chainStep[T]) sees() bool { return false }

// waitingStep stands, in the chain of the Deferred it waits for, for the
// Deferred that it is.
type waitingStep[T any] Deferred[T]

func (*waitingStep[T]) take(T, *Failure) (T, *Failure, *Deferred[T]) {
	panic("unreachable: chainRun hands the result over itself")
}

func (*waitingStep[T]) sees() bool { return false }

// watchStep is a function added with watch.
type watchStep[T any] func(*Failure)

func (watch watchStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	watch(fail)
	return value, fail, nil
}

func (watchStep[T]) sees() bool { return true }

// afterStep is a function added with after.
type afterStep[T any] func()

func (after afterStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	after()
	return value, fail, nil
}

func (afterStep[T]) sees() bool { return false }

// empty reports whether the chain has no links.
func (d *Deferred[T]) empty() bool {
	return d.first.empty() && (d.more == nil || len(d.more.links) == 0)
}

func (l *link[T]) empty() bool { return l.callback == nil && l.step == nil }

// push adds a link at the end.
func (d *Deferred[T]) push(l link[T]) {
	if d.runner != alone && d.empty() {
		d.first = l
		return
	}
	more := d.extend()
	more.links = append(more.links, l)
}

// pop removes the first link and returns it.
func (d *Deferred[T]) pop() link[T] {
	if l := d.first; !l.empty() {
		d.first = link[T]{}
		return l
	}
	return d.more.pop()
}

func (m *deferredMore[T]) pop() link[T] {
	l := m.links[0]
	m.links[0] = link[T]{}
	if m.links = m.links[1:]; len(m.links) == 0 {
		m.links = nil
	}
	return l
}

// extend returns d.more, made where it is nil.
func (d *Deferred[T]) extend() *deferredMore[T] {
	if d.more == nil {
		d.more = new(deferredMore[T])
	}
	return d.more
}

// blocked reports whether d is paused or waits for another Deferred.
func (d *Deferred[T]) blocked() bool { return d.more != nil && d.more.paused > 0 }

// paused reports whether Pause was called more often than Unpause.
func (d *Deferred[T]) paused() bool {
	return d.blocked() && (d.more.paused > 1 || d.more.waitingOn == nil)
}

func (d *Deferred[T]) waitingOn() *Deferred[T] {
	if d.more == nil {
		return nil
	}
	return d.more.waitingOn
}

// Behind the portable API

// newPending returns a pending Deferred. Deferreds belong to no loop.
func newPending[T any](*loopRef) *Deferred[T] {
	d := new(Deferred[T])
	if debugMode.Load() {
		d.track()
	}
	return d
}

// track gives a new d a history.
func (d *Deferred[T]) track() {
	d.lock()
	d.extend().history = newHistory[Deferred[T]]()
	d.unlock()
}

func (d *Deferred[T]) setCanceller(canceller func(*Deferred[T])) {
	d.lock()
	d.extend().canceller = canceller
	d.unlock()
}

func (d *Deferred[T]) resolve(value T) error {
	if d.settleReady(value) { // nearly always
		return nil
	}
	return d.settle(value, nil)
}

func (d *Deferred[T]) reject(fail *Failure) error { return d.settle(*new(T), fail) }
func (d *Deferred[T]) cancel(string)              { d.Cancel() }
func (d *Deferred[T]) watch(fn func(*Failure))    { d.append(link[T]{step: watchStep[T](fn)}) }
func (d *Deferred[T]) after(fn func())            { d.append(link[T]{step: afterStep[T](fn)}) }
func (d *Deferred[T]) theLoop() *loopRef          { return currentLoop() }

func (d *Deferred[T]) add(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	var step step[T]
	if errback != nil {
		step = errbackStep[T](errback)
	}
	d.append(link[T]{callback, step})
}

// await is [Await].
func (d *Deferred[T]) await(ctx context.Context) (T, error) {
	d.lock()
	if d.called && d.runner == nobody && !d.blocked() && d.empty() {
		defer d.unlock()
		if d.failure != nil {
			d.see()
		}
		return awaited(d.value, d.failure)
	}
	d.unlock()
	loop := currentLoop()
	if loop.here() {
		return *new(T), ErrAwaitOnLoop
	}
	if err := ctx.Err(); err != nil {
		return *new(T), err
	}
	w := &awaitStep[T]{ready: make(chan struct{})}
	d.append(link[T]{step: w})
	loop.hurry()
	select {
	case <-w.ready:
		return awaited(w.value, w.failure)
	case <-ctx.Done():
		if d.remove(w) {
			return *new(T), ctx.Err()
		}
		<-w.ready // it is just being run: a failure counts as seen, and must not be lost
		return awaited(w.value, w.failure)
	}
}

func awaited[T any](value T, fail *Failure) (T, error) {
	if fail != nil {
		return *new(T), fail
	}
	return value, nil
}

// timeout is [AddTimeout]: Twisted's addTimeout.
func (d *Deferred[T]) timeout(delay time.Duration) *Deferred[T] {
	t := &timeoutStep[T]{delay: delay}
	t.timer = currentLoop().CallLater(delay, func() {
		t.cancelled.Store(true)
		d.Cancel()
	})
	d.append(link[T]{step: t})
	return d
}

// timeoutStep ends a time limit.
type timeoutStep[T any] struct {
	delay     time.Duration
	timer     DelayedCall
	cancelled atomic.Bool // by the timer
}

func (t *timeoutStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	t.timer.Cancel()
	if t.cancelled.Load() {
		fail = timedOut(fail, t.delay)
	}
	return value, fail, nil
}

func (*timeoutStep[T]) sees() bool { return false }

// awaitStep wakes a call of Await with the result, and passes it on.
type awaitStep[T any] struct {
	ready   chan struct{}
	value   T
	failure *Failure
}

func (w *awaitStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	w.value, w.failure = value, fail
	close(w.ready)
	return value, fail, nil
}

func (*awaitStep[T]) sees() bool { return true }

// remove takes a step off the chain, so that calls of Await that gave up do
// not pile up there. It returns false where the step is not there any more.
func (d *Deferred[T]) remove(s step[T]) bool {
	d.lock()
	defer d.unlock()
	if d.runner != alone && d.first.step == s {
		d.first = link[T]{}
		return true
	}
	if d.more == nil {
		return false
	}
	for i := range d.more.links {
		if d.more.links[i].step == s {
			d.more.links = slices.Delete(d.more.links, i, i+1)
			return true
		}
	}
	return false
}

// gather is [Gather]: Twisted's DeferredList.
func gather[T any](_ *loopRef, futures []*Deferred[T], consumeErrors bool) *Deferred[[]Result[T]] {
	g := &gathering[T]{
		results: make([]Result[T], len(futures)),
		consume: consumeErrors,
	}
	if debugMode.Load() {
		g.outer.track()
	}
	g.pending.Store(int64(len(futures)))
	if len(futures) == 0 {
		_ = g.outer.resolve(g.results)
		return &g.outer
	}
	children := slices.Clone(futures)
	g.outer.lock()
	g.outer.extend().cancelAll = func() {
		for _, child := range children {
			child.Cancel()
		}
	}
	g.outer.unlock()
	members := make([]gatherStep[T], len(futures))
	for i, child := range children {
		members[i] = gatherStep[T]{g, i}
		child.append(link[T]{step: &members[i]})
	}
	return &g.outer
}

// A gathering is what Gather returned, with what it knows so far.
type gathering[T any] struct {
	outer   Deferred[[]Result[T]]
	consume bool

	results []Result[T] // each written by one of the Deferreds
	pending atomic.Int64
}

// gatherStep stands in the chain of one of the gathered Deferreds.
type gatherStep[T any] struct {
	*gathering[T]
	index int
}

func (s *gatherStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	s.results[s.index] = Result[T]{value, fail}
	if s.pending.Add(-1) == 0 {
		s.finish()
	}
	if fail != nil && s.consume {
		return *new(T), nil, nil
	}
	return value, fail, nil
}

func (*gatherStep[T]) sees() bool { return true }

func (g *gathering[T]) finish() {
	if !g.consume {
		for _, result := range g.results {
			if result.Failure != nil {
				_ = g.outer.reject(result.Failure)
				return
			}
		}
	}
	_ = g.outer.resolve(g.results)
}
