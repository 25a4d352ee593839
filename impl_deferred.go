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
	if configuredLoop.CompareAndSwap(nil, loop) || sameLoop(currentLoop().underlying(), loop.underlying()) {
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
	mu      sync.Mutex // guards all that follows once phase is shared
	phase   atomic.Uint32
	running runner
	life[T]

	// The result as it stands: failure if there is one, else value. Both are
	// zero before the Deferred is settled and while it waits for another.
	value   T
	failure *Failure

	first step[T] // the head of the chain, nil if that is empty
}

// runner is who runs a step.
type runner uint8

const (
	nobody runner = iota
	aRun          // a chainRun
	alone         // settleReady, which owns the first step and the result
)

// A Deferred that gets one step and then succeeds, as nearly all do, has a path
// of its own, of four atomic operations instead of the mutex's six:
//
//	fresh --append--> adding --> ready --settleReady--> calling --> done
//
// Whoever moves the phase on owns the fields until the next. Everything else
// begins with lock, which makes the Deferred shared, wherever it was.
const (
	fresh uint32 = iota
	adding
	ready
	calling
	done
	shared
)

// more is what few Deferreds need.
type more[T any] struct {
	extra[T]
	paused    int          // calls of Pause without Unpause, one more while waiting
	waitingOn *Deferred[T] // see Chain
	gaveUp    bool         // the canceller was called
	swallow   bool         // the next attempt to settle is ignored
}

// A step gets a result and returns the next one. If inner is set, that is what
// becomes of inner.
type step[T any] interface {
	take(value T, fail *Failure) (next T, failed *Failure, inner *Deferred[T])
	// handles reports whether the step gives a failure to somebody. It is asked
	// when its turn has come, with the Deferred locked.
	handles() bool
}

// Native methods

// Callback settles d with value and runs the callbacks. It returns
// [ErrAlreadyCalled] if d is settled already; the first call after a
// Cancel without a canceller is swallowed instead.
func (d *Deferred[T]) Callback(value T) error { return d.resolve(value) }

// Errback settles d as failed with err, which may be a [*Failure], and runs
// the errbacks. It returns what [Deferred.Callback] returns, and panics with a
// [*UsageError] if err is nil.
func (d *Deferred[T]) Errback(err error) error { return d.reject(toFailure(err)) }

// AddCallback adds a callback. A failure passes it by.
func (d *Deferred[T]) AddCallback(callback func(T) (T, error)) { d.AddCallbacks(callback, nil) }

// AddErrback adds an errback. A value passes it by.
func (d *Deferred[T]) AddErrback(errback func(*Failure) (T, error)) { d.AddCallbacks(nil, errback) }

// AddCallbacks adds a callback and an errback, of which one will be called. It
// panics with a [*UsageError] if both are nil.
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
	d.append(bothStep[T](both))
}

// Chain adds a callback that returns another Deferred. d waits for that and
// takes over its result, which leaves the other's later callbacks the zero
// value. A failure passes the callback by; a nil Deferred with a nil error
// counts as the zero value.
//
// d waits until the other's callbacks so far have run, also if one of them is
// running just now. (Twisted takes the result as it stands in that case.)
//
// Cancelling d while it waits cancels the Deferred it waits for. However long
// a chain of Deferreds, each waiting for the next, firing it needs no stack.
func (d *Deferred[T]) Chain(callback func(T) (*Deferred[T], error)) {
	if callback == nil {
		panic(usageErrorf("Chain needs a function, and was given nil"))
	}
	d.append(chainStep[T](callback))
}

// Pause stops the processing of callbacks until [Deferred.Unpause] has been
// called as many times as Pause.
func (d *Deferred[T]) Pause() {
	d.mustExist()
	d.lock()
	defer d.mu.Unlock()
	d.extend().paused++
}

// Unpause takes back one call of [Deferred.Pause]; the last one runs the
// callbacks that have become possible since. It panics with a [*UsageError]
// if d is not paused.
func (d *Deferred[T]) Unpause() {
	d.mustExist()
	d.lock()
	if !d.paused() {
		d.mu.Unlock()
		panic(usageErrorf("Unpause was called on a Deferred that is not paused"))
	}
	d.more.paused--
	d.resume()
}

// Cancel gives d up. If it is pending, its canceller is called, once, and if
// that settles nothing, or there is none, d fails with a [*CancelledError]. If d
// waits for another Deferred, that one is cancelled. Otherwise nothing happens.
func (d *Deferred[T]) Cancel() {
	d.mustExist()
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
	more := d.more
	switch {
	case d.state != pending || more != nil && more.gaveUp:
		defer d.mu.Unlock()
		if more == nil {
			return nil
		}
		return more.waitingOn
	case more != nil && more.cancelAll != nil:
		cancelAll := more.cancelAll
		d.mu.Unlock()
		cancelAll(nil)
	case more != nil && more.canceller != nil:
		canceller := more.canceller
		more.gaveUp = true
		d.mu.Unlock()
		d.callCanceller(canceller)
	default:
		d.extend().swallow = true
		d.settle(*new(T), toFailure(&CancelledError{}))
	}
	return nil
}

// callCanceller calls the canceller, and then fails d if that settled
// nothing, also if it panicked or called runtime.Goexit.
func (d *Deferred[T]) callCanceller(canceller func(*Deferred[T])) {
	defer func() { _ = d.reject(toFailure(&CancelledError{})) }() // refused if d is settled
	if _, fail := protect(func() (struct{}, error) { canceller(d); return struct{}{}, nil }); fail != nil {
		loop := currentLoop()
		loop.queue.Push(funcTask(func() { loop.HandleFailure(fail) }))
	}
}

// IsCalled reports whether d has been settled. Its callbacks may still wait,
// for Unpause or for another Deferred.
func (d *Deferred[T]) IsCalled() bool {
	d.mustExist()
	d.lock()
	defer d.mu.Unlock()
	return d.state != pending
}

// Done returns a channel that is closed when d is settled.
func (d *Deferred[T]) Done() <-chan struct{} {
	d.mustExist()
	d.lock()
	defer d.mu.Unlock()
	return d.doneChan()
}

// Settling and running callbacks

// trySettle sets the result of a pending d and runs the callbacks. If d is
// settled already, it returns ErrAlreadyCalled, or nil after a Cancel.
func (d *Deferred[T]) trySettle(value T, fail *Failure) error {
	d.mustExist()
	d.lock()
	if d.state == pending {
		d.settle(value, fail)
		return nil
	}
	defer d.mu.Unlock()
	if d.more != nil && d.more.swallow {
		d.more.swallow = false
		return nil
	}
	return d.history().alreadyCalled()
}

// settle sets the result of d, which is pending and locked, and runs the
// callbacks. It unlocks d.
func (d *Deferred[T]) settle(value T, fail *Failure) {
	d.state = settledBy(fail)
	d.value, d.failure = value, fail
	if d.more != nil {
		d.more.canceller, d.more.cancelAll = nil, nil // what they hold is free now
		d.more.wake(fail)
	}
	d.resume()
}

// append adds a step to the chain and runs it if that is possible.
func (d *Deferred[T]) append(s step[T]) {
	d.mustExist()
	if d.phase.CompareAndSwap(fresh, adding) { // nearly always
		d.first = s
		d.phase.Store(ready)
		return
	}
	d.lock()
	d.push(s)
	d.resume()
}

// lock locks d, and makes it shared.
func (d *Deferred[T]) lock() {
	d.mu.Lock()
	for p := d.phase.Load(); p != shared; p = d.phase.Load() {
		if p == adding {
			runtime.Gosched() // for the few instructions that adding takes
		} else if d.phase.CompareAndSwap(p, shared) {
			if p == calling {
				d.running = alone
			}
			if p >= calling {
				d.state = succeeded
			}
			return
		}
	}
}

// settleReady is trySettle with a value if d is ready, and so one step is all
// its chain. It does what a chainRun does, with less on the way.
func (d *Deferred[T]) settleReady(value T) (settled bool) {
	if !d.phase.CompareAndSwap(ready, calling) {
		return false
	}
	settled = true // also if the callback panics
	returned := false
	defer func() {
		if !returned {
			d.endAlone(*new(T), notReturned(recover()), nil)
		}
	}()
	value, fail, inner := d.take(d.first, value, nil)
	returned = true
	if fail == nil && inner == nil {
		d.value, d.first = value, nil
		if d.phase.CompareAndSwap(calling, done) {
			return settled
		}
	}
	d.endAlone(value, fail, inner)
	return settled
}

// endAlone ends the run of settleReady if d failed, waits for inner or became
// shared.
func (d *Deferred[T]) endAlone(value T, fail *Failure, inner *Deferred[T]) {
	d.lock()
	d.first, d.running = nil, nobody
	if inner != nil {
		run := chainRun[T]{current: d}
		run.waitFor(inner)
	} else {
		d.setResult(value, fail)
	}
	d.resume()
}

// resume runs the callbacks if that is possible. d is locked, and resume
// unlocks it.
func (d *Deferred[T]) resume() {
	if d.state == pending || d.running != nobody || d.empty() {
		d.rest()
		return
	}
	run := chainRun[T]{current: d}
	run.all()
}

// A chainRun runs callbacks: those of one Deferred and, as it comes to them,
// those of the Deferreds that waited for it.
type chainRun[T any] struct {
	current *Deferred[T]   // locked, but while a callback is called
	left    []*Deferred[T] // those that current was reached from, to return to
}

// all runs callbacks until no more can run, and leaves nothing locked.
func (r *chainRun[T]) all() {
	for !r.callbacks() {
	}
}

// callbacks runs callbacks, and returns true when no more can run. This is
// Twisted's _runCallbacks: chained Deferreds are a loop here, not a recursion.
//
// A panic becomes the result, so that the chain goes on with its errbacks, when
// callbacks is called again. So does runtime.Goexit, after which the rest runs
// while the goroutine ends.
func (r *chainRun[T]) callbacks() (done bool) {
	defer func() {
		if done {
			return
		}
		value := recover()
		d := r.current
		d.lock()
		d.running = nobody
		d.setResult(*new(T), notReturned(value))
		if value == nil {
			r.all()
			done = true
		}
	}()
	for {
		d := r.current
		if d.running != nobody || d.blocked() || d.empty() {
			// As in Twisted, Pause also leaves the Deferreds in r.left as
			// they are; what is added to one of them runs what it has left.
			back := len(r.left) > 0 && !d.paused()
			d.rest()
			if !back {
				return true
			}
			r.back()
			continue
		}
		s := d.pop()
		if waiting, is := s.(*waitingStep[T]); is {
			r.handOver((*Deferred[T])(waiting))
			continue
		}
		value, fail := d.value, d.failure
		if fail != nil && s.handles() {
			d.setHandled()
		}
		d.running = aRun
		d.mu.Unlock()
		next, failed, inner := d.take(s, value, fail)
		d.lock()
		d.running = nobody
		if inner != nil {
			r.waitFor(inner)
		} else {
			d.setResult(next, failed)
		}
	}
}

// notReturned makes a Failure of what recover returned for a function that did
// not return: it panicked or, if value is nil, called runtime.Goexit.
func notReturned(value any) *Failure {
	if value == nil {
		return toFailure(ErrGoexit)
	}
	return panicFailure(value)
}

// setResult sets the result to what a callback made of it. A failure that was
// passed on stays handled. d is locked.
func (d *Deferred[T]) setResult(value T, fail *Failure) {
	if fail != nil && fail != d.failure {
		d.handled = false
		d.history().explain(fail)
	}
	d.value, d.failure = value, fail
}

// back makes the Deferred that was left last the current one.
func (r *chainRun[T]) back() {
	last := len(r.left) - 1
	r.current = r.left[last]
	r.left = r.left[:last]
	r.current.lock()
}

// handOver gives the current result to outer, which has been waiting for it,
// and makes outer the current Deferred.
func (r *chainRun[T]) handOver(outer *Deferred[T]) {
	d := r.current
	value, fail := d.takeResult()
	if !d.empty() {
		r.left = append(r.left, d)
	}
	d.mu.Unlock()
	outer.lock()
	outer.stopWaiting(value, fail)
	r.current = outer
}

// waitFor makes the current Deferred take over inner's result: at once if
// inner has run its callbacks, else when it has.
func (r *chainRun[T]) waitFor(inner *Deferred[T]) {
	d := r.current
	if inner == d {
		d.setResult(*new(T), toFailure(usageErrorf("a callback returned the Deferred it was attached to, which would wait for itself")))
		return
	}
	d.takeResult()
	more := d.extend()
	more.paused++
	more.waitingOn = inner
	d.mu.Unlock() // never two locks at once: chains may cross

	inner.lock()
	if inner.state == pending || inner.running != nobody || inner.blocked() {
		inner.push((*waitingStep[T])(d))
		inner.mu.Unlock()
		d.lock()
		return
	}
	value, fail := inner.takeResult()
	inner.mu.Unlock()
	d.lock()
	d.stopWaiting(value, fail)
}

// takeResult returns the result and leaves the zero value. Whoever takes a
// failure answers for it from now on.
func (d *Deferred[T]) takeResult() (value T, fail *Failure) {
	value, fail = d.value, d.failure
	if fail != nil {
		d.setHandled()
	}
	d.value, d.failure = *new(T), nil
	return value, fail
}

// stopWaiting gives d, which waits for another Deferred, that one's result.
func (d *Deferred[T]) stopWaiting(value T, fail *Failure) {
	d.value, d.failure = value, fail
	d.handled = false
	d.more.paused--
	d.more.waitingOn = nil
}

// rest unlocks d, whose callbacks have run as far as they can. If it has failed
// and nobody was given the failure, that is logged when d is collected.
func (d *Deferred[T]) rest() {
	fail := d.failure
	unhandled := fail != nil && !d.handled && d.running == nobody
	d.mu.Unlock()
	if !unhandled {
		return
	}
	text := fail.withoutError()
	d.lock()
	defer d.mu.Unlock()
	if d.failure == fail && !d.handled && d.running == nobody {
		d.logIfDropped(text)
	}
}

// The steps

// take takes a step.
func (d *Deferred[T]) take(s step[T], value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if trace.IsEnabled() {
		return d.traced(s, value, fail)
	}
	return s.take(value, fail)
}

// traced is take in a region of runtime/trace.
func (d *Deferred[T]) traced(s step[T], value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	defer trace.StartRegion(context.Background(), stepName(s, fail)).End()
	return s.take(value, fail)
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

func (callback callbackStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if fail != nil {
		return value, fail, nil
	}
	value, err := callback(value)
	if err != nil {
		value, fail = outcome(value, err)
	}
	return value, fail, nil
}

func (p *pairStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if fail == nil {
		value, fail = outcome(p.callback(value))
	} else {
		value, fail = outcome(p.errback(fail))
	}
	return value, fail, nil
}

func (errback errbackStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if fail != nil {
		value, fail = outcome(errback(fail))
	}
	return value, fail, nil
}

func (watch watchStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	watch(fail)
	return value, fail, nil
}

func (after afterStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	after()
	return value, fail, nil
}

// bothStep is a function added with AddBoth.
type bothStep[T any] func(T, *Failure) (T, error)

func (both bothStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	value, fail = outcome(both(value, fail))
	return value, fail, nil
}

func (bothStep[T]) handles() bool { return true }

// chainStep is a function added with Chain.
type chainStep[T any] func(T) (*Deferred[T], error)

func (chain chainStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	if fail != nil {
		return value, fail, nil
	}
	inner, err := chain(value)
	if fail = returnedFailure(err); fail != nil {
		inner = nil
	}
	return *new(T), fail, inner
}

func (chainStep[T]) handles() bool { return false }

// waitingStep stands, in the chain of the Deferred it waits for, for the
// Deferred that it is.
type waitingStep[T any] Deferred[T]

func (*waitingStep[T]) take(T, *Failure) (T, *Failure, *Deferred[T]) {
	panic("unreachable: chainRun hands the result over itself")
}

func (*waitingStep[T]) handles() bool { return false }

// empty reports whether the chain has no steps.
func (d *Deferred[T]) empty() bool {
	return d.first == nil && (d.more == nil || len(d.more.steps) == 0)
}

// push adds a step at the end.
func (d *Deferred[T]) push(s step[T]) {
	if d.running != alone && d.empty() {
		d.first = s
		return
	}
	more := d.extend()
	more.steps = append(more.steps, s)
}

// pop removes the first step and returns it.
func (d *Deferred[T]) pop() step[T] {
	if s := d.first; s != nil {
		d.first = nil
		return s
	}
	steps := d.more.steps
	s := steps[0]
	steps[0] = nil
	if d.more.steps = steps[1:]; len(steps) == 1 {
		d.more.steps = nil
	}
	return s
}

// blocked reports whether d is paused or waits for another Deferred.
func (d *Deferred[T]) blocked() bool { return d.more != nil && d.more.paused > 0 }

// paused reports whether Pause was called more often than Unpause.
func (d *Deferred[T]) paused() bool {
	return d.blocked() && (d.more.paused > 1 || d.more.waitingOn == nil)
}

// Behind the portable API

// newPending returns a pending Deferred. Deferreds belong to no loop.
func newPending[T any](*loopRef) *Deferred[T] {
	d := new(Deferred[T])
	d.trackInDebugMode()
	return d
}

func (d *Deferred[T]) trackInDebugMode() {
	if debugMode.Load() {
		d.lock()
		defer d.mu.Unlock()
		d.extend().history = newHistory[Deferred[T]]()
	}
}

func (d *Deferred[T]) setCanceller(canceller func(*Deferred[T])) {
	d.lock()
	defer d.mu.Unlock()
	d.extend().canceller = canceller
}

func (d *Deferred[T]) setCancelAll(cancelAll func(*Failure) bool) {
	d.lock()
	defer d.mu.Unlock()
	d.extend().cancelAll = cancelAll
}

func (d *Deferred[T]) isNil() bool { return d == nil }

// mustExist panics if d is nil.
func (d *Deferred[T]) mustExist() {
	if d == nil {
		panic(errNilFuture)
	}
}

func (d *Deferred[T]) resolve(value T) error {
	d.mustExist()
	if d.settleReady(value) { // nearly always
		return nil
	}
	return d.trySettle(value, nil)
}

func (d *Deferred[T]) reject(fail *Failure) error { return d.trySettle(*new(T), fail) }
func (d *Deferred[T]) cancel(string)              { d.Cancel() }
func (d *Deferred[T]) watch(fn func(*Failure))    { d.append(watchStep[T](fn)) }
func (d *Deferred[T]) after(fn func())            { d.append(afterStep[T](fn)) }
func (d *Deferred[T]) theLoop() *loopRef          { return currentLoop() }

func (d *Deferred[T]) add(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	d.append(newStep(callback, errback))
}

// String returns d's type and state, as in "Future[int] pending".
func (d *Deferred[T]) String() string {
	if d == nil {
		return describe[T]("nil")
	}
	d.lock()
	defer d.mu.Unlock()
	switch {
	case d.state == pending:
		return describe[T]("pending")
	case d.running != nobody:
		return describe[T]("running callbacks")
	case d.paused():
		return describe[T]("paused")
	case d.blocked():
		return describe[T]("waiting for another")
	case d.failure != nil:
		return describe[T]("failed")
	}
	return describe[T]("succeeded")
}

// Format implements [fmt.Formatter]: every verb prints String.
func (d *Deferred[T]) Format(s fmt.State, _ rune) { print(s, d.String()) }

// await is [Await].
func (d *Deferred[T]) await(ctx context.Context) (T, error) {
	d.mustExist()
	d.lock()
	if d.state != pending && d.running == nobody && !d.blocked() && d.empty() {
		defer d.mu.Unlock()
		if d.failure != nil {
			d.setHandled()
		}
		return awaited(d.value, d.failure)
	}
	d.mu.Unlock()
	if currentLoop().InLoop() {
		return *new(T), ErrAwaitOnLoop
	}
	if err := ctx.Err(); err != nil {
		return *new(T), err
	}
	w := d.join()
	select {
	case <-w.done:
	case <-ctx.Done():
		if d.leave(w) {
			return *new(T), ctx.Err()
		}
		<-w.done // it has the failure, which must not be lost
	}
	return awaited(w.value, w.failure)
}

func awaited[T any](value T, fail *Failure) (T, error) {
	if fail != nil {
		return *new(T), fail
	}
	return value, nil
}

// awaitStep wakes calls of Await with the result, and passes it on. Calls that
// wait at the same place of the chain share one.
type awaitStep[T any] struct {
	waiting int // calls of Await
	begun   bool
	done    chan struct{}
	value   T
	failure *Failure
}

func (w *awaitStep[T]) take(value T, fail *Failure) (T, *Failure, *Deferred[T]) {
	w.value, w.failure = value, fail
	close(w.done)
	return value, fail, nil
}

func (w *awaitStep[T]) handles() bool {
	w.begun = w.waiting > 0
	return w.begun
}

// join returns the awaitStep at the end of the chain.
func (d *Deferred[T]) join() *awaitStep[T] {
	d.lock()
	w, is := (*d.last()).(*awaitStep[T])
	if is {
		w.waiting++
		d.mu.Unlock()
		return w
	}
	w = &awaitStep[T]{waiting: 1, done: make(chan struct{})}
	d.push(w)
	d.resume()
	return w
}

// leave ends a call of Await that gave up. Once nobody waits for the step any
// more, it is taken off the chain, if it is still at its end. leave returns
// false if the step is about to have a failure.
func (d *Deferred[T]) leave(w *awaitStep[T]) bool {
	d.lock()
	defer d.mu.Unlock()
	if w.begun {
		return false
	}
	w.waiting--
	if last := d.last(); w.waiting == 0 && *last == step[T](w) {
		*last = nil
		if d.more != nil && len(d.more.steps) > 0 {
			d.more.steps = d.more.steps[:len(d.more.steps)-1]
		}
	}
	return true
}

// last returns where the last step of the chain is, which is nil if there is
// none.
func (d *Deferred[T]) last() *step[T] {
	if d.more != nil && len(d.more.steps) > 0 {
		return &d.more.steps[len(d.more.steps)-1]
	}
	if d.running == alone {
		return new(step[T])
	}
	return &d.first
}

// timeout is [AddTimeout]: Twisted's addTimeout.
func (d *Deferred[T]) timeout(delay time.Duration) *Deferred[T] {
	t := &timeoutStep[T]{delay: delay}
	t.timer = currentLoop().CallLater(delay, func() {
		t.cancelled.Store(true)
		d.Cancel()
	})
	d.append(t)
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

func (*timeoutStep[T]) handles() bool { return false }

// gather is [Gather]: Twisted's DeferredList.
func gather[T any](_ *loopRef, futures []*Deferred[T], consumeErrors bool) *Deferred[[]Result[T]] {
	g := &gathering[T]{
		results: make([]Result[T], len(futures)),
		consume: consumeErrors,
	}
	g.outer.trackInDebugMode()
	g.pending.Store(int64(len(futures)))
	if len(futures) == 0 {
		_ = g.outer.resolve(g.results)
		return &g.outer
	}
	children := slices.Clone(futures)
	g.outer.setCancelAll(func(*Failure) bool {
		for _, child := range children {
			child.Cancel()
		}
		return true
	})
	members := make([]gatherStep[T], len(futures))
	for i, child := range children {
		members[i] = gatherStep[T]{g, i}
		child.append(&members[i])
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

func (*gatherStep[T]) handles() bool { return true }

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
