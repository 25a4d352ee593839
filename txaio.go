package txaio

import (
	"context"
	"time"
)

// AnyFuture is what every *Future[T] is, whatever its T. Other types are one
// only if they embed one.
type AnyFuture interface {
	// IsCalled reports whether the future has been settled: resolved,
	// rejected or cancelled.
	IsCalled() bool

	// Done returns a channel that is closed when the future is settled.
	Done() <-chan struct{}

	// cancelWith is Cancel with the failure. On the future backend it reports
	// whether the future was pending.
	cancelWith(fail *Failure) bool
	// watch calls fn, once, after the callbacks added so far; on the future
	// backend on the future's loop, on the deferred one inside the call that
	// completes them. A failure that fn is given counts as handled, and is
	// consumed if consume is set: see Gather.
	watch(fn func(value any, fail *Failure), consume bool)
	// after is watch for a function that does not look at the outcome.
	after(fn func())
	// theLoop returns the future's loop, or the current one.
	theLoop() *loopRef
	// isNil reports whether it is a nil *Future[T].
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

// UseDeferred returns nil in a program built with -tags deferred, and
// otherwise an error that names the flag to build with. A program that only
// works on Deferreds calls it at the start. It is use_twisted() of Python's
// txaio, checked instead of chosen.
func UseDeferred() error { return use(UsingDeferred, "deferred") }

// UseFuture returns nil in a program built with -tags future, and otherwise
// an error that names the flag to build with. A program that only works on
// asyncio's futures calls it at the start.
func UseFuture() error { return use(UsingFuture, "future") }

func use(using bool, tag string) error {
	if using {
		return nil
	}
	return usageErrorf("this program needs the %s backend of txaio: build it with -tags %s", tag, tag)
}

// mustHaveBackend panics with [ErrNoBackend] in a build with neither tag. In
// the other builds its condition is a constant, and the call disappears.
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
// whatever would have settled it can be stopped.
//
// On the deferred backend it is called inside Cancel and may settle the future
// itself; if it does not, the future fails with a [*CancelledError]. On the
// future backend it is called on the loop, before the callbacks, when the
// future has already failed with a *CancelledError.
//
// What a canceller starts elsewhere should not settle the future, nor should what
// it queues on the loop: on the deferred backend that may come before the
// *CancelledError, which is then lost. A canceller that does nothing has a use
// too: with one, a Resolve after Cancel is refused on both backends.
func WithCanceller[T any](canceller func(*Future[T])) FutureOption[T] {
	mustHaveBackend()
	return FutureOption[T]{canceller: canceller}
}

// CreateFuture returns a new future of the backend's native type. With no
// options it is pending. It panics with a [*UsageError] if both
// [WithResult] and [WithError] are given, or a nil error.
//
// On the future backend the future belongs to the current loop (see
// [SetLoop]), which runs its callbacks.
func CreateFuture[T any](opts ...FutureOption[T]) *Future[T] {
	if len(opts) == 0 {
		return newPending[T](nil)
	}
	return newFuture(nil, opts)
}

// newFuture is CreateFuture on a given loop, nil for the current one, as in the
// functions below.
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

// AsFuture calls fn at once and returns a future with what it returned: a
// value, or a failure if it returned an error or panicked. Use it to call
// code that is not yours and treat what comes of it in one way.
//
// It is Twisted's maybeDeferred for a function that answers at once;
// [AsFutureOf] is for one that may answer later.
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

// AsFutureOf calls fn at once and returns the very future that fn returned.
// If fn returned an error or panicked it is a failed future; likewise,
// with a [*UsageError], if fn returned neither a future nor an error.
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
// cancelled. On the deferred backend that says nothing about its callbacks,
// which may still be waiting for another Deferred.
func IsCalled(f AnyFuture) bool {
	mustBeFuture(f)
	return f.IsCalled()
}

// Resolve settles f with value. It returns [ErrAlreadyCalled] if f is
// settled already; on the deferred backend the first Resolve or Reject after a
// Cancel is swallowed instead, if f had no canceller.
//
// On the deferred backend the callbacks run before Resolve returns, on the
// future backend they are scheduled on the future's loop.
func Resolve[T any](f *Future[T], value T) error {
	return f.resolve(value)
}

// Reject settles f as failed with err. A [*Failure] keeps its traceback; for
// any other error it is the stack of this call. It returns what [Resolve]
// returns, and panics with a [*UsageError] if err is nil.
//
// To fail many futures for one reason, make one Failure with [CreateFailure]
// and give them that: capturing a stack is most of what Reject costs.
func Reject[T any](f *Future[T], err error) error {
	mustHaveBackend()
	return f.reject(toFailure(err))
}

// RejectOnPanic rejects f if the function that defers it panics,
// and ends the panic:
//
//	go func() {
//		defer txaio.RejectOnPanic(f)
//		txaio.Resolve(f, compute())
//	}()
//
// The failure's Value is a [*PanicError] and its traceback the panic's. If
// f is settled already, so that nobody would see the panic, it is reported in
// the log. It is Go's counterpart of calling reject() in an except clause.
func RejectOnPanic[T any](f *Future[T]) {
	mustBeFuture(f)
	if value := recover(); value != nil {
		fail := panicFailure(value)
		if f.reject(fail) != nil {
			refused(fail)
		}
	}
}

// Cancel gives up on f. Nothing happens if it is settled already. The
// optional message becomes the [*CancelledError]'s on the future backend; the
// deferred one ignores it, as Twisted has none.
//
// The backends differ in who runs when: see [WithCanceller]. On the deferred
// backend, cancelling a Deferred that waits for another one (see
// Deferred.Chain) cancels that one.
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

// firstOf returns the optional argument.
func firstOf(message []string) string {
	if len(message) == 0 {
		return ""
	}
	return message[0]
}

// AddCallbacks registers what runs when f succeeds and when it fails. Either
// may be nil; it panics with a [*UsageError] if both are. Call it again to
// add more: they run in the order in which they were added, also those added
// when f is settled already.
//
// Portable code returns what it was given: `return v, nil` from a callback
// and `return zero, fail` from an errback. A panic counts as a returned
// [*PanicError]. Beyond that the backends differ:
//
//   - deferred: what a callback returns is what the next one gets. An error
//     it returns is the next pair's failure, not the errback's of its own
//     pair. An errback that returns a nil error turns the failure into a
//     success. This is Twisted's Deferred.addCallbacks.
//   - future: values that callbacks return are ignored. An error from a
//     callback goes to the errback of its own pair, which is txaio's rule,
//     and with no errback is reported in the log; a new error from an errback
//     goes to the loop's exception handler. Each pair is scheduled on the
//     loop by itself, as asyncio's Future.add_done_callback does.
func AddCallbacks[T any](f *Future[T], callback func(T) (T, error), errback func(*Failure) (T, error)) {
	if callback == nil && errback == nil {
		mustHaveBackend()
		panic(usageErrorf("AddCallbacks needs a callback or an errback, and was given neither"))
	}
	f.add(callback, errback)
}

// Watch calls onValue or onFailure with what becomes of f, and passes it on: it
// is AddCallbacks for code that only looks, and that cannot forget to return
// what it was given. Either may be nil; it panics with a [*UsageError] if both
// are. A failure that onFailure gets counts as handled.
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

// A Result is what became of one of the futures given to [Gather]: its
// Failure if it failed, else its Value.
type Result[T any] struct {
	Value   T
	Failure *Failure
}

// Gather returns a future that succeeds with the results of futures, in their
// order. With none it has already succeeded, with an empty list.
//
// With consumeErrors it waits for all, and a failed one is a [Result] with a
// Failure. Without, it fails: on the deferred backend when all are settled,
// with the first failure in the list's order; on the future backend as soon
// as one has failed, with that one. Consuming also means, on the deferred
// backend, that callbacks added to a failed Deferred after this call get the
// zero value.
//
// Cancelling the returned future cancels those of futures that are pending.
// On the deferred backend that is all; on the future backend it then fails
// with a [*CancelledError].
//
// The semantics are those of Twisted's DeferredList and of asyncio.gather.
func Gather[T any](futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	return gatherOn(nil, futures, consumeErrors)
}

func gatherOn[T any](loop *loopRef, futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	for _, f := range futures {
		mustBeFuture(f)
	}
	return gather(loop, futures, consumeErrors)
}

// GatherAny is [Gather] for futures of different types: the values are in the
// results as they are. The Value of a failed one is nil.
func GatherAny(futures []AnyFuture, consumeErrors bool) *Future[[]Result[any]] {
	mustHaveBackend()
	for _, f := range futures {
		mustBeFuture(f)
	}
	return gatherAny(nil, futures, consumeErrors)
}

// Await blocks this goroutine until f is settled and the callbacks added to it
// so far have run (on the future backend their outcome cannot matter, and it
// does not wait for them). It returns the value, or the failure as a
// [*Failure], which counts as handled. If ctx ends first it returns ctx's
// error, and f stays as it is.
//
// Called where blocking would stop a loop, it returns [ErrAwaitOnLoop]: on a
// goroutine that is running a [Loop], any Loop, or the current loop (on the future
// backend: f's loop) if that is another library's and tells, with f pending or, on
// the deferred backend, settled but waiting for another Deferred, for Unpause or
// for a callback that is running. If the outcome is there already, Await never
// gives that error.
func Await[T any](ctx context.Context, f *Future[T]) (T, error) {
	return f.await(ctx)
}

// Sleep returns a future that succeeds after delay on the current loop; a
// negative delay counts as 0. Cancelling it also cancels its timer.
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

// TimeNs returns the time as nanoseconds since the Unix epoch (UTC), from the
// system's clock. It may jump when that clock is set; to measure how long
// something takes, use [PerfCounterNs].
func TimeNs() int64 {
	mustHaveBackend()
	return time.Now().UnixNano()
}

// PerfCounterNs returns the nanoseconds since an arbitrary moment in the past,
// the same one for the life of the process. It never goes back. In a bubble of
// testing/synctest it is the bubble's clock, which has a beginning of its own:
// only what was read in one bubble can be compared.
func PerfCounterNs() int64 {
	mustHaveBackend()
	return int64(monotonic())
}

// monotonic returns the time since the program began, whatever a loop's clock
// says.
func monotonic() time.Duration { return time.Since(processStart) }

var processStart = time.Now()
