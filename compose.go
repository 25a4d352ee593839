package txaio

import "context"

// Then returns a future of what fn makes of f's value. A failure of f goes past
// fn to the new future.
//
// Then, [ThenOf] and [Catch] mean the same on both backends:
//
//   - fn gets what f's callbacks added so far have made of it, and runs where
//     f's callbacks run. f's own outcome stays as it is for the callbacks added
//     to it later, which run before those of the new future.
//   - What fn returns is the new future's; an error, a panic (a [*PanicError]) or
//     runtime.Goexit ([ErrGoexit]) is its failure. f's failure counts as handled,
//     and from then on it is the new future's.
//   - Cancelling the new future cancels what it waits for, too. fn is not called
//     any more, and the new future fails with a [*CancelledError] at once, whatever
//     becomes of f.
//   - On the future backend the new future is on f's loop.
//
// It panics with a [*UsageError] if f or fn is nil.
func Then[T, U any](f *Future[T], fn func(T) (U, error)) *Future[U] {
	mustCompose(f, fn == nil, "Then")
	return compose(f, thenFunc[T, U](fn))
}

// ThenOf is [Then] for a function that returns a future: the new future gets the
// outcome of that one, which is only looked at, as by [Watch]. Until then the new
// future waits for it, and cancelling the new future cancels it. A nil future with
// a nil error is a failure, a [*UsageError].
//
// It takes no stack, however many such futures wait for one another.
func ThenOf[T, U any](f *Future[T], fn func(T) (*Future[U], error)) *Future[U] {
	mustCompose(f, fn == nil, "ThenOf")
	return compose(f, thenOfFunc[T, U](fn))
}

// Catch returns a future of what fn makes of f's failure. A value of f goes past
// fn to the new future. Return fn's argument for a failure that it does not
// know. The rules are those of [Then].
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

// composing is the function given to Then, ThenOf or Catch. It makes a result of
// a future's, or another future whose result that will be.
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

// Go calls fn on a goroutine of its own and returns a future of what it returns.
// The future is settled on the loop that is current when Go is called, so that
// its callbacks run on that loop on both backends.
//
// A panic is a failure with its stack, runtime.Goexit is [ErrGoexit]. Cancelling
// the future ends fn's context, whose cause is the [*CancelledError]; what fn returns
// after that is dropped, and a panic is reported in the log. The context also ends
// when fn has returned.
//
// It is Twisted's deferToThread and asyncio's to_thread.
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

// A goroutine is a call of Go: the future, its source, and the task that settles
// it.
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

// call is what the goroutine runs.
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

// A source is what a future waits for. Cancelling the future settles it, and
// then goes on to its source, and so on: in a loop, as the chain may be long.
type source interface {
	// cancelOne does Cancel's work on it, and returns its own source, if that
	// is to be cancelled next.
	cancelOne(fail *Failure) source
}

// refused is told of a failure that came when the future was settled. A panic is
// reported all the same.
func refused(fail *Failure) {
	if fail == nil {
		return
	}
	if _, panicked := fail.err.(*PanicError); panicked {
		reportUnhandled("Panic after the future was settled", fail)
	}
}
