package txaio

import (
	"context"
	"time"
)

// AnyFuture is implemented by every *Future[T], whatever its T, and by no
// other type (except by embedding one).
type AnyFuture interface {
	// IsCalled reports whether the future has been settled: resolved,
	// rejected or cancelled.
	IsCalled() bool

	// Done returns a channel that is closed when the future is settled.
	Done() <-chan struct{}

	// cancelWith is Cancel with the failure. On the future backend it reports
	// whether the future was pending.
	cancelWith(fail *Failure) bool
	// watch calls fn once, after the callbacks added so far: on the future
	// backend on the future's loop, on the deferred backend inside the call
	// that completes those callbacks. A failure that fn is given counts as
	// handled. With consume, it becomes the zero value for later callbacks:
	// see Gather.
	watch(fn func(value any, fail *Failure), consume bool)
	// after is watch for a function that ignores the outcome.
	after(fn func())
	// theLoop returns the future's loop on the future backend, and the current
	// loop on the deferred one.
	theLoop() *loopRef
	// isNil reports whether the receiver is a nil *Future[T].
	isNil() bool
}

var errNilFuture error = usageErrorf("a future was expected, and it is nil")

// mustBeFuture panics if f is nil, or a nil *Future[T].
func mustBeFuture(f AnyFuture) {
	mustHaveBackend()
	if f == nil || f.isNil() {
		panic(errNilFuture)
	}
}

// UseDeferred returns nil in a program built with -tags deferred. Otherwise it
// returns an error that names the flag to build with. Call it at the start of
// a program that only works with Deferreds. It corresponds to use_twisted() in
// Python's txaio, but checks the choice instead of making it.
func UseDeferred() error { return use(UsingDeferred, "deferred") }

// UseFuture returns nil in a program built with -tags future. Otherwise it
// returns an error that names the flag to build with. Call it at the start of
// a program that only works with asyncio's semantics. It corresponds to
// use_asyncio() in Python's txaio, but checks the choice instead of making it.
func UseFuture() error { return use(UsingFuture, "future") }

func use(using bool, tag string) error {
	if using {
		return nil
	}
	return usageErrorf("this program needs the %s backend of txaio: build it with -tags %s", tag, tag)
}

// mustHaveBackend panics with [ErrNoBackend] in a build with neither tag. In
// the other builds its condition is a constant, and the compiler removes the
// call.
func mustHaveBackend() {
	if !UsingDeferred && !UsingFuture {
		panic(ErrNoBackend)
	}
}

// A FutureOption is an option of [CreateFuture]: [WithResult], [WithError] or
// [WithCanceller].
type FutureOption[T any] struct {
	hasResult bool
	result    T
	hasError  bool
	err       error
	canceller func(*Future[T])
}

// WithResult makes [CreateFuture] return a future that has already succeeded
// with value.
func WithResult[T any](value T) FutureOption[T] {
	mustHaveBackend()
	return FutureOption[T]{hasResult: true, result: value}
}

// WithError makes [CreateFuture] return a future that has already failed with
// err, which may be a [*Failure].
func WithError[T any](err error) FutureOption[T] {
	mustHaveBackend()
	return FutureOption[T]{hasError: true, err: err}
}

// WithCanceller sets the function that [Cancel] calls with the future, so that
// it can stop the work that would have settled the future.
//
// On the deferred backend, Cancel calls it directly, and it may settle the
// future itself; if it does not, the future fails with a [*CancelledError]. On
// the future backend, the loop calls it before the callbacks, after the future
// has failed with a *CancelledError.
//
// A portable canceller only stops the work. It does not settle the future, and
// neither does anything that it starts or queues: on the deferred backend that
// could happen before the *CancelledError, which would then be lost.
//
// Give every future that can be cancelled a canceller, even one that does
// nothing. Without one, the deferred backend accepts and ignores the first
// [Resolve] after a Cancel; with one, both backends return [ErrAlreadyCalled].
func WithCanceller[T any](canceller func(*Future[T])) FutureOption[T] {
	mustHaveBackend()
	return FutureOption[T]{canceller: canceller}
}

// CreateFuture returns a new future, pending unless an option settles it. It
// panics with a [*UsageError] if it is given both [WithResult] and
// [WithError], or WithError with a nil error.
//
// On the future backend the future belongs to the current loop (see
// [SetLoop]), which runs its callbacks.
func CreateFuture[T any](opts ...FutureOption[T]) *Future[T] {
	if len(opts) == 0 {
		return newPending[T](nil)
	}
	return newFuture(nil, opts)
}

// newFuture is CreateFuture on a given loop. Here and in the functions below,
// a nil loop is the current one.
func newFuture[T any](loop *loopRef, opts []FutureOption[T]) *Future[T] {
	f := newPending[T](loop)
	var set FutureOption[T]
	for _, opt := range opts {
		switch {
		case opt.hasResult:
			set.hasResult, set.result = true, opt.result
		case opt.hasError:
			set.hasError, set.err = true, opt.err
		case opt.canceller != nil:
			set.canceller = opt.canceller
		}
	}
	switch {
	case set.hasResult && set.hasError:
		panic(usageErrorf("CreateFuture was given both WithResult and WithError: a future has one or the other"))
	case set.hasResult:
		_ = f.resolve(set.result) // a new future is pending
	case set.hasError:
		_ = f.reject(toFailure(set.err))
	case set.canceller != nil:
		f.setCanceller(set.canceller)
	}
	return f
}

// CreateFutureSuccess returns a future that has already succeeded with value.
func CreateFutureSuccess[T any](value T) *Future[T] {
	return newSuccess(nil, value)
}

func newSuccess[T any](loop *loopRef, value T) *Future[T] {
	f := newPending[T](loop)
	_ = f.resolve(value) // a new future is pending
	return f
}

// CreateFutureError returns a future that has already failed with err, which
// may be a [*Failure]. It panics with a [*UsageError] if err is nil.
func CreateFutureError[T any](err error) *Future[T] {
	return newFailed[T](nil, err)
}

func newFailed[T any](loop *loopRef, err error) *Future[T] {
	f := newPending[T](loop)
	_ = f.reject(toFailure(err)) // a new future is pending
	return f
}

// AsFuture calls fn at once, on the caller's goroutine, and returns a future
// of its result: the value, or a failure if fn returned an error or panicked.
// Use it to treat a function that answers at once like one that answers later.
// To run fn in the background, use [Go].
//
// It is Twisted's maybeDeferred for a function that does not return a future;
// [AsFutureOf] is for one that does.
func AsFuture[T any](fn func() (T, error)) *Future[T] {
	return asFuture(nil, fn)
}

func asFuture[T any](loop *loopRef, fn func() (T, error)) *Future[T] {
	mustHaveBackend() // before fn does something
	value, fail := protect(fn)
	if fail != nil {
		return newFailed[T](loop, fail)
	}
	return newSuccess(loop, value)
}

// AsFutureOf calls fn at once, on the caller's goroutine, and returns the
// future that fn returned. If fn returned an error or panicked, AsFutureOf
// returns a failed future instead. If fn returned neither a future nor an
// error, the failure is a [*UsageError].
func AsFutureOf[T any](fn func() (*Future[T], error)) *Future[T] {
	return asFutureOf(nil, fn)
}

func asFutureOf[T any](loop *loopRef, fn func() (*Future[T], error)) *Future[T] {
	mustHaveBackend() // before fn does something
	f, fail := protect(fn)
	switch {
	case fail != nil:
		return newFailed[T](loop, fail)
	case f == nil:
		return newFailed[T](loop, usageErrorf("the function called by AsFutureOf returned neither a future nor an error"))
	}
	return f
}

// IsFuture reports whether v is a *Future[T] for some T.
func IsFuture(v any) bool {
	mustHaveBackend()
	_, ok := v.(AnyFuture)
	return ok
}

// IsCalled reports whether f has been settled: resolved, rejected or
// cancelled. On the deferred backend the callbacks of a settled future may
// still be waiting for another Deferred.
func IsCalled(f AnyFuture) bool {
	mustBeFuture(f)
	return f.IsCalled()
}

// Resolve settles f with value. It returns an error that wraps
// [ErrAlreadyCalled] (use errors.Is) if f is settled already. On the deferred
// backend, if f has no canceller, the first Resolve or Reject after a [Cancel]
// does nothing and returns nil.
//
// On the deferred backend the callbacks run before Resolve returns. On the
// future backend Resolve schedules them on the future's loop.
func Resolve[T any](f *Future[T], value T) error {
	return f.resolve(value)
}

// Reject settles f as failed with err. A [*Failure] keeps its traceback; any
// other error gets the stack of this call. Reject returns what [Resolve]
// returns, and panics with a [*UsageError] if err is nil.
//
// Most of Reject's cost is capturing the stack. To fail many futures for one
// reason, make one Failure with [CreateFailure] and pass it to each Reject.
func Reject[T any](f *Future[T], err error) error {
	mustHaveBackend()
	return f.reject(toFailure(err))
}

// RejectOnPanic rejects f if the function that defers it panics, and ends the
// panic:
//
//	go func() {
//		defer txaio.RejectOnPanic(f)
//		txaio.Resolve(f, compute())
//	}()
//
// The failure's Value is a [*PanicError], and its traceback is the panic's. If
// f is settled already, the panic is reported in the log. RejectOnPanic is
// Go's counterpart of calling txaio.reject() in an except clause. [Go] does
// all of this for a function that runs on a goroutine of its own.
func RejectOnPanic[T any](f *Future[T]) {
	mustBeFuture(f)
	if value := recover(); value != nil {
		fail := panicFailure(value)
		if f.reject(fail) != nil {
			refused(fail)
		}
	}
}

// Cancel cancels f, which fails with a [*CancelledError]. It does nothing if f
// is settled already. On the future backend the optional message becomes the
// CancelledError's Message; the deferred backend ignores it, as Twisted has
// none.
//
// [WithCanceller] describes when cancellers run, and how the backends differ.
// On the deferred backend, cancelling a Deferred that waits for another one
// (see Deferred.Chain) cancels the other one.
func Cancel(f AnyFuture, message ...string) {
	mustBeFuture(f)
	cancel(f, CancelledError{Message: firstOf(message)})
}

func cancel(f AnyFuture, err CancelledError) {
	if UsingFuture && f.IsCalled() {
		return // the failure is not needed
	}
	reason := err
	if UsingDeferred {
		reason.Message = "" // Twisted has none
	}
	f.cancelWith(toFailure(&reason))
}

// firstOf returns the optional message, or "".
func firstOf(message []string) string {
	if len(message) == 0 {
		return ""
	}
	return message[0]
}

// AddCallbacks registers a callback for f's value and an errback for its
// failure. Either may be nil; if both are, it panics with a [*UsageError].
// Pairs run in the order in which they were added, whether they were added
// before or after f was settled.
//
// Portable code passes its argument on: a callback returns v, nil and an
// errback returns the zero value and fail. A panic counts as a returned
// [*PanicError]. Apart from that, the backends differ:
//
//   - deferred: the next pair gets what a callback or errback returns. An
//     error from a callback goes to the next pair, not to the errback of
//     its own pair. An errback that returns a nil error turns the failure
//     into a success. This is Twisted's Deferred.addCallbacks.
//   - future: returned values are ignored. An error from a callback goes
//     to the errback of its own pair (txaio's rule); if there is none, it
//     is reported in the log. A new error from an errback goes to the
//     loop's exception handler. Each pair is scheduled on the loop by
//     itself, as with asyncio's Future.add_done_callback.
//
// For code that only looks at the outcome, [Watch] is shorter. To compute a
// new value from f's, use [Then].
func AddCallbacks[T any](f *Future[T], callback func(T) (T, error), errback func(*Failure) (T, error)) {
	if callback == nil && errback == nil {
		mustHaveBackend()
		panic(usageErrorf("AddCallbacks needs a callback or an errback, and was given neither"))
	}
	f.add(callback, errback)
}

// Watch calls onValue with f's value, or onFailure with its failure, and
// passes the outcome on unchanged. It is [AddCallbacks] for code that only
// looks at the outcome: there is nothing to return, and so nothing to forget.
// Either function may be nil; if both are, Watch panics with a [*UsageError].
// A failure that onFailure is given counts as handled.
func Watch[T any](f *Future[T], onValue func(T), onFailure func(*Failure)) {
	if onValue == nil && onFailure == nil {
		mustHaveBackend()
		panic(usageErrorf("Watch needs a function for the value or one for the failure, and was given neither"))
	}
	var (
		callback func(T) (T, error)
		errback  func(*Failure) (T, error)
	)
	if onValue != nil {
		callback = func(value T) (T, error) {
			onValue(value)
			return value, nil
		}
	}
	if onFailure != nil {
		errback = func(fail *Failure) (T, error) {
			onFailure(fail)
			return *new(T), fail
		}
	}
	f.add(callback, errback)
}

// A Result is the outcome of one of the futures given to [Gather]: Failure if
// it failed, otherwise Value.
type Result[T any] struct {
	Value   T
	Failure *Failure
}

// Gather returns a future of the results of futures, in the same order. If
// there are none, it has already succeeded with an empty list.
//
// With consumeErrors, Gather waits for all of them, and each failure is in its
// [Result]. On the deferred backend, callbacks that are added to a failed
// Deferred after this call then get the zero value.
//
// Without consumeErrors, the returned future fails if one of them does: on the
// deferred backend once all are settled, with the first failure in the list's
// order; on the future backend as soon as one fails.
//
// Cancelling the returned future cancels the futures that are still pending.
// On the deferred backend, nothing else happens: it settles when they have. On
// the future backend it then fails with a [*CancelledError].
//
// The semantics are those of Twisted's DeferredList and of asyncio.gather. A
// nil future is a [*UsageError] panic.
func Gather[T any](futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	return gatherOn(nil, futures, consumeErrors)
}

func gatherOn[T any](loop *loopRef, futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	for _, f := range futures {
		mustBeFuture(f)
	}
	return gather(loop, futures, consumeErrors)
}

// GatherAny is [Gather] for futures of different types. The Value of a failed
// future is nil.
func GatherAny(futures []AnyFuture, consumeErrors bool) *Future[[]Result[any]] {
	mustHaveBackend()
	for _, f := range futures {
		mustBeFuture(f)
	}
	return gatherAny(nil, futures, consumeErrors)
}

// Await blocks this goroutine until f is settled and, on the deferred backend,
// the callbacks added to it so far have run. It returns the value, or the
// failure as a [*Failure], which then counts as handled. If ctx ends first,
// Await returns ctx's error and leaves f as it is.
//
// Await returns [ErrAwaitOnLoop] if it would block a loop: if it would have to
// wait, and this goroutine is running a function of a [Loop], or of another
// library's loop that can tell (see [EventLoop]). If the outcome is known
// already, Await never returns that error.
func Await[T any](ctx context.Context, f *Future[T]) (T, error) {
	return f.await(ctx)
}

// Sleep returns a future that succeeds after delay, on the current loop. A
// negative delay counts as 0. Cancelling the future also cancels its timer.
func Sleep(delay time.Duration) *Future[struct{}] {
	return sleep(currentLoop(), delay)
}

func sleep(loop *loopRef, delay time.Duration) *Future[struct{}] {
	f := newPending[struct{}](loop)
	timer := loop.CallLater(delay, func() {
		_ = f.resolve(struct{}{}) // cancelled at this very moment: nothing to do
	})
	f.setCanceller(func(*Future[struct{}]) { timer.Cancel() })
	return f
}

// TimeNs returns the system clock's time in nanoseconds since the Unix epoch
// (UTC). It can jump when the clock is set. To measure durations, use
// [PerfCounterNs].
func TimeNs() int64 {
	mustHaveBackend()
	return time.Now().UnixNano()
}

// PerfCounterNs returns a monotonic clock's time in nanoseconds since an
// arbitrary point, which is the same for the life of the process. It never
// goes back. Inside a testing/synctest bubble it is the bubble's clock:
// compare it only with other times from the same bubble.
func PerfCounterNs() int64 {
	mustHaveBackend()
	return int64(monotonic())
}

// monotonic returns the time since the program began, independent of any
// loop's clock.
func monotonic() time.Duration { return time.Since(processStart) }

var processStart = time.Now()
