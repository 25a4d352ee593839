package txaio

import "context"

// Then returns a future of what fn makes of f's value. If f fails, fn is not
// called, and the new future fails with f's failure.
//
// Then, [ThenOf] and [Catch] mean the same on both backends:
//
//   - fn gets the outcome of f's callbacks added so far, and runs where
//     f's callbacks run. What fn returns does not affect f: callbacks that
//     are added to f later get f's own outcome, and they run before those
//     of the new future.
//   - The new future gets what fn returns. If fn returns an error, panics
//     (a [*PanicError]) or calls runtime.Goexit ([ErrGoexit]), the new
//     future fails. f's failure counts as handled: from then on it is the
//     new future's.
//   - Cancelling the new future also cancels the future it waits for. The
//     new future fails with a [*CancelledError] at once, whatever becomes
//     of f, and fn is not called any more.
//   - On the future backend the new future belongs to f's loop.
//
// It panics with a [*UsageError] if f or fn is nil.
func Then[T, U any](f *Future[T], fn func(T) (U, error)) *Future[U] {
	mustCompose(f, fn == nil, "Then")
	return compose(f, thenFunc[T, U](fn))
}

// ThenOf is [Then] for a function that returns a future. The new future gets
// the outcome of that future, which is left as it is, as with [Watch].
// Cancelling the new future cancels the future that fn returned. If fn returns
// a nil future and a nil error, the new future fails with a [*UsageError].
//
// Chains of such futures use no stack, however long they are.
func ThenOf[T, U any](f *Future[T], fn func(T) (*Future[U], error)) *Future[U] {
	mustCompose(f, fn == nil, "ThenOf")
	return compose(f, thenOfFunc[T, U](fn))
}

// Catch returns a future of what fn makes of f's failure. If f succeeds, fn is
// not called, and the new future gets f's value. fn should return the failures
// that it cannot handle. The rules are those of [Then].
func Catch[T any](f *Future[T], fn func(*Failure) (T, error)) *Future[T] {
	mustCompose(f, fn == nil, "Catch")
	return compose(f, catchFunc[T](fn))
}

func mustCompose(f AnyFuture, isNil bool, name string) {
	mustBeFuture(f)
	if isNil {
		panic(usageErrorf("%s needs a function, and was given nil", name))
	}
}

// composing is the function given to Then, ThenOf or Catch. It turns a
// future's outcome into another one, or into another future that will have it.
type composing[T, U any] interface {
	call(value T, fail *Failure) (result U, failed *Failure, inner *Future[U])
}

type thenFunc[T, U any] func(T) (U, error)

func (fn thenFunc[T, U]) call(value T, fail *Failure) (result U, failed *Failure, inner *Future[U]) {
	if fail == nil {
		result, fail = outcome(fn(value))
	}
	return result, fail, nil
}

type thenOfFunc[T, U any] func(T) (*Future[U], error)

func (fn thenOfFunc[T, U]) call(value T, fail *Failure) (result U, failed *Failure, inner *Future[U]) {
	if fail == nil {
		inner, fail = outcome(fn(value))
		if fail == nil && inner == nil {
			fail = toFailure(errNoInner)
		}
	}
	return result, fail, inner
}

var errNoInner error = usageErrorf("the function called by ThenOf returned neither a future nor an error")

type catchFunc[T any] func(*Failure) (T, error)

func (fn catchFunc[T]) call(value T, fail *Failure) (result T, failed *Failure, inner *Future[T]) {
	if fail != nil {
		value, fail = outcome(fn(fail))
	}
	return value, fail, nil
}

// Go calls fn on a goroutine of its own and returns a future of its result.
// The future is settled on the loop that is current when Go is called, so its
// callbacks run on that loop on both backends.
//
// If fn panics, the failure has the panic's stack; if it calls runtime.Goexit,
// the failure is [ErrGoexit]. Cancelling the future ends fn's context, whose
// cause is the [*CancelledError]. What fn returns after that is dropped; if it
// panics then, the panic is reported in the log. The context also ends when fn
// returns.
//
// Go panics with a [*UsageError] if fn is nil. It is Twisted's deferToThread
// and asyncio's to_thread.
func Go[T any](fn func(ctx context.Context) (T, error)) *Future[T] {
	mustHaveBackend()
	return goOn(currentLoop(), fn)
}

func goOn[T any](loop *loopRef, fn func(ctx context.Context) (T, error)) *Future[T] {
	if fn == nil {
		panic(usageErrorf("Go needs a function, and was given nil"))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	g := &goroutine[T]{loop: loop, fn: fn, ctx: ctx, cancel: cancel}
	g.outer.waitFor(g, loop, &g.more)
	go g.call()
	return &g.outer
}

// A goroutine is a call of Go: the future, what it waits for, and the task
// that settles it.
type goroutine[T any] struct {
	outer  Future[T]
	more   more[T]
	loop   *loopRef
	fn     func(context.Context) (T, error)
	ctx    context.Context
	cancel context.CancelCauseFunc

	value T
	fail  *Failure
}

// call runs on the goroutine.
func (g *goroutine[T]) call() {
	finished := false
	defer func() {
		if !finished {
			g.value, g.fail = *new(T), toFailure(ErrGoexit)
		}
		g.cancel(nil)
		g.loop.queue.Push(g)
	}()
	g.value, g.fail = protect(func() (T, error) { return g.fn(g.ctx) })
	finished = true
}

// run implements task.
func (g *goroutine[T]) run() {
	if g.fail == nil {
		_ = g.outer.resolve(g.value) // refused if it was cancelled
	} else if g.outer.reject(g.fail) != nil {
		refused(g.fail)
	}
}

func (g *goroutine[T]) name() string { return funcName(g.fn) }

// cancelOne implements source.
func (g *goroutine[T]) cancelOne(fail *Failure) source {
	g.cancel(fail.err)
	return nil
}

// A source is what a future waits for. Cancel settles the future, then cancels
// its source, then the source's source, and so on. It does so in a loop, not
// by recursion, because the chain may be long.
type source interface {
	// cancelOne cancels this one source. It returns the source's own source if
	// that is to be cancelled next.
	cancelOne(fail *Failure) source
}

// refused handles a failure that came after the future was settled. It is
// dropped, but a panic is reported.
func refused(fail *Failure) {
	if fail == nil {
		return
	}
	if _, panicked := fail.err.(*PanicError); panicked {
		reportUnhandled("Panic after the future was settled", fail)
	}
}
