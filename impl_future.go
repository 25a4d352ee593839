//go:build future && !deferred

package txaio

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Selection

// UsingDeferred reports whether the program was built with -tags deferred. It
// is a constant, so the branch not taken is not compiled in.
const UsingDeferred bool = false

// UsingFuture reports whether the program was built with -tags future. It is a
// constant, so the branch not taken is not compiled in.
const UsingFuture bool = true

// configureLoop accepts any loop: asyncio has as many as one likes. See
// [WithConfig].
func configureLoop(*loopRef) error { return nil }

// The native type

// A Future is a value that is not there yet: asyncio's Future. All its
// callbacks get the same value, or the same failure, whatever the others
// return.
//
// Callbacks run on the goroutine of the loop that the future belongs to: the
// one that was current when it was created. Each is scheduled by itself, in
// the order in which they were added, when the future is settled or, where it
// is settled already, when they are added.
//
// The zero value is a pending Future on the loop that is current when it
// first needs one.
type Future[T any] struct {
	loop *loopRef

	phase     phase // and the lock, see held
	state     state
	firstUsed bool // callback and errback hold the first pair, or held it
	seen      bool // somebody is given the failure, or will be by the loop

	value T // does not change once the future is settled

	// The first pair of callbacks. Nearly every future has one pair, so that
	// is kept, and scheduled, without another allocation.
	callback func(T) (T, error)
	errback  func(*Failure) (T, error)
	more     *futureMore[T]
}

// futureMore is what a member of a gathering needs, which is the task to
// schedule after the first pair, and what leads to the rest.
type futureMore[T any] struct {
	gathering *gathering[T] // nil where the future is no member
	index     int           // among the gathering's children
	rest      *futureRest[T]
}

// futureRest is what few futures need.
type futureRest[T any] struct {
	tasks     []task // what to schedule after the first pair and the member
	canceller func(*Future[T])
	cancelAll func(message string) bool // replaces Cancel's work, in what Gather returned
	done      chan struct{}
	failure   *Failure        // does not change once the future is settled
	dropped   runtime.Cleanup // reports failure, which nobody has seen
	history   *history        // in debug mode
}

// state says how far a future has come.
type state uint8

const (
	pending   state = iota
	finished        // with a value
	failed          // from here on with a failure
	cancelled       // which is a CancelledError
)

// Native methods

// SetResult settles f with value and schedules the callbacks. It returns
// [ErrAlreadyCalled] where f is settled already.
func (f *Future[T]) SetResult(value T) error { return f.resolve(value) }

// SetException settles f as failed with err, which may be a [*Failure], and
// schedules the callbacks. It returns what [Future.SetResult] returns, and
// panics with a [*UsageError] where err is nil.
func (f *Future[T]) SetException(err error) error { return f.reject(toFailure(err)) }

// AddDoneCallback schedules fn, with f, on f's loop when f is settled.
func (f *Future[T]) AddDoneCallback(fn func(*Future[T])) {
	if fn == nil {
		panic(usageErrorf("AddDoneCallback needs a function, and was given nil"))
	}
	f.append(&doneTask[T]{f, fn})
}

// Cancel settles f with a [*CancelledError] and schedules the canceller and
// the callbacks. It returns false, and does nothing, where f is settled
// already. Cancelling what [Gather] returned cancels the gathered futures
// instead, and returns whether any of them was still pending; that then
// settles it.
func (f *Future[T]) Cancel(message ...string) bool { return f.cancelWith(firstOf(message)) }

func (f *Future[T]) cancelWith(message string) bool {
	f.lock()
	if rest := f.rest(); f.state == pending && rest != nil && rest.cancelAll != nil {
		cancelAll := rest.cancelAll // not to be there for long
		f.unlock()
		return cancelAll(message)
	}
	f.unlock()
	return f.settle(cancelled, *new(T), toFailure(&CancelledError{message})) == nil
}

// Cancelled reports whether f was cancelled. What [Gather] returned counts as
// failed, not as cancelled, also where it failed because it was cancelled; so
// it is in asyncio.
func (f *Future[T]) Cancelled() bool {
	f.lock()
	defer f.unlock()
	return f.state == cancelled
}

// Result returns the value, or the [*Failure] where f failed, the
// [*CancelledError] where it was cancelled, or [ErrNotDone] where it is
// pending.
func (f *Future[T]) Result() (T, error) {
	f.lock()
	defer f.unlock()
	f.see()
	switch {
	case f.state == pending:
		return *new(T), ErrNotDone
	case f.state == cancelled:
		return *new(T), f.failure().err
	case f.state == failed:
		return *new(T), f.failure()
	}
	return f.value, nil
}

// Exception returns the error with which f failed, nil where it succeeded.
// Its own error is the [*CancelledError] where f was cancelled and
// [ErrNotDone] where it is pending.
func (f *Future[T]) Exception() (exception, err error) {
	f.lock()
	defer f.unlock()
	f.see()
	switch {
	case f.state == pending:
		return nil, ErrNotDone
	case f.state == cancelled:
		return nil, f.failure().err
	}
	return f.failure().Value(), nil
}

// IsCalled reports whether f has been settled. asyncio calls it done().
func (f *Future[T]) IsCalled() bool {
	f.lock()
	defer f.unlock()
	return f.state != pending
}

// Done returns a channel that is closed when f is settled.
func (f *Future[T]) Done() <-chan struct{} {
	f.lock()
	defer f.unlock()
	rest := f.extend()
	if rest.done == nil {
		rest.done = make(chan struct{})
		if f.state != pending {
			close(rest.done)
		}
	}
	return rest.done
}

// Settling and running callbacks

// settle sets the outcome, where there is none, and schedules the callbacks,
// which is asyncio's __schedule_callbacks. Scheduling under the lock keeps them
// in order with those that are being added; it runs nothing.
func (f *Future[T]) settle(to state, value T, fail *Failure) error {
	f.lock()
	defer f.unlock() // also where a loop of another type panics
	if f.state != pending {
		return f.history().alreadyCalled()
	}
	f.state, f.value = to, value
	switch {
	case f.more != nil || fail != nil:
		f.seen = fail != nil && f.watched()
		f.scheduleAll(fail)
	case f.firstUsed: // nearly always
		f.schedule((*firstPair[T])(f))
	}
	return nil
}

// settleReady is settle with a value where f is ready.
func (f *Future[T]) settleReady(value T) (settled bool) {
	if f.phase.Load() != ready {
		return false
	}
	l := f.loop.own
	if !l.mu.TryLock() { // lock, in place
		l.lockBusy()
	}
	if f.phase.Load() != ready || f.state != pending {
		l.mu.Unlock()
		return false
	}
	f.state, f.value = finished, value
	if f.more == nil {
		l.enqueue((*firstPair[T])(f))
		return true
	}
	member := f.more
	f.more = nil // it is one of many that Gather allocated together
	l.enqueue((*gatherTask[T])(member))
	return true
}

// scheduleAll is what settle does for a future that fails, or has more than a
// first pair. f is held.
func (f *Future[T]) scheduleAll(fail *Failure) {
	var member *futureMore[T]
	if f.more != nil && f.more.gathering != nil {
		member = f.more // which is a task now, and one of many that Gather allocated together
	}
	var rest futureRest[T]
	if r := f.rest(); r != nil {
		rest = *r
	}
	// What f keeps is in place before somebody can look: a task, or who waits for done.
	kept := fail != nil || rest.done != nil || rest.history != nil
	if member != nil || !kept {
		f.more = nil
	}
	if kept {
		*f.extend() = futureRest[T]{done: rest.done, failure: fail, history: rest.history} // the others are free now
	}
	if rest.history != nil {
		rest.history.settle()
		rest.history.explain(fail)
	}
	if rest.done != nil {
		close(rest.done)
	}
	switch {
	case rest.canceller == nil:
	case f.state == cancelled:
		f.schedule(&cancellerTask[T]{f, rest.canceller})
	default:
		f.schedule(uncancelled{})
	}
	if f.firstUsed {
		f.schedule((*firstPair[T])(f))
	}
	if member != nil {
		f.schedule((*gatherTask[T])(member))
	}
	for _, t := range rest.tasks {
		f.schedule(t)
	}
}

// append schedules a task when f is settled, at once where it is.
func (f *Future[T]) append(t task) {
	f.lock()
	defer f.unlock()
	f.push(t)
}

// join makes f a member of more.gathering: where f.more is nil, more will be
// that, and needs nothing else allocated.
func (f *Future[T]) join(more *futureMore[T]) {
	if f.phase.claim() {
		f.more = more
		f.filled()
		return
	}
	f.lock()
	defer f.unlock()
	if f.more == nil && f.state == pending {
		f.more = more
	} else {
		f.push((*gatherTask[T])(more))
	}
}

// push is append with f held.
func (f *Future[T]) push(t task) {
	if f.state != pending {
		if sees(t) {
			f.see()
		}
		f.schedule(t)
		return
	}
	rest := f.extend()
	rest.tasks = append(rest.tasks, t)
}

// schedule queues a task on f's loop. f is held.
func (f *Future[T]) schedule(t task) { f.boundLoop().schedule(t) }

// boundLoop returns f's loop, which a zero Future chooses here. f is held.
func (f *Future[T]) boundLoop() *loopRef {
	if f.loop == nil {
		f.loop = currentLoop()
	}
	return f.loop
}

// theLoop is boundLoop with f not held.
func (f *Future[T]) theLoop() *loopRef {
	f.lock()
	defer f.unlock()
	return f.boundLoop()
}

// dispatch calls what AddCallbacks registered, on the loop. What panics in an
// errback goes on to the loop, which hands it to its exception handler.
func (f *Future[T]) dispatch(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	fail := f.failure()
	if fail == nil {
		if callback == nil {
			return
		}
		if fail = f.call(callback); fail == nil {
			return
		}
		f.explain(fail)
		if errback == nil {
			reportUnhandled("Unhandled error in a callback", fail)
			return
		}
	}
	if errback == nil {
		return
	}
	if _, err := errback(fail); err != nil {
		if failed := returnedFailure(err); failed != nil && failed != fail {
			f.loop.exception(failed)
		}
	}
}

// call calls a callback and makes a failure of an error or a panic. It is
// protect without a closure, which would be an allocation for each callback.
func (f *Future[T]) call(callback func(T) (T, error)) (fail *Failure) {
	defer func() {
		if value := recover(); value != nil {
			fail = panicFailure(value)
		}
	}()
	_, err := callback(f.value)
	return returnedFailure(err)
}

// Unhandled failures

// reportUnseen has the failure reported when f is dropped, as asyncio's
// __del__ does, where nobody sees it before. asyncio does not report futures
// that were cancelled.
func (f *Future[T]) reportUnseen(fail *Failure) {
	if f.wasSeen() {
		return
	}
	dropped := fail.withoutError()
	f.lock()
	defer f.unlock()
	if !f.seen {
		f.extend().dropped = onDrop(f, dropped)
	}
}

func (f *Future[T]) wasSeen() bool {
	f.lock()
	defer f.unlock()
	return f.seen
}

// see notes that somebody is given the failure, where there is one. f is held.
func (f *Future[T]) see() {
	if f.failure() == nil {
		return
	}
	f.seen = true
	if rest := f.rest(); rest != nil {
		rest.dropped.Stop()
		rest.dropped = runtime.Cleanup{}
	}
}

// watched reports whether one of the callbacks so far will be given the
// failure. f is held.
func (f *Future[T]) watched() bool {
	if f.errback != nil || f.more != nil && f.more.gathering != nil {
		return true
	}
	rest := f.rest()
	return rest != nil && slices.ContainsFunc(rest.tasks, sees)
}

// sees reports whether a task gives a failure to somebody.
func sees(t task) bool {
	s, can := t.(interface{ sees() bool })
	return can && s.sees()
}

// explain is history.explain for a failure of a callback.
func (f *Future[T]) explain(fail *Failure) {
	f.lock()
	defer f.unlock()
	f.history().explain(fail)
}

// history is what debug mode knows of f, or nil. f is held.
func (f *Future[T]) history() *history {
	if rest := f.rest(); rest != nil {
		return rest.history
	}
	return nil
}

// The tasks

// firstPair is a future as the task that runs its first pair of callbacks.
type firstPair[T any] Future[T]

func (p *firstPair[T]) run() {
	f := (*Future[T])(p)
	callback, errback := f.callback, f.errback
	f.callback, f.errback = nil, nil // what they hold is free now
	f.dispatch(callback, errback)
}

func (p *firstPair[T]) name() string { return (*Future[T])(p).pairName(p.callback, p.errback) }

// pairName returns the name of the one of two functions that will be called.
// It is called on the loop, when f is settled.
func (f *Future[T]) pairName(callback func(T) (T, error), errback func(*Failure) (T, error)) string {
	if f.failure() != nil && errback != nil || callback == nil {
		return funcName(errback)
	}
	return funcName(callback)
}

// pairTask runs a pair of callbacks after the first.
type pairTask[T any] struct {
	f        *Future[T]
	callback func(T) (T, error)
	errback  func(*Failure) (T, error)
}

func (t *pairTask[T]) run()         { t.f.dispatch(t.callback, t.errback) }
func (t *pairTask[T]) name() string { return t.f.pairName(t.callback, t.errback) }
func (t *pairTask[T]) sees() bool   { return t.errback != nil }

// doneTask calls a function that was added with AddDoneCallback.
type doneTask[T any] struct {
	f  *Future[T]
	fn func(*Future[T])
}

func (t *doneTask[T]) run()         { t.fn(t.f) }
func (t *doneTask[T]) name() string { return funcName(t.fn) }

// watchTask calls a function that was added with watch.
type watchTask[T any] struct {
	f  *Future[T]
	fn func(*Failure)
}

func (t *watchTask[T]) run()       { t.fn(t.f.failure()) }
func (t *watchTask[T]) sees() bool { return true }

// cancellerTask calls the canceller.
type cancellerTask[T any] struct {
	f         *Future[T]
	canceller func(*Future[T])
}

func (t *cancellerTask[T]) run()         { t.canceller(t.f) }
func (t *cancellerTask[T]) name() string { return funcName(t.canceller) }

// uncancelled is in the place of the cancellerTask where the future was
// settled otherwise. It does nothing: in txaio the canceller is a done callback
// that finds so, and that is a turn of the loop, which collects timers.
type uncancelled struct{}

func (uncancelled) run() {}

// failure returns why f failed, or nil. Either f is held, or the caller knows that
// it is settled: from f's lock, from done, or as a task of f's.
func (f *Future[T]) failure() *Failure {
	if f.state < failed {
		return nil
	}
	return f.more.rest.failure
}

// later reports whether there is something to schedule after the first pair.
func (f *Future[T]) later() bool {
	return f.more != nil && (f.more.gathering != nil || f.more.rest != nil && len(f.more.rest.tasks) > 0)
}

// rest returns f.more.rest, or nil.
func (f *Future[T]) rest() *futureRest[T] {
	if f.more == nil {
		return nil
	}
	return f.more.rest
}

// extend returns f.more.rest, made where it is nil.
func (f *Future[T]) extend() *futureRest[T] {
	switch {
	case f.more == nil:
		both := new(struct {
			futureMore[T]
			futureRest[T]
		})
		both.rest = &both.futureRest
		f.more = &both.futureMore
	case f.more.rest == nil:
		f.more.rest = new(futureRest[T])
	}
	return f.more.rest
}

// Behind the portable API

// newPending returns a pending Future on loop.
func newPending[T any](loop *loopRef) *Future[T] {
	if loop == nil {
		loop = currentLoop()
	}
	f := &Future[T]{loop: loop}
	if debugMode.Load() {
		f.track()
	}
	return f
}

// track gives a new f a history.
func (f *Future[T]) track() {
	f.lock()
	f.extend().history = newHistory[Future[T]]()
	f.unlock()
}

func (f *Future[T]) setCanceller(canceller func(*Future[T])) {
	f.lock()
	f.extend().canceller = canceller
	f.unlock()
}

func (f *Future[T]) resolve(value T) error {
	if f.settleReady(value) { // nearly always
		return nil
	}
	return f.settle(finished, value, nil)
}

func (f *Future[T]) reject(fail *Failure) error {
	err := f.settle(failed, *new(T), fail)
	if err == nil {
		f.reportUnseen(fail)
	}
	return err
}
func (f *Future[T]) cancel(message string)   { f.cancelWith(message) }
func (f *Future[T]) watch(fn func(*Failure)) { f.append(&watchTask[T]{f, fn}) }

func (f *Future[T]) after(fn func()) {
	f.append(&doneTask[T]{f, func(*Future[T]) { fn() }})
}

func (f *Future[T]) add(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	if f.phase.claim() { // nearly always
		f.callback, f.errback, f.firstUsed = callback, errback, true
		f.filled()
		return
	}
	f.lock()
	defer f.unlock()
	switch {
	case f.firstUsed || f.later():
		f.push(&pairTask[T]{f, callback, errback})
	case f.state != pending:
		if errback != nil {
			f.see()
		}
		f.callback, f.errback, f.firstUsed = callback, errback, true
		f.schedule((*firstPair[T])(f))
	default:
		f.callback, f.errback, f.firstUsed = callback, errback, true
	}
}

// await is [Await].
func (f *Future[T]) await(ctx context.Context) (T, error) {
	if !f.IsCalled() {
		loop := f.theLoop()
		if loop.here() {
			return *new(T), ErrAwaitOnLoop
		}
		done := f.Done()
		loop.hurry()
		select {
		case <-done:
		case <-ctx.Done():
			if !f.IsCalled() {
				return *new(T), ctx.Err()
			}
		}
	}
	if fail := f.failure(); fail != nil {
		f.lock()
		defer f.unlock()
		f.see()
		return *new(T), fail
	}
	return f.value, nil
}

// timeout is [AddTimeout]: asyncio.wait_for.
func (f *Future[T]) timeout(delay time.Duration) *Future[T] {
	loop := f.theLoop()
	t := &timeoutTask[T]{outer: Future[T]{loop: loop}, f: f, delay: delay}
	if debugMode.Load() {
		t.outer.track()
	}
	t.outer.lock()
	t.outer.extend().cancelAll = f.cancelWith
	t.outer.unlock()
	t.timer = loop.CallLater(delay, func() { t.cancelled = f.cancelWith("") })
	f.append(t)
	return &t.outer
}

// timeoutTask is what AddTimeout returned, and runs when the future with the
// time limit is settled.
type timeoutTask[T any] struct {
	outer     Future[T]
	f         *Future[T]
	delay     time.Duration
	timer     DelayedCall
	cancelled bool // by the timer; only the loop uses it
}

func (t *timeoutTask[T]) run() {
	t.timer.Cancel()
	fail := t.f.failure()
	switch {
	case t.cancelled && fail != nil:
		_ = t.outer.reject(timedOut(fail, t.delay)) // only this settles it
	case fail != nil && !t.f.Cancelled():
		_ = t.outer.reject(fail)
	default:
		_ = t.outer.settle(t.f.state, t.f.value, fail)
	}
}

func (t *timeoutTask[T]) sees() bool { return true }

// gather is [Gather]: asyncio.gather. The future it returns is on the given
// loop, or on that of the first of futures.
func gather[T any](loop *loopRef, futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	switch {
	case loop != nil:
	case len(futures) > 0:
		loop = futures[0].theLoop()
	default:
		loop = currentLoop()
	}
	outer := newPending[[]Result[T]](loop)
	g := &gathering[T]{
		outer:    outer,
		children: slices.Clone(futures),
		results:  make([]Result[T], len(futures)),
		consume:  consumeErrors,
	}
	g.pending.Store(int64(len(futures)))
	if len(futures) == 0 {
		_ = outer.resolve(g.results)
		return outer
	}
	outer.lock()
	outer.extend().cancelAll = g.cancel
	outer.unlock()
	// What the children need is allocated for all of them at once.
	members := make([]futureMore[T], len(futures))
	for i, child := range g.children {
		members[i] = futureMore[T]{gathering: g, index: i}
		child.join(&members[i])
	}
	return outer
}

// A gathering is what Gather knows so far. What it returned leads to it only until
// that is settled, so whoever keeps the results need not keep the futures.
type gathering[T any] struct {
	// What Gather returned. Its type has no place here: a Future of T refers to
	// its gathering, and that would to a Future of []Result[T], without end.
	outer interface {
		resolve([]Result[T]) error
		reject(*Failure) error
	}
	consume bool

	children []*Future[T]
	results  []Result[T] // each written by the loop of one of the children
	pending  atomic.Int64

	mu        sync.Mutex
	cancelled bool
	message   string
}

// gatherTask runs when one of the gathered futures is settled.
type gatherTask[T any] futureMore[T]

func (t *gatherTask[T]) run() {
	g := t.gathering
	child := g.children[t.index]
	fail := child.failure()
	g.results[t.index] = Result[T]{child.value, fail}
	if !g.consume && fail != nil {
		_ = g.outer.reject(fail) // refused where another failed first
	}
	if g.pending.Add(-1) == 0 {
		g.finish()
	}
}

func (t *gatherTask[T]) sees() bool { return true }

// finish settles what Gather returned when the last of the futures is settled,
// where it has not failed before.
func (g *gathering[T]) finish() {
	g.mu.Lock()
	cancelled, message := g.cancelled, g.message
	g.mu.Unlock()
	if cancelled {
		_ = g.outer.reject(toFailure(&CancelledError{message}))
		return
	}
	_ = g.outer.resolve(g.results)
}

// cancel cancels those of the gathered futures that are pending. The lock is
// held all the while, so that what their cancellation schedules finds the
// gathering marked as cancelled; on this backend cancelling runs nothing.
func (g *gathering[T]) cancel(message string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, child := range g.children {
		if child.cancelWith(message) {
			g.cancelled, g.message = true, message
		}
	}
	return g.cancelled
}
