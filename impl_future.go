//go:build future && !deferred

package txaio

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/txaio-go/txaio/internal/queue"
)

// Selection

// UsingDeferred reports whether the program was built with -tags deferred. It
// is a constant, so the compiler drops the branch that is not taken.
const UsingDeferred bool = false

// UsingFuture reports whether the program was built with -tags future. It is a
// constant, so the compiler drops the branch that is not taken.
const UsingFuture bool = true

// configureLoop accepts any loop, because a program with asyncio can have
// several. See [WithConfig].
func configureLoop(*loopRef) error { return nil }

// The native type

// A Future is a value that is not there yet: asyncio's Future. All of its
// callbacks get the same value or the same failure, whatever the others
// return.
//
// Callbacks run on the goroutine of the future's loop, which is the loop that
// was current when the future was created. Each callback is scheduled by
// itself, in the order in which they were added: when the future is settled,
// or when the callback is added to a settled future.
//
// The zero value is a pending Future. Its callbacks run on the loop that is
// current when they are scheduled.
type Future[T any] struct {
	life[T]
	loop  *loopRef // nil in a zero Future
	value T        // zero unless the future succeeded
	first step[T]  // the first step, until it runs
}

// more holds what few futures need.
type more[T any] struct {
	extra[T]
	canceller func(*Future[T])
	failure   *Failure
}

// A step is given the future, which is settled, on the future's loop.
type step[T any] interface {
	take(f *Future[T])
	// handles reports whether the step gives a failure to somebody. It is
	// called when the step is queued, with the future locked.
	handles() bool
}

// Native methods

// SetResult settles f with value and schedules the callbacks. It returns an
// error that wraps [ErrAlreadyCalled] if f is settled already.
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
	f.append(doneStep[T](fn))
}

// Cancel settles f with a [*CancelledError] and schedules the canceller and
// the callbacks. If f is settled already, it does nothing and returns false.
// Cancelling the future that [Gather] returned cancels the gathered futures
// instead, which then settle it; Cancel returns whether any of them was still
// pending.
func (f *Future[T]) Cancel(message ...string) bool {
	f.mustExist()
	if f.IsCalled() {
		return false // do not make a failure for nothing
	}
	return f.cancelWith(toFailure(&CancelledError{Message: firstOf(message)}))
}

// cancelWith is Cancel with the failure.
func (f *Future[T]) cancelWith(fail *Failure) bool {
	done, next := f.cancelHere(fail)
	for next != nil {
		next = next.cancelOne(fail)
	}
	return done
}

// cancelOne implements source.
func (f *Future[T]) cancelOne(fail *Failure) source {
	_, next := f.cancelHere(fail)
	return next
}

// cancelHere cancels f alone, and returns what f was waiting for.
func (f *Future[T]) cancelHere(fail *Failure) (done bool, next source) {
	q := f.lock()
	if f.state == pending && f.more != nil && f.more.cancelAll != nil {
		cancelAll := f.more.cancelAll // settling f drops it
		q.Unlock()
		return cancelAll(fail), nil
	}
	defer q.Unlock()
	if f.state != pending {
		return false, nil
	}
	if f.more != nil {
		next = f.more.source
	}
	f.settle(q, cancelled, *new(T), fail)
	return true, next
}

// Cancelled reports whether f was cancelled. As in asyncio, the future that
// [Gather] returned counts as failed, even if it failed because it was
// cancelled.
func (f *Future[T]) Cancelled() bool {
	f.mustExist()
	q := f.lock()
	defer q.Unlock()
	return f.state == cancelled
}

// Result returns the value, or the [*Failure] if f failed, or the
// [*CancelledError] if f was cancelled, or [ErrNotDone] if f is pending.
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

// Exception returns the error with which f failed, or nil if it succeeded. err
// is the [*CancelledError] if f was cancelled and [ErrNotDone] if f is
// pending.
func (f *Future[T]) Exception() (exception, err error) {
	fail, err := f.outcome()
	if err != nil {
		return nil, err
	}
	return fail.Value(), nil
}

// outcome returns the failure, which then counts as handled, or the error of
// Result and Exception.
func (f *Future[T]) outcome() (fail *Failure, err error) {
	f.mustExist()
	q := f.lock()
	defer q.Unlock()
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
	q := f.lock()
	defer q.Unlock()
	return f.state != pending
}

// Done returns a channel that is closed when f is settled.
func (f *Future[T]) Done() <-chan struct{} {
	f.mustExist()
	q := f.lock()
	defer q.Unlock()
	return f.doneChan()
}

// Settling and running callbacks

// lock locks the queue of f's loop, which guards f's fields. Settling f locks
// the queue anyway, to queue the steps.
func (f *Future[T]) lock() *queue.Queue[task] {
	loop := f.loop // not f.theLoop(), with which the compiler would not inline lock
	if loop == nil {
		loop = zeroLoop
	}
	loop.queue.Lock()
	return loop.queue
}

func (f *Future[T]) theLoop() *loopRef {
	if f.loop == nil {
		return zeroLoop
	}
	return f.loop
}

// zeroLoop is the loop of zero Futures.
var zeroLoop = newLoopRef(follower{})

// A follower is whichever loop is current.
type follower struct{}

func (follower) CallSoon(fn func()) { currentLoop().CallSoon(fn) }
func (follower) CallLater(delay time.Duration, fn func()) DelayedCall {
	return currentLoop().CallLater(delay, fn)
}
func (follower) Now() time.Time              { return currentLoop().Now() }
func (follower) HandleFailure(fail *Failure) { currentLoop().HandleFailure(fail) }
func (follower) InLoop() bool                { return currentLoop().InLoop() }

// trySettle settles a pending f and schedules the callbacks. If f is settled
// already, it returns ErrAlreadyCalled.
func (f *Future[T]) trySettle(to state, value T, fail *Failure) error {
	f.mustExist()
	q := f.lock()
	if f.state != pending {
		err := f.history().alreadyCalled()
		q.Unlock()
		return err
	}
	f.settle(q, to, value, fail)
	unhandled := to == failed && !f.handled && !fail.explained()
	q.Unlock()
	if unhandled {
		f.logUnhandled(fail)
	}
	return nil
}

// settle sets the outcome of f, which is pending and locked, and schedules the
// callbacks: asyncio's __schedule_callbacks. It runs none of them, so f can
// stay locked, which keeps the callbacks in order with those being added.
func (f *Future[T]) settle(q *queue.Queue[task], to state, value T, fail *Failure) {
	if fail != nil {
		f.extend().failure = fail
	}
	f.state, f.value = to, value
	more := f.more
	if more != nil {
		more.wake(fail)
		f.scheduleCanceller(q)
	}
	if f.first != nil {
		if fail != nil {
			f.giveTo(f.first)
		}
		f.scheduleFirst(q)
	}
	if more != nil {
		for _, s := range more.steps {
			f.schedule(q, s)
		}
		more.steps = nil
	}
}

// scheduleCanceller schedules the canceller of f, if it has one. In txaio the
// canceller is a done callback, which does nothing if f was not cancelled. So
// it takes a turn of the loop, which collects timers, in both cases.
func (f *Future[T]) scheduleCanceller(q *queue.Queue[task]) {
	canceller := f.more.canceller
	f.more.canceller, f.more.cancelAll, f.more.source = nil, nil, nil // so that what they refer to can be collected
	switch {
	case canceller == nil:
	case f.state == cancelled:
		q.Append(&stepTask[T]{f, doneStep[T](canceller)})
	default:
		q.Append(funcTask(func() {}))
	}
}

// schedule queues a step of f, which is settled and locked.
func (f *Future[T]) schedule(q *queue.Queue[task], s step[T]) {
	if f.state >= failed {
		f.giveTo(s)
	}
	if f.queued {
		q.Append(&stepTask[T]{f, s})
		return
	}
	f.first = s
	f.scheduleFirst(q)
}

// giveTo records that s is given the failure.
func (f *Future[T]) giveTo(s step[T]) {
	if s.handles() {
		f.setHandled()
	}
}

// scheduleFirst queues the first step. It needs no allocation, because f itself
// is the task.
func (f *Future[T]) scheduleFirst(q *queue.Queue[task]) {
	f.queued = true
	q.Append((*firstTask[T])(f))
}

// append adds a step. If f is settled, it schedules the step at once.
func (f *Future[T]) append(s step[T]) {
	f.mustExist()
	q := f.lock()
	switch {
	case f.state != pending:
		f.schedule(q, s)
	case f.first == nil:
		f.first = s
	default:
		more := f.extend()
		more.steps = append(more.steps, s)
	}
	q.Unlock()
}

// runPair calls the functions given to AddCallbacks, either of which may be
// nil. A panic of the errback goes on to the loop, which passes it to its
// exception handler.
func (f *Future[T]) runPair(callback func(T) (T, error), errback func(*Failure) (T, error)) {
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
			f.theLoop().HandleFailure(failed)
		}
	}
}

// call calls a callback, and returns a failure if it returns an error or
// panics. It is protect without a closure, which would be an allocation for
// each callback.
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

// logUnhandled has the failure logged when f is collected, unless it is
// handled before. asyncio does not report futures that were cancelled.
func (f *Future[T]) logUnhandled(fail *Failure) {
	text := fail.withoutError()
	q := f.lock()
	defer q.Unlock()
	if !f.handled {
		f.logIfDropped(text)
	}
}

// explain is history.explain for a failure of a callback.
func (f *Future[T]) explain(fail *Failure) {
	q := f.lock()
	defer q.Unlock()
	f.history().explain(fail)
}

// failure returns why f failed, or nil. Either f is locked, or the caller
// knows that it is settled.
func (f *Future[T]) failure() *Failure {
	if f.state < failed {
		return nil
	}
	return f.more.failure
}

// The steps

// firstTask is a future as the task that takes its first step.
type firstTask[T any] Future[T]

func (t *firstTask[T]) run() {
	f := (*Future[T])(t)
	s := f.first
	f.first = nil // so that what it refers to can be collected
	s.take(f)
}

func (t *firstTask[T]) name() string { return stepName(t.first, (*Future[T])(t).failure()) }

// stepTask is the task that takes a later step.
type stepTask[T any] struct {
	f    *Future[T]
	step step[T]
}

func (t *stepTask[T]) run()         { t.step.take(t.f) }
func (t *stepTask[T]) name() string { return stepName(t.step, t.f.failure()) }

func (callback callbackStep[T]) take(f *Future[T]) { f.runPair(callback, nil) }
func (errback errbackStep[T]) take(f *Future[T])   { f.runPair(nil, errback) }
func (p *pairStep[T]) take(f *Future[T])           { f.runPair(p.callback, p.errback) }
func (w *watchStep[T]) take(f *Future[T])          { w.call(f.value, f.failure()) }
func (after afterStep[T]) take(*Future[T])         { after() }

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
		f.track()
	}
}

func (f *Future[T]) track() {
	q := f.lock()
	defer q.Unlock()
	f.extend().history = newHistory[Future[T]]()
}

func (f *Future[T]) setCanceller(canceller func(*Future[T])) {
	q := f.lock()
	defer q.Unlock()
	f.extend().canceller = canceller
}

func (f *Future[T]) setCancelAll(cancelAll func(*Failure) bool) {
	q := f.lock()
	defer q.Unlock()
	f.extend().cancelAll = cancelAll
}

// waitFor prepares a zero Future that is on loop and waits for s.
func (f *Future[T]) waitFor(s source, loop *loopRef, more *more[T]) {
	more.source = s
	f.loop, f.more = loop, more
	f.trackInDebugMode()
}

func (f *Future[T]) isNil() bool { return f == nil }

// mustExist panics if f is nil.
func (f *Future[T]) mustExist() {
	if f == nil {
		panic(errNilFuture)
	}
}

func (f *Future[T]) resolve(value T) error      { return f.trySettle(succeeded, value, nil) }
func (f *Future[T]) reject(fail *Failure) error { return f.trySettle(failed, *new(T), fail) }
func (f *Future[T]) after(fn func())            { f.append(afterStep[T](fn)) }

func (f *Future[T]) watch(fn func(any, *Failure), consume bool) {
	f.append(&watchStep[T]{fn, consume})
}

func (f *Future[T]) add(callback func(T) (T, error), errback func(*Failure) (T, error)) {
	f.append(newStep(callback, errback))
}

// String returns f's type and state, for example "Future[int] pending".
func (f *Future[T]) String() string {
	if f == nil {
		return describe[T]("nil")
	}
	q := f.lock()
	defer q.Unlock()
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
	if done := f.whenPending(); done != nil {
		if f.theLoop().InLoop() {
			return *new(T), ErrAwaitOnLoop
		}
		select {
		case <-done:
		case <-ctx.Done():
			if !f.IsCalled() {
				return *new(T), ctx.Err()
			}
		}
	}
	if fail := f.failure(); fail != nil {
		q := f.lock()
		defer q.Unlock()
		f.setHandled()
		return *new(T), fail
	}
	return f.value, nil
}

// whenPending returns Done's channel if f is pending, and nil otherwise.
func (f *Future[T]) whenPending() <-chan struct{} {
	f.mustExist()
	q := f.lock()
	defer q.Unlock()
	if f.state != pending {
		return nil
	}
	return f.doneChan()
}

// timeout is [AddTimeout]: asyncio.wait_for.
func (f *Future[T]) timeout(delay time.Duration) *Future[T] {
	loop := f.theLoop()
	t := &timeoutStep[T]{outer: Future[T]{loop: loop}, limit: newTimeLimit(delay)}
	t.outer.trackInDebugMode()
	t.outer.setCancelAll(func(fail *Failure) bool {
		if !f.cancelWith(fail) { // it is settled, and the step is about to run
			t.refused.Store(fail)
		}
		return true
	})
	t.timer = loop.CallLater(delay, func() { t.timedOut = f.Cancel() })
	f.append(t)
	return &t.outer
}

// A timeoutStep is the future that AddTimeout returned, and the step that ends
// the time limit.
type timeoutStep[T any] struct {
	outer    Future[T]
	limit    timeLimit
	timer    DelayedCall
	timedOut bool                    // the timer cancelled the future; only the loop uses it
	refused  atomic.Pointer[Failure] // a cancellation that came too late for the future
}

func (t *timeoutStep[T]) take(f *Future[T]) {
	t.timer.Cancel()
	fail := f.failure()
	switch refused := t.refused.Load(); {
	case refused != nil:
		_ = t.outer.trySettle(cancelled, *new(T), refused)
	case t.timedOut && fail != nil:
		_ = t.outer.reject(t.limit.failure(fail)) // only this settles it
	case fail != nil && !f.Cancelled():
		_ = t.outer.reject(fail)
	default:
		_ = t.outer.trySettle(f.state, f.value, fail)
	}
}

func (*timeoutStep[T]) handles() bool { return true }

// compose is [Then], [ThenOf] and [Catch].
func compose[T, U any](f *Future[T], fn composing[T, U]) *Future[U] {
	c := &composition[T, U]{fn: fn}
	c.outer.waitFor(f, f.loop, &c.more)
	f.append(c)
	return &c.outer
}

// A composition is the future that Then, ThenOf or Catch returned, and the
// step that settles it.
type composition[T, U any] struct {
	outer Future[U]
	more  more[U]
	fn    composing[T, U]
}

func (c *composition[T, U]) take(f *Future[T]) {
	fn := c.fn
	c.fn = nil // so that what it refers to can be collected, however long the new future is kept
	if c.outer.IsCalled() {
		return // it was cancelled
	}
	finished := false
	defer func() {
		if !finished {
			c.settle(failed, *new(U), toFailure(ErrGoexit))
		}
	}()
	given := f.failure()
	value, fail, inner := callComposing(fn, f.value, given)
	finished = true
	switch {
	case inner != nil:
		c.follow(inner)
	case fail != nil && fail == given: // a cancellation stays one
		c.settle(f.state, value, fail)
	default:
		c.settle(settledBy(fail), value, fail)
	}
}

func (*composition[T, U]) handles() bool   { return true }
func (c *composition[T, U]) function() any { return c.fn }

// settle settles the new future.
func (c *composition[T, U]) settle(to state, value U, fail *Failure) {
	if c.outer.trySettle(to, value, fail) != nil {
		refused(fail)
	}
}

// follow makes the new future wait for inner.
func (c *composition[T, U]) follow(inner *Future[U]) {
	if inner == &c.outer {
		c.settle(failed, *new(U), toFailure(errWaitsForItself))
		return
	}
	q := c.outer.lock()
	gaveUp := c.outer.state == cancelled
	if c.outer.state == pending {
		c.more.source = inner
	}
	q.Unlock()
	if gaveUp { // cancelled while the function ran
		inner.Cancel()
	}
	inner.append((*innerStep[T, U])(c))
}

// An innerStep is a composition as a step of the future that ThenOf's function
// returned.
type innerStep[T, U any] composition[T, U]

func (s *innerStep[T, U]) take(inner *Future[U]) {
	(*composition[T, U])(s).settle(inner.state, inner.value, inner.failure())
}

func (*innerStep[T, U]) handles() bool { return true }

// gather is [Gather]: asyncio.gather. The future it returns is on the given
// loop, or on that of the first of futures.
func gather[T any](loop *loopRef, futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	members := make([]gatherStep[T], len(futures))
	return gatherAll(loop, futures, consumeErrors, func(g *gathering[T], i int, child *Future[T]) {
		members[i] = gatherStep[T]{g, i}
		child.append(&members[i])
	})
}

// gatherAny is [GatherAny].
func gatherAny(loop *loopRef, futures []AnyFuture, consumeErrors bool) *Future[[]Result[any]] {
	return gatherAll(loop, futures, consumeErrors, func(g *gathering[any], i int, child AnyFuture) {
		child.watch(func(value any, fail *Failure) { g.settled(i, Result[any]{value, fail}) }, consumeErrors)
	})
}

// gatherAll gathers futures. It calls add to add each of them to the
// gathering.
func gatherAll[R any, F AnyFuture](loop *loopRef, futures []F, consumeErrors bool, add func(g *gathering[R], i int, child F)) *Future[[]Result[R]] {
	switch {
	case loop != nil:
	case len(futures) > 0:
		loop = futures[0].theLoop()
	default:
		loop = currentLoop()
	}
	outer := newPending[[]Result[R]](loop)
	g := &gathering[R]{
		outer:   outer,
		results: make([]Result[R], len(futures)),
		consume: consumeErrors,
	}
	g.pending.Store(int64(len(futures)))
	if len(futures) == 0 {
		_ = outer.resolve(g.results)
		return outer
	}
	children := slices.Clone(futures)
	outer.setCancelAll(func(fail *Failure) (any bool) {
		// The cancellation counts as one more pending child, so that the callbacks
		// it schedules find the gathering cancelled. A lock would not do: cancelling
		// calls the children's loops, which may wait for a function that needs it.
		g.pending.Add(1)
		defer g.finishOne()
		for _, child := range children {
			if child.cancelWith(fail) {
				any = true
				g.cancelled.Store(fail)
			}
		}
		return any
	})
	for i, child := range children {
		add(g, i, child)
	}
	return outer
}

// A gathering holds the results that Gather has so far. The future that Gather
// returned refers to it only until that is settled, so whoever keeps the
// results need not keep the futures.
type gathering[T any] struct {
	// The future that Gather returned. It is an interface because the type would
	// never end: Future[T] refers to gathering[T], which would refer to
	// Future[[]Result[T]], and so on.
	outer interface {
		resolve([]Result[T]) error
		reject(*Failure) error
	}
	consume bool

	results   []Result[T]             // each written by the loop of one of the children
	pending   atomic.Int64            // children, and cancellations under way
	cancelled atomic.Pointer[Failure] // the cancellation, if there was one
}

// gatherStep looks at one of the gathered futures.
type gatherStep[T any] struct {
	*gathering[T]
	index int
}

func (s *gatherStep[T]) take(f *Future[T]) {
	s.settled(s.index, Result[T]{f.value, f.failure()})
}

func (*gatherStep[T]) handles() bool { return true }

// settled records the result of one of the futures.
func (g *gathering[T]) settled(index int, result Result[T]) {
	g.results[index] = result
	if !g.consume && result.Failure != nil {
		_ = g.outer.reject(result.Failure) // refused if another failed first
	}
	g.finishOne()
}

// finishOne counts down what is pending. The last call settles the future that
// Gather returned, unless it was settled before.
func (g *gathering[T]) finishOne() {
	if g.pending.Add(-1) > 0 {
		return
	}
	if cancelled := g.cancelled.Load(); cancelled != nil {
		_ = g.outer.reject(cancelled)
		return
	}
	_ = g.outer.resolve(g.results)
}
