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
// is a constant, so the compiler drops the branch that is not taken.
const UsingDeferred bool = true

// UsingFuture reports whether the program was built with -tags future. It is a
// constant, so the compiler drops the branch that is not taken.
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

// A Deferred is a value that is not there yet, and the chain of callbacks that
// will process it: Twisted's Deferred. Each callback gets what the one before
// it returned. After an error the errbacks are called instead, until one of
// them returns a nil error.
//
// Callbacks run inside the call that makes them possible, on the caller's
// goroutine: Callback, Errback, Cancel, Unpause, or the call that adds them.
// They run in order, never two at once and never inside one another. If the
// Deferred is settled, or callbacks are added, while a callback runs, then the
// goroutine that runs it also runs the rest.
//
// The zero value is a pending Deferred.
type Deferred[T any] struct {
	mu      sync.Mutex // guards the fields below once phase is shared
	phase   uint32     // read and written with sync/atomic, except in waitFor
	running runner
	life[T]

	// The result as it stands: failure if there is one, else value. Both are
	// zero before the Deferred is settled and while it waits for another.
	value   T
	failure *Failure

	first step[T] // the first step of the chain, or nil
}

// A runner is the function that runs a step.
type runner uint8

const (
	nobody runner = iota
	aRun          // a chainRun
	alone         // settleReady, which owns the first step and the result
)

// Most Deferreds get one step and then succeed. They have a path of their own,
// which takes four atomic operations instead of the mutex's six:
//
//	fresh --append--> adding --> ready --settleReady--> calling --> done
//
// Whoever changes the phase owns the fields until the next change. Everything
// else starts with lock, which makes the Deferred shared from any phase.
const (
	fresh uint32 = iota
	adding
	ready
	calling
	done
	shared
)

// more holds what few Deferreds need.
type more[T any] struct {
	extra[T]
	canceller func(*Deferred[T])
	paused    int          // calls of Pause without Unpause, one more while waiting
	waitingOn *Deferred[T] // see Chain
	gaveUp    bool         // the canceller was called
	swallow   bool         // the next attempt to settle is ignored
	succeeds  bool         // runSuccessors will run the callbacks
}

// A step gets a result and returns the next one, and what is left to do: nil,
// a successor, or a *Deferred[T] whose result will be the next one instead.
type step[T any] interface {
	take(value T, fail *Failure) (next T, failed *Failure, left any)
	// handles reports whether the step gives a failure to somebody. It is
	// called when the step is about to run, with the Deferred locked.
	handles() bool
}

// Native methods

// Callback settles d with value and runs the callbacks. It returns an error
// that wraps [ErrAlreadyCalled] if d is settled already. If d was cancelled
// and has no canceller, the first call after that does nothing and returns
// nil.
func (d *Deferred[T]) Callback(value T) error { return d.resolve(value) }

// Errback settles d as failed with err, which may be a [*Failure], and runs
// the errbacks. It returns what [Deferred.Callback] returns, and panics with a
// [*UsageError] if err is nil.
func (d *Deferred[T]) Errback(err error) error { return d.reject(toFailure(err)) }

// AddCallback adds a callback. It is not called for a failure.
func (d *Deferred[T]) AddCallback(callback func(T) (T, error)) { d.AddCallbacks(callback, nil) }

// AddErrback adds an errback. It is not called for a value.
func (d *Deferred[T]) AddErrback(errback func(*Failure) (T, error)) { d.AddCallbacks(nil, errback) }

// AddCallbacks adds a callback and an errback, one of which will be called. It
// panics with a [*UsageError] if both are nil.
func (d *Deferred[T]) AddCallbacks(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	AddCallbacks(d, callback, errback)
}

// AddBoth adds a function that is called for values and failures: with the
// value and a nil failure, or with the zero value and the failure. To pass its
// arguments on, it returns both of them.
func (d *Deferred[T]) AddBoth(both func(T, *Failure) (T, error)) {
	if both == nil {
		panic(usageErrorf("AddBoth needs a function, and was given nil"))
	}
	d.append(bothStep[T](both))
}

// Chain adds a callback that returns another Deferred. d then waits for that
// Deferred and takes over its result; the other's later callbacks get the zero
// value. The callback is not called for a failure. If it returns a nil
// Deferred and a nil error, the result is the zero value.
//
// If the other Deferred is pending or paused, waits for another, or is running
// a callback, then d waits until the callbacks so far have run. (Twisted does
// not wait for one that is running.)
//
// Cancelling d while it waits cancels the Deferred that it waits for. A chain
// of Deferreds that wait for each other needs no stack, however long it is.
func (d *Deferred[T]) Chain(callback func(T) (*Deferred[T], error)) {
	if callback == nil {
		panic(usageErrorf("Chain needs a function, and was given nil"))
	}
	d.append(chainStep[T](callback))
}

// Pause stops running callbacks until [Deferred.Unpause] has been called as
// often as Pause.
func (d *Deferred[T]) Pause() {
	d.mustExist()
	d.lock()
	defer d.mu.Unlock()
	d.extend().paused++
}

// Unpause undoes one call of [Deferred.Pause]. The last one runs the callbacks
// that are waiting. It panics with a [*UsageError] if d is not paused.
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

// Cancel cancels d. If d is pending, it calls d's canceller, if any; if d is
// still pending then, d fails with a [*CancelledError]. If d waits for another
// Deferred, Cancel cancels that one. Otherwise it does nothing.
func (d *Deferred[T]) Cancel() {
	d.mustExist()
	d.cancelWith(toFailure(&CancelledError{}))
}

// cancelWith is Cancel with the failure. It always returns true.
func (d *Deferred[T]) cancelWith(fail *Failure) bool {
	// This is a loop because a chain may be of any length. Deferreds that wait
	// for each other in a circle cannot be cancelled. To find a circle, seen
	// moves on at each power of two, and next comes back to it (Brent's
	// algorithm).
	var next, seen source = d, d
	for steps := 1; next != nil; steps++ {
		if next = next.cancelOne(fail); next == seen {
			break
		}
		if steps&(steps-1) == 0 {
			seen = next
		}
	}
	return true
}

// cancelOne implements source.
func (d *Deferred[T]) cancelOne(fail *Failure) source {
	d.lock()
	more := d.more
	switch {
	case d.state != pending || more != nil && more.gaveUp:
		defer d.mu.Unlock()
		if more == nil || more.waitingOn == nil {
			return nil
		}
		return more.waitingOn
	case more != nil && more.source != nil:
		next := more.source
		more.gaveUp = true
		d.settle(*new(T), fail)
		return next
	case more != nil && more.cancelAll != nil:
		cancelAll := more.cancelAll
		d.mu.Unlock()
		cancelAll(fail)
	case more != nil && more.canceller != nil:
		canceller := more.canceller
		more.gaveUp = true
		d.mu.Unlock()
		d.callCanceller(canceller, fail)
	default:
		d.extend().swallow = true
		d.settle(*new(T), fail)
	}
	return nil
}

// callCanceller calls the canceller, and then fails d if it is still pending,
// even if the canceller panicked or called runtime.Goexit.
func (d *Deferred[T]) callCanceller(canceller func(*Deferred[T]), cancelled *Failure) {
	defer func() { _ = d.reject(cancelled) }() // refused if d is settled
	if _, fail := protect(func() (struct{}, error) { canceller(d); return struct{}{}, nil }); fail != nil {
		loop := currentLoop()
		loop.queue.Push(funcTask(func() { loop.HandleFailure(fail) }))
	}
}

// IsCalled reports whether d has been settled. Its callbacks may still be
// waiting, for Unpause or for another Deferred.
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
// settled already, it returns ErrAlreadyCalled, or nil for the first call
// after a Cancel.
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
	d.begin(value, fail)
	d.resume()
}

// begin does the part of settle that runs nothing.
func (d *Deferred[T]) begin(value T, fail *Failure) {
	d.state = settledBy(fail)
	d.value, d.failure = value, fail
	if more := d.more; more != nil {
		more.canceller, more.cancelAll, more.source = nil, nil, nil // so that what they refer to can be collected
		more.wake(fail)
	}
}

// append adds a step to the chain, and runs it if it can run now.
func (d *Deferred[T]) append(s step[T]) {
	d.mustExist()
	if atomic.CompareAndSwapUint32(&d.phase, fresh, adding) { // the usual case
		d.first = s
		atomic.StoreUint32(&d.phase, ready)
		return
	}
	d.lock()
	d.push(s)
	d.resume()
}

// lock locks d, and makes it shared.
func (d *Deferred[T]) lock() {
	d.mu.Lock()
	for p := atomic.LoadUint32(&d.phase); p != shared; p = atomic.LoadUint32(&d.phase) {
		if p == adding {
			runtime.Gosched() // adding takes a few instructions
		} else if atomic.CompareAndSwapUint32(&d.phase, p, shared) {
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

// settleReady is trySettle for a value and a Deferred that is ready, whose
// chain is one step. It does what a chainRun does, with less work.
func (d *Deferred[T]) settleReady(value T) (settled bool) {
	if !atomic.CompareAndSwapUint32(&d.phase, ready, calling) {
		return false
	}
	settled = true // also if the callback panics
	returned := false
	defer func() {
		if !returned {
			d.endAlone(notReturned(d.first, value, recover()))
		}
	}()
	next, fail, left := d.take(d.first, value, nil)
	returned = true
	after, is := left.(successor)
	if fail == nil && (is || left == nil) {
		d.value, d.first = next, nil
		if atomic.CompareAndSwapUint32(&d.phase, calling, done) {
			if is {
				runSuccessors(after)
			}
			return settled
		}
	}
	d.endAlone(next, fail, left)
	return settled
}

// endAlone ends the run of settleReady if d failed or became shared, or if
// something is left to do.
func (d *Deferred[T]) endAlone(value T, fail *Failure, left any) {
	d.lock()
	d.first, d.running = nil, nobody
	run := chainRun[T]{current: d}
	run.proceed(value, fail, left)
	run.begin()
}

// resume runs the callbacks that can run. d is locked, and resume unlocks it.
func (d *Deferred[T]) resume() {
	run := chainRun[T]{current: d}
	run.begin()
}

// A successor is a future, of any type, that a step has settled. Its callbacks
// run after the chain of the step has run as far as it can. So they run after
// that chain's later callbacks, as they would on a loop, and a chain of
// successors needs no stack.
type successor interface {
	// succeed runs the callbacks, and returns the successors that they
	// settled.
	succeed() []successor
	// exit settles the future if the step called runtime.Goexit.
	exit()
}

// runSuccessors runs the callbacks of the successors, then those of the
// successors' successors, and so on.
func runSuccessors(waiting ...successor) {
	finished := false
	defer func() {
		if !finished {
			runSuccessors(waiting...) // the rest, while the goroutine ends
		}
	}()
	for len(waiting) > 0 {
		next := waiting[0]
		if waiting = waiting[1:]; len(waiting) == 0 {
			waiting = nil // so that the slice can be collected
		}
		waiting = append(waiting, next.succeed()...)
	}
	finished = true
}

// A chainRun runs callbacks: those of one Deferred, and those of the Deferreds
// that turn out to wait for it.
type chainRun[T any] struct {
	current    *Deferred[T]   // locked, except while a callback runs
	left       []*Deferred[T] // the Deferreds to return to afterwards
	step       step[T]        // the step that is running, and its argument
	value      T
	successors []successor
}

// begin runs the callbacks that can run, and then the successors' callbacks.
// It leaves nothing locked.
func (r *chainRun[T]) begin() {
	if waiting := r.all(); len(waiting) > 0 {
		runSuccessors(waiting...)
	}
}

// all runs callbacks until no more can run, and returns the successors. It
// leaves nothing locked.
func (r *chainRun[T]) all() []successor {
	d := r.current
	if len(r.left) == 0 && (d.state == pending || d.running != nobody || d.empty()) {
		d.rest()
		return r.successors
	}
	for !r.callbacks() {
	}
	return r.successors
}

// callbacks runs callbacks. It returns true when no more can run, and false
// after a panic. This is Twisted's _runCallbacks: Deferreds that wait for each
// other are run in a loop, not by recursion.
//
// A panic becomes the result. When callbacks is called again, the chain goes
// on with its errbacks. runtime.Goexit also becomes the result, and the rest,
// including the successors' callbacks, runs while the goroutine ends.
func (r *chainRun[T]) callbacks() (done bool) {
	defer func() {
		if done {
			return
		}
		value := recover()
		r.current.lock()
		r.current.running = nobody
		r.proceed(notReturned(r.step, r.value, value))
		if value == nil {
			r.begin()
			r.successors, done = nil, true
		}
	}()
	for {
		d := r.current
		if d.running != nobody || d.blocked() || d.empty() {
			// As in Twisted, a paused Deferred also keeps those in r.left from
			// going on, until a callback is added to one of them.
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
		r.step, r.value = s, value
		next, failed, left := d.take(s, value, fail)
		d.lock()
		d.running = nobody
		r.proceed(next, failed, left)
	}
}

// proceed handles what the current Deferred's step returned.
func (r *chainRun[T]) proceed(value T, fail *Failure, left any) {
	switch left := left.(type) {
	case nil:
	case *Deferred[T]:
		r.waitFor(left)
		return
	case successor:
		r.successors = append(r.successors, left)
	}
	r.current.setResult(value, fail)
}

// notReturned returns the result of a step that panicked, or that called
// runtime.Goexit if recovered is nil.
func notReturned[T any](s step[T], value T, recovered any) (T, *Failure, any) {
	next, is := s.(successor)
	switch {
	case recovered != nil:
		return *new(T), panicFailure(recovered), nil
	case is:
		next.exit()
		return value, nil, next
	}
	return *new(T), toFailure(ErrGoexit), nil
}

// setResult sets the result that a callback returned. A failure that was
// passed on stays handled. d is locked.
func (d *Deferred[T]) setResult(value T, fail *Failure) {
	if fail != nil && fail != d.failure {
		d.handled = false
		d.history().explain(fail)
	}
	d.value, d.failure = value, fail
}

// back returns to the Deferred that the run left last.
func (r *chainRun[T]) back() {
	last := len(r.left) - 1
	r.current = r.left[last]
	r.left = r.left[:last]
	r.current.lock()
}

// handOver gives the current result to outer, which waits for it, and makes
// outer the current Deferred.
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

// waitFor makes the current Deferred take over inner's result: now if inner has
// one, otherwise when its callbacks so far have run.
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
	d.mu.Unlock() // never hold two locks at once: chains may cross

	inner.lock()
	if !inner.hasResult() {
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

// takeResult returns the result and leaves the zero value. The failure then
// belongs to the caller.
func (d *Deferred[T]) takeResult() (value T, fail *Failure) {
	value, fail = d.value, d.failure
	if fail != nil {
		d.setHandled()
	}
	d.value, d.failure = *new(T), nil
	return value, fail
}

// stopWaiting gives d the result of the Deferred that it waited for.
func (d *Deferred[T]) stopWaiting(value T, fail *Failure) {
	d.value, d.failure = value, fail
	d.handled = false
	d.more.paused--
	d.more.waitingOn = nil
}

// rest unlocks d, whose callbacks have run as far as they can. If d has failed
// and nobody was given the failure, it will be logged when d is collected.
func (d *Deferred[T]) rest() {
	fail := d.failure
	unhandled := fail != nil && !d.handled && d.running == nobody && !fail.explained()
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

// traced is take in a region of runtime/trace.
func (d *Deferred[T]) traced(s step[T], value T, fail *Failure) (T, *Failure, any) {
	defer trace.StartRegion(context.Background(), stepName(s, fail)).End()
	return s.take(value, fail)
}

// take takes a step.
func (d *Deferred[T]) take(s step[T], value T, fail *Failure) (T, *Failure, any) {
	if trace.IsEnabled() {
		return d.traced(s, value, fail)
	}
	return s.take(value, fail)
}

func (callback callbackStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	if fail != nil {
		return value, fail, nil
	}
	value, err := callback(value)
	if err != nil {
		value, fail = outcome(value, err)
	}
	return value, fail, nil
}

func (p *pairStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	if fail == nil {
		value, fail = outcome(p.callback(value))
	} else {
		value, fail = outcome(p.errback(fail))
	}
	return value, fail, nil
}

func (errback errbackStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	if fail != nil {
		value, fail = outcome(errback(fail))
	}
	return value, fail, nil
}

func (w *watchStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	w.call(value, fail)
	if fail != nil && w.consume {
		return *new(T), nil, nil
	}
	return value, fail, nil
}

func (after afterStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	after()
	return value, fail, nil
}

// bothStep is a function added with AddBoth.
type bothStep[T any] func(T, *Failure) (T, error)

func (both bothStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	value, fail = outcome(both(value, fail))
	return value, fail, nil
}

func (bothStep[T]) handles() bool { return true }

// chainStep is a function added with Chain.
type chainStep[T any] func(T) (*Deferred[T], error)

func (chain chainStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	if fail != nil {
		return value, fail, nil
	}
	inner, err := chain(value)
	if fail = returnedFailure(err); fail != nil || inner == nil {
		return *new(T), fail, nil
	}
	return *new(T), nil, inner
}

func (chainStep[T]) handles() bool { return false }

// A waitingStep is a Deferred as a step in the chain of the one that it waits
// for.
type waitingStep[T any] Deferred[T]

func (*waitingStep[T]) take(T, *Failure) (T, *Failure, any) {
	panic("unreachable: chainRun hands the result over itself")
}

func (*waitingStep[T]) handles() bool { return false }

// finished reports whether d is settled and its callbacks so far have run.
func (d *Deferred[T]) finished() bool { return d.hasResult() && d.empty() }

// hasResult reports whether a Deferred that chains to d can have d's result as
// it stands. If a chainRun has left d, with callbacks yet to run, then it took
// the result along, and they will get the zero value in any case. The callbacks
// of a future that Then has just settled are still to get its result.
func (d *Deferred[T]) hasResult() bool {
	return d.state != pending && d.running == nobody && !d.blocked() &&
		(d.more == nil || !d.more.succeeds || d.empty())
}

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
		d.track()
	}
}

func (d *Deferred[T]) track() {
	d.lock()
	defer d.mu.Unlock()
	d.extend().history = newHistory[Deferred[T]]()
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

// waitFor prepares a zero Deferred that waits for s.
func (d *Deferred[T]) waitFor(s source, _ *loopRef, more *more[T]) {
	more.source = s
	d.more = more
	d.phase = shared // nobody else knows d yet, and an atomic store would make Then 10 ns slower
	d.trackInDebugMode()
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
	if d.settleReady(value) { // the usual case
		return nil
	}
	return d.trySettle(value, nil)
}

func (d *Deferred[T]) reject(fail *Failure) error { return d.trySettle(*new(T), fail) }

func (d *Deferred[T]) watch(fn func(any, *Failure), consume bool) {
	d.append(&watchStep[T]{fn, consume})
}

func (d *Deferred[T]) after(fn func())   { d.append(afterStep[T](fn)) }
func (d *Deferred[T]) theLoop() *loopRef { return currentLoop() }

func (d *Deferred[T]) add(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	d.append(newStep(callback, errback))
}

// String returns d's type and state, for example "Future[int] pending".
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
	if d.finished() {
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
		<-w.done // it has been given the failure, which must not be lost
	}
	return awaited(w.value, w.failure)
}

func awaited[T any](value T, fail *Failure) (T, error) {
	if fail != nil {
		return *new(T), fail
	}
	return value, nil
}

// An awaitStep wakes calls of Await with the result, and passes it on. Calls
// that wait at the same place in the chain share one.
type awaitStep[T any] struct {
	waiting int // calls of Await
	begun   bool
	done    chan struct{}
	value   T
	failure *Failure
}

func (w *awaitStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
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

// leave ends a call of Await that gave up. When nobody waits for the step any
// more, leave removes it from the chain if it is still the last one. It
// returns false if the step has the result, or is about to get a failure.
func (d *Deferred[T]) leave(w *awaitStep[T]) bool {
	d.lock()
	defer d.mu.Unlock()
	select {
	case <-w.done: // before ctx ended
		return false
	default:
	}
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

// last returns a pointer to the last step of the chain, which is nil if there
// is none.
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
	t := &timeoutStep[T]{limit: newTimeLimit(delay)}
	t.timer = currentLoop().CallLater(delay, func() {
		t.cancelled.Store(true)
		d.Cancel()
	})
	d.append(t)
	return d
}

// timeoutStep ends a time limit.
type timeoutStep[T any] struct {
	limit     timeLimit
	timer     DelayedCall
	cancelled atomic.Bool // by the timer
}

func (t *timeoutStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	t.timer.Cancel()
	if t.cancelled.Load() {
		fail = t.limit.failure(fail)
	}
	return value, fail, nil
}

func (*timeoutStep[T]) handles() bool { return false }

// compose is [Then], [ThenOf] and [Catch].
func compose[T, U any](f *Deferred[T], fn composing[T, U]) *Deferred[U] {
	c := &composition[T, U]{fn: fn}
	c.outer.waitFor(f, nil, &c.more)
	f.append(c)
	return &c.outer
}

// A composition is the future that Then, ThenOf or Catch returned, and the
// step that settles it.
type composition[T, U any] struct {
	outer Deferred[U]
	more  more[U]
	fn    composing[T, U]
}

func (c *composition[T, U]) take(value T, fail *Failure) (T, *Failure, any) {
	fn := c.fn
	c.fn = nil // so that what it refers to can be collected, however long the new future is kept
	if c.outer.IsCalled() {
		return value, fail, nil // it was cancelled
	}
	result, failed, inner := callComposing(fn, value, fail)
	if inner != nil {
		return value, fail, c.follow(inner)
	}
	return value, fail, c.settle(result, failed)
}

func (*composition[T, U]) handles() bool   { return true }
func (c *composition[T, U]) function() any { return c.fn }

// settle settles the new future, and returns it as what is left to do.
func (c *composition[T, U]) settle(value U, fail *Failure) any {
	c.outer.lock()
	pending := c.outer.state == pending
	if pending {
		c.outer.begin(value, fail)
		c.more.succeeds = true
	}
	c.outer.mu.Unlock()
	if !pending {
		refused(fail)
		return nil
	}
	return c
}

func (c *composition[T, U]) exit() { c.settle(*new(U), toFailure(ErrGoexit)) }

func (c *composition[T, U]) succeed() []successor {
	c.outer.lock()
	c.more.succeeds = false
	run := chainRun[U]{current: &c.outer}
	return run.all()
}

// follow makes the new future wait for inner. It returns what is left to do.
func (c *composition[T, U]) follow(inner *Deferred[U]) any {
	if inner == &c.outer {
		return c.settle(*new(U), toFailure(errWaitsForItself))
	}
	c.outer.lock()
	gaveUp := c.more.gaveUp
	if c.outer.state == pending {
		c.more.source = inner
	}
	c.outer.mu.Unlock()
	if gaveUp { // cancelled while the function ran
		inner.Cancel()
	}

	inner.lock()
	if !inner.finished() {
		inner.push((*innerStep[T, U])(c))
		inner.mu.Unlock()
		return nil
	}
	value, fail := inner.value, inner.failure
	if fail != nil {
		inner.setHandled()
	}
	inner.mu.Unlock()
	return c.settle(value, fail)
}

// An innerStep is a composition as a step of the future that ThenOf's function
// returned.
type innerStep[T, U any] composition[T, U]

func (s *innerStep[T, U]) take(value U, fail *Failure) (U, *Failure, any) {
	return value, fail, (*composition[T, U])(s).settle(value, fail)
}

func (*innerStep[T, U]) handles() bool { return true }

// gather is [Gather]: Twisted's DeferredList.
func gather[T any](_ *loopRef, futures []*Deferred[T], consumeErrors bool) *Deferred[[]Result[T]] {
	members := make([]gatherStep[T], len(futures))
	return gatherAll(futures, consumeErrors, func(g *gathering[T], i int, child *Deferred[T]) {
		members[i] = gatherStep[T]{g, i}
		child.append(&members[i])
	})
}

// gatherAny is [GatherAny].
func gatherAny(_ *loopRef, futures []AnyFuture, consumeErrors bool) *Deferred[[]Result[any]] {
	return gatherAll(futures, consumeErrors, func(g *gathering[any], i int, child AnyFuture) {
		child.watch(func(value any, fail *Failure) { g.settled(i, Result[any]{value, fail}) }, consumeErrors)
	})
}

// gatherAll gathers futures. It calls add to add each of them to the
// gathering.
func gatherAll[R any, F AnyFuture](futures []F, consumeErrors bool, add func(g *gathering[R], i int, child F)) *Deferred[[]Result[R]] {
	g := &gathering[R]{
		results: make([]Result[R], len(futures)),
		consume: consumeErrors,
	}
	g.outer.trackInDebugMode()
	g.pending.Store(int64(len(futures)))
	if len(futures) == 0 {
		_ = g.outer.resolve(g.results)
		return &g.outer
	}
	children := slices.Clone(futures)
	g.outer.setCancelAll(func(fail *Failure) bool {
		for _, child := range children {
			child.cancelWith(fail)
		}
		return true
	})
	for i, child := range children {
		add(g, i, child)
	}
	return &g.outer
}

// A gathering is the future that Gather returned, and the results so far.
type gathering[T any] struct {
	outer   Deferred[[]Result[T]]
	consume bool

	results []Result[T] // each Deferred writes its own
	pending atomic.Int64
}

// gatherStep stands in the chain of one of the gathered Deferreds.
type gatherStep[T any] struct {
	*gathering[T]
	index int
}

func (s *gatherStep[T]) take(value T, fail *Failure) (T, *Failure, any) {
	s.settled(s.index, Result[T]{value, fail})
	if fail != nil && s.consume {
		return *new(T), nil, nil
	}
	return value, fail, nil
}

func (*gatherStep[T]) handles() bool { return true }

// settled records the result of one of the Deferreds.
func (g *gathering[T]) settled(index int, result Result[T]) {
	g.results[index] = result
	if g.pending.Add(-1) > 0 {
		return
	}
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
