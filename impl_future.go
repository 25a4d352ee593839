//go:build future && !deferred

package txaio

import (
	"context"
	"fmt"
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
// the order in which they were added, when the future is settled or, if it
// is settled already, when they are added.
//
// The zero value is a pending Future on the loop that is current when it
// first needs one.
type Future[T any] struct {
	life[T]
	loop *loopRef

	value T // zero unless the future succeeded

	first link[T] // the link that was added first, until it runs
}

// more is what few futures need.
type more[T any] struct {
	extra[T]
	failure *Failure
}

// A step is given the future, which is settled, on the future's loop.
type step[T any] interface {
	take(f *Future[T])
	handles() bool // see link.handles
}

// Native methods

// SetResult settles f with value and schedules the callbacks. It returns
// [ErrAlreadyCalled] if f is settled already.
func (f *Future[T]) SetResult(value T) error { return f.resolve(value) }

// SetException settles f as failed with err, which may be a [*Failure], and
// schedules the callbacks. It returns what [Future.SetResult] returns, and
// panics with a [*UsageError] if err is nil.
func (f *Future[T]) SetException(err error) error { return f.reject(toFailure(err)) }

// AddDoneCallback schedules fn, with f, on f's loop when f is settled.
func (f *Future[T]) AddDoneCallback(fn func(*Future[T])) {
	if fn == nil {
		panic(usageErrorf("AddDoneCallback needs a function, and was given nil"))
	}
	f.append(link[T]{step: doneStep[T](fn)})
}

// Cancel settles f with a [*CancelledError] and schedules the canceller and
// the callbacks. It returns false, and does nothing, if f is settled
// already. Cancelling what [Gather] returned cancels the gathered futures
// instead, and returns whether any of them was still pending; that then
// settles it.
func (f *Future[T]) Cancel(message ...string) bool {
	f.mustExist()
	if f.IsCalled() {
		return false // the failure is not needed
	}
	return f.cancelWith(toFailure(&CancelledError{firstOf(message)}))
}

// cancelWith is Cancel with the failure.
func (f *Future[T]) cancelWith(fail *Failure) bool {
	f.lock()
	if f.state == pending && f.more != nil && f.more.cancelAll != nil {
		cancelAll := f.more.cancelAll // not to be there for long
		f.mu.Unlock()
		return cancelAll(fail)
	}
	defer f.mu.Unlock()
	if f.state != pending {
		return false
	}
	f.settle(cancelled, *new(T), fail)
	return true
}

// Cancelled reports whether f was cancelled. What [Gather] returned counts as
// failed, not as cancelled, also if it failed because it was cancelled; so
// it is in asyncio.
func (f *Future[T]) Cancelled() bool {
	f.mustExist()
	f.lock()
	defer f.mu.Unlock()
	return f.state == cancelled
}

// Result returns the value, or the [*Failure] if f failed, the
// [*CancelledError] if it was cancelled, or [ErrNotDone] while it is
// pending.
func (f *Future[T]) Result() (T, error) {
	fail, err := f.outcome()
	switch {
	case err != nil:
		return *new(T), err
	case fail != nil:
		return *new(T), fail
	}
	return f.value, nil
}

// Exception returns the error with which f failed, nil if it succeeded.
// Its own error is the [*CancelledError] if f was cancelled and
// [ErrNotDone] while it is pending.
func (f *Future[T]) Exception() (exception, err error) {
	fail, err := f.outcome()
	if err != nil {
		return nil, err
	}
	return fail.Value(), nil
}

// outcome returns the failure, which is handled then, or the error of Result
// and Exception.
func (f *Future[T]) outcome() (fail *Failure, err error) {
	f.mustExist()
	f.lock()
	defer f.mu.Unlock()
	fail = f.failure()
	if fail != nil {
		f.setHandled()
	}
	switch f.state {
	case pending:
		return nil, ErrNotDone
	case cancelled:
		return nil, fail.err
	}
	return fail, nil
}

// IsCalled reports whether f has been settled. asyncio calls it done().
func (f *Future[T]) IsCalled() bool {
	f.mustExist()
	f.lock()
	defer f.mu.Unlock()
	return f.state != pending
}

// Done returns a channel that is closed when f is settled.
func (f *Future[T]) Done() <-chan struct{} {
	f.mustExist()
	f.lock()
	defer f.mu.Unlock()
	return f.doneChan()
}

// Settling and running callbacks

// trySettle settles a pending f and schedules the callbacks. If f is settled
// already, it returns ErrAlreadyCalled.
func (f *Future[T]) trySettle(value T, fail *Failure) error {
	f.mustExist()
	err := f.settleOnce(value, fail)
	if err == nil && fail != nil {
		f.logUnhandled(fail)
	}
	return err
}

func (f *Future[T]) settleOnce(value T, fail *Failure) error {
	f.lock()
	defer f.mu.Unlock() // also if a loop of another type panics
	if f.state != pending {
		return f.history().alreadyCalled()
	}
	f.settle(settledBy(fail), value, fail)
	return nil
}

// lock locks f, and makes it shared.
func (f *Future[T]) lock() {
	f.mu.Lock()
	for p := f.phase.Load(); p != shared; p = f.phase.Load() {
		switch p {
		case fresh:
			f.phase.CompareAndSwap(fresh, shared)
		case adding:
			runtime.Gosched() // for the few instructions that adding takes
		case ready:
			q := &f.loop.own.queue
			q.Lock()
			f.phase.Store(shared)
			q.Unlock()
		}
	}
}

// settleReady is trySettle with a value if f is ready, and so has one link.
func (f *Future[T]) settleReady(value T) (settled bool) {
	if f.phase.Load() != ready {
		return false
	}
	q := &f.loop.own.queue
	q.Lock()
	if f.phase.Load() != ready || f.state != pending {
		q.Unlock()
		return false
	}
	f.state, f.value, f.queued = succeeded, value, true
	q.PushUnlock((*firstTask[T])(f))
	return true
}

// settle sets the outcome of f, which is pending and locked, and schedules the
// callbacks: asyncio's __schedule_callbacks. It runs none.
func (f *Future[T]) settle(to state, value T, fail *Failure) {
	if fail != nil {
		f.extend().failure = fail
	}
	f.state, f.value = to, value
	var links []link[T]
	if more := f.more; more != nil {
		links, more.links = more.links, nil
		more.wake(fail)
		f.scheduleCanceller()
	}
	if !f.first.empty() {
		f.schedule(f.first)
	}
	for _, l := range links {
		f.schedule(l)
	}
}

// scheduleCanceller schedules the canceller of f, if it has one. In txaio that
// is a done callback, which finds that f was not cancelled; so it takes a turn
// of the loop, which collects timers, either way.
func (f *Future[T]) scheduleCanceller() {
	canceller := f.more.canceller
	f.more.canceller, f.more.cancelAll = nil, nil // what they hold is free soon
	switch {
	case canceller == nil:
	case f.state == cancelled:
		f.boundLoop().schedule(&linkTask[T]{f, link[T]{step: doneStep[T](canceller)}})
	default:
		f.boundLoop().schedule(funcTask(func() {}))
	}
}

// schedule queues a link of f, which is settled and locked. The first of them
// needs no allocation, as f itself is its task.
func (f *Future[T]) schedule(l link[T]) {
	if f.state >= failed && l.handles() {
		f.setHandled()
	}
	if !f.queued {
		f.first, f.queued = l, true
		f.boundLoop().schedule((*firstTask[T])(f))
		return
	}
	f.boundLoop().schedule(&linkTask[T]{f, l})
}

// append schedules a link when f is settled, at once if it is.
func (f *Future[T]) append(l link[T]) {
	f.mustExist()
	if f.phase.CompareAndSwap(fresh, adding) { // nearly always
		f.first = l
		if f.loop != nil && f.loop.own != nil {
			f.phase.Store(ready)
		} else {
			f.phase.Store(shared) // there is no queue yet, or none of ours
		}
		return
	}
	f.lock()
	defer f.mu.Unlock() // also if a loop of another type panics
	switch {
	case f.state != pending:
		f.schedule(l)
	case f.first.empty():
		f.first = l
	default:
		more := f.extend()
		more.links = append(more.links, l)
	}
}

// boundLoop returns f's loop, which a zero Future chooses here. f is locked.
func (f *Future[T]) boundLoop() *loopRef {
	if f.loop == nil {
		f.loop = currentLoop()
	}
	return f.loop
}

// dispatch calls what AddCallbacks registered, on the loop. What panics in an
// errback goes on to the loop, which hands it to its exception handler.
func (f *Future[T]) dispatch(l link[T]) {
	fail := f.failure()
	if fail == nil && l.callback != nil {
		if fail = f.call(l.callback); fail == nil {
			return
		}
		f.explain(fail)
		if l.step == nil {
			reportUnhandled("Unhandled error in a callback", fail)
			return
		}
	}
	switch errback, is := l.step.(errbackStep[T]); {
	case !is && l.step != nil:
		l.step.take(f)
	case is && fail != nil:
		if _, err := errback(fail); err != nil {
			if failed := returnedFailure(err); failed != nil && failed != fail {
				f.loop.HandleFailure(failed)
			}
		}
	}
}

// call calls a callback and makes a failure of an error or a panic. It is
// protect without a closure, which would be an allocation for each callback.
func (f *Future[T]) call(callback func(T) (T, error)) (fail *Failure) {
	returned := false
	defer func() {
		if !returned {
			fail = panicFailure(recover())
		}
	}()
	_, err := callback(f.value)
	returned = true
	return returnedFailure(err)
}

// logUnhandled has the failure logged when f is dropped, unless somebody is
// given it before. asyncio does not report futures that were cancelled.
func (f *Future[T]) logUnhandled(fail *Failure) {
	if f.isHandled() {
		return
	}
	text := fail.withoutError()
	f.lock()
	defer f.mu.Unlock()
	if !f.handled {
		f.logIfDropped(text)
	}
}

func (f *Future[T]) isHandled() bool {
	f.lock()
	defer f.mu.Unlock()
	return f.handled
}

// explain is history.explain for a failure of a callback.
func (f *Future[T]) explain(fail *Failure) {
	f.lock()
	defer f.mu.Unlock()
	f.history().explain(fail)
}

// failure returns why f failed, or nil. Either f is locked, or the caller knows
// that it is settled.
func (f *Future[T]) failure() *Failure {
	if f.state < failed {
		return nil
	}
	return f.more.failure
}

// The links

// firstTask is a future as the task that runs its first link.
type firstTask[T any] Future[T]

func (t *firstTask[T]) run() {
	f := (*Future[T])(t)
	l := f.first
	f.first = link[T]{} // what it holds is free now
	f.dispatch(l)
}

func (t *firstTask[T]) name() string {
	return t.first.name((*Future[T])(t).failure())
}

// linkTask runs a link after the first.
type linkTask[T any] struct {
	f    *Future[T]
	link link[T]
}

func (t *linkTask[T]) run()         { t.f.dispatch(t.link) }
func (t *linkTask[T]) name() string { return t.link.name(t.f.failure()) }

func (errbackStep[T]) take(*Future[T]) { panic("unreachable: dispatch calls errbacks itself") }

func (watch watchStep[T]) take(f *Future[T]) { watch(f.failure()) }

func (after afterStep[T]) take(*Future[T]) { after() }

// doneStep is a function added with AddDoneCallback, or a canceller.
type doneStep[T any] func(*Future[T])

func (done doneStep[T]) take(f *Future[T]) { done(f) }
func (doneStep[T]) handles() bool          { return false }

// Behind the portable API

// newPending returns a pending Future on loop, nil for the current one.
func newPending[T any](loop *loopRef) *Future[T] {
	if loop == nil {
		loop = currentLoop()
	}
	f := &Future[T]{loop: loop}
	f.trackInDebugMode()
	return f
}

func (f *Future[T]) trackInDebugMode() {
	if debugMode.Load() {
		f.lock()
		defer f.mu.Unlock()
		f.extend().history = newHistory[Future[T]]()
	}
}

func (f *Future[T]) setCanceller(canceller func(*Future[T])) {
	f.lock()
	defer f.mu.Unlock()
	f.extend().canceller = canceller
}

func (f *Future[T]) setCancelAll(cancelAll func(*Failure) bool) {
	f.lock()
	defer f.mu.Unlock()
	f.extend().cancelAll = cancelAll
}

func (f *Future[T]) isNil() bool { return f == nil }

// mustExist panics if f is nil.
func (f *Future[T]) mustExist() {
	if f == nil {
		panic(errNilFuture)
	}
}

func (f *Future[T]) resolve(value T) error {
	f.mustExist()
	if f.settleReady(value) { // nearly always
		return nil
	}
	return f.trySettle(value, nil)
}

func (f *Future[T]) reject(fail *Failure) error { return f.trySettle(*new(T), fail) }
func (f *Future[T]) cancel(message string)      { f.Cancel(message) }
func (f *Future[T]) watch(fn func(*Failure))    { f.append(link[T]{step: watchStep[T](fn)}) }
func (f *Future[T]) after(fn func())            { f.append(link[T]{step: afterStep[T](fn)}) }

func (f *Future[T]) theLoop() *loopRef {
	f.mustExist()
	f.lock()
	defer f.mu.Unlock()
	return f.boundLoop()
}

func (f *Future[T]) add(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	f.append(pair(callback, errback))
}

// String returns f's type and state, as in "Future[int] pending".
func (f *Future[T]) String() string {
	if f == nil {
		return describe[T]("nil")
	}
	f.lock()
	defer f.mu.Unlock()
	switch {
	case f.state == pending:
		return describe[T]("pending")
	case f.state == cancelled:
		return describe[T]("cancelled")
	case f.failure() != nil:
		return describe[T]("failed")
	}
	return describe[T]("succeeded")
}

// Format implements [fmt.Formatter]: every verb prints String.
func (f *Future[T]) Format(s fmt.State, _ rune) { print(s, f.String()) }

// await is [Await].
func (f *Future[T]) await(ctx context.Context) (T, error) {
	if !f.IsCalled() {
		if f.theLoop().InLoop() {
			return *new(T), ErrAwaitOnLoop
		}
		select {
		case <-f.Done():
		case <-ctx.Done():
			if !f.IsCalled() {
				return *new(T), ctx.Err()
			}
		}
	}
	f.lock()
	defer f.mu.Unlock()
	if fail := f.failure(); fail != nil {
		f.setHandled()
		return *new(T), fail
	}
	return f.value, nil
}

// timeout is [AddTimeout]: asyncio.wait_for.
func (f *Future[T]) timeout(delay time.Duration) *Future[T] {
	loop := f.theLoop()
	t := &timeoutStep[T]{outer: Future[T]{loop: loop}, delay: delay}
	t.outer.trackInDebugMode()
	t.outer.setCancelAll(func(fail *Failure) bool {
		if !f.cancelWith(fail) { // settled, and the step is about to run
			t.refused.Store(fail)
		}
		return true
	})
	t.timer = loop.CallLater(delay, func() { t.timedOut = f.Cancel() })
	f.append(link[T]{step: t})
	return &t.outer
}

// timeoutStep is what AddTimeout returned, and the end of the time limit.
type timeoutStep[T any] struct {
	outer    Future[T]
	delay    time.Duration
	timer    DelayedCall
	timedOut bool                    // the timer cancelled the future; only the loop uses it
	refused  atomic.Pointer[Failure] // of a cancellation that came too late for the future
}

func (t *timeoutStep[T]) take(f *Future[T]) {
	t.timer.Cancel()
	fail := f.failure()
	switch refused := t.refused.Load(); {
	case refused != nil:
		t.settle(cancelled, *new(T), refused)
	case t.timedOut && fail != nil:
		_ = t.outer.reject(timedOut(fail, t.delay)) // only this settles it
	case fail != nil && !f.Cancelled():
		_ = t.outer.reject(fail)
	default:
		t.settle(f.state, f.value, fail)
	}
}

func (t *timeoutStep[T]) settle(to state, value T, fail *Failure) {
	t.outer.lock()
	defer t.outer.mu.Unlock()
	t.outer.settle(to, value, fail)
}

func (*timeoutStep[T]) handles() bool { return true }

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
	outer.setCancelAll(g.cancel)
	members := make([]gatherStep[T], len(futures))
	for i, child := range g.children {
		members[i] = gatherStep[T]{g, i}
		child.append(link[T]{step: &members[i]})
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
	cancelled *Failure // the cancellation, if there was one
}

// gatherStep looks at one of the gathered futures.
type gatherStep[T any] struct {
	*gathering[T]
	index int
}

func (s *gatherStep[T]) take(f *Future[T]) {
	fail := f.failure()
	s.results[s.index] = Result[T]{f.value, fail}
	if !s.consume && fail != nil {
		_ = s.outer.reject(fail) // refused if another failed first
	}
	if s.pending.Add(-1) == 0 {
		s.finish()
	}
}

func (*gatherStep[T]) handles() bool { return true }

// finish settles what Gather returned when the last of the futures is settled,
// if it has not failed before.
func (g *gathering[T]) finish() {
	g.mu.Lock()
	cancelled := g.cancelled
	g.mu.Unlock()
	if cancelled != nil {
		_ = g.outer.reject(cancelled)
		return
	}
	_ = g.outer.resolve(g.results)
}

// cancel cancels those of the gathered futures that are pending, and reports
// whether any was. The mutex is locked all the while, so that what their
// cancellation schedules finds the gathering cancelled; on this backend cancelling
// runs nothing.
func (g *gathering[T]) cancel(fail *Failure) (any bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, child := range g.children {
		if child.cancelWith(fail) {
			any, g.cancelled = true, fail
		}
	}
	return any
}
