package txaio

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/txaio-go/txaio/internal/queue"
)

// A DelayedCall is a function that is scheduled to run.
type DelayedCall interface {
	// Cancel keeps the function from running. It returns true if this call did
	// that, and false if there was nothing to do: the function has run, is
	// running, or was cancelled before, or it belongs to a batched timer's
	// bucket that has begun. Cancel may be called any number of times, from
	// any goroutine.
	Cancel() bool
}

// A DelayedCaller runs functions later: an [EventLoop] or a [BatchedTimer].
type DelayedCaller interface {
	// CallLater runs fn after delay; a negative delay counts as 0.
	CallLater(delay time.Duration, fn func()) DelayedCall
}

// An EventLoop runs functions one at a time: a [Loop], or an adapter to
// another library's event loop. Twisted calls it reactor. Its methods may be
// called from any goroutine, including the loop's own.
//
// The package relies on these rules. Event loops differ in them, so an adapter
// may have to make up for some:
//
//   - Timers run in the order of their times, and timers for the same time
//     in the order in which they were made. A timer with a delay of 0 runs
//     after what is queued already, and never inside CallLater.
//   - DelayedCall.Cancel knows at once, on any goroutine, whether the
//     function will still run, even if it is due already.
//   - CallSoon and CallLater do not block, and CallSoon does not panic: it
//     is called by whatever settles a future, perhaps on a goroutine where
//     nobody recovers.
//   - A loop that was stopped still runs the functions that it has and
//     gets, on any goroutine. A function that it drops may be the one that
//     settles a future.
//   - Panics never reach the loop, because the package recovers them.
//     runtime.Goexit does end the goroutine that runs the function. The
//     loop must then run the rest on another one.
//
// An adapter may also have a method InLoop() bool that reports whether this
// goroutine is the loop's, for [ErrAwaitOnLoop]. Without it, the package only
// knows about the functions that it gives to the loop. An adapter may have a
// method HandleFailure(*Failure), its exception handler, which the package
// calls on the loop's goroutine with failures that have nowhere else to go.
// Without it, they are logged as errors.
type EventLoop interface {
	DelayedCaller

	// CallSoon queues fn to run after what is queued already. It must return
	// before fn runs.
	CallSoon(fn func())

	// Now returns the time of the clock by which the loop runs its timers.
	Now() time.Time
}

// A task is an entry of a loop's queue.
type task interface{ run() }

// funcTask is a function as a task. A function value is one pointer, so the
// conversion does not allocate.
type funcTask func()

func (fn funcTask) run() { fn() }

// engine is what the package needs of a loop beyond [EventLoop].
type engine interface {
	// HandleFailure hands a failure to the loop's exception handler.
	HandleFailure(fail *Failure)
	// InLoop reports whether the running goroutine is running the loop, or any
	// Loop.
	InLoop() bool
	// unixNano returns the loop's time in nanoseconds since the Unix epoch.
	unixNano() int64
}

// A loopRef is an EventLoop as futures refer to it: one word, which leads to
// everything the package needs of the loop.
type loopRef struct {
	EventLoop // a Loop, or an adapter to another type
	engine
	queue *queue.Queue[task] // CallSoon without a closure for each call; and the lock of the loop's futures
}

func newLoopRef(loop EventLoop) *loopRef {
	switch loop := loop.(type) {
	case *Loop:
		loop.mustBeMade()
		return &loopRef{loop, loop, &loop.queue}
	case interface{ native() *Loop }:
		own := loop.native()
		return &loopRef{loop.(EventLoop), own, &own.queue}
	}
	_, recovers := loop.(engine)
	a := &adapter{EventLoop: loop, recovers: recovers}
	a.queue.Take(nil, a.flush)
	return &loopRef{a, a, &a.queue}
}

// underlying returns the EventLoop that the loopRef was made for.
func (r *loopRef) underlying() EventLoop {
	if a, is := r.EventLoop.(*adapter); is {
		return a.EventLoop
	}
	return r.EventLoop
}

// An adapter adds what the package needs to another library's EventLoop. It
// recovers panics of the functions that run on the loop, because the loop may
// not survive them.
type adapter struct {
	EventLoop
	queue    queue.Queue[task]
	left     []task // taken from the queue, for flush to hand over
	recovers bool   // it embeds a Loop, which recovers
}

func (a *adapter) CallSoon(fn func()) {
	if fn == nil {
		panic(usageErrorf("CallSoon needs a function, and was given nil"))
	}
	a.queue.Push(funcTask(fn)) // after the tasks that flush is passing on
}

func (a *adapter) CallLater(delay time.Duration, fn func()) DelayedCall {
	if fn == nil {
		panic(usageErrorf("CallLater needs a function, and was given nil"))
	}
	return a.EventLoop.CallLater(delay, a.recovering(fn))
}

// flush passes the queued tasks to the loop with one call of CallSoon each.
// Whoever pushes calls it, with no lock held; others that push in the meantime
// leave their tasks to that call. If the loop panics, flush passes on the
// remaining tasks before it panics too. If the loop calls runtime.Goexit,
// flush passes them on while the goroutine ends.
func (a *adapter) flush() {
	finished := false
	defer func() {
		if !finished {
			a.flush()
		}
	}()
	var panicked *Failure
	for {
		if len(a.left) == 0 {
			a.left = nil // and the tasks that have been passed on are free
			taken := a.queue.Take(nil, a.flush)
			if len(taken) == 0 {
				break // a.left now belongs to the next call of flush, perhaps on another goroutine
			}
			a.left = taken
		}
		t := a.left[0]
		a.left = a.left[1:]
		_, fail := protect(func() (struct{}, error) {
			a.EventLoop.CallSoon(a.recovering(t.run))
			return struct{}{}, nil
		})
		if panicked == nil {
			panicked = fail
		}
	}
	finished = true
	if panicked != nil {
		panic(panicked)
	}
}

func (a *adapter) recovering(fn func()) func() {
	if a.recovers {
		return fn
	}
	return func() { runForeign(a, fn) }
}

// runForeign runs a function on a loop of another type. It must stay a frame
// of its own on the stack, because onLoop looks for it.
//
//go:noinline
func runForeign(a *adapter, fn func()) {
	turnsRunning.Add(1)
	defer turnsRunning.Add(-1)
	if _, fail := protect(func() (struct{}, error) { fn(); return struct{}{}, nil }); fail != nil {
		a.HandleFailure(fail)
	}
}

var runForeignEntry = reflect.ValueOf(runForeign).Pointer()

func (a *adapter) unixNano() int64 { return a.Now().UnixNano() }

func (a *adapter) InLoop() bool {
	loop, can := a.EventLoop.(interface{ InLoop() bool })
	return can && loop.InLoop() || onLoop()
}

func (a *adapter) HandleFailure(fail *Failure) {
	loop, can := a.EventLoop.(interface{ HandleFailure(*Failure) })
	if !can {
		reportUnhandled("Unhandled error in event loop", fail)
		return
	}
	if _, broken := protect(func() (struct{}, error) { loop.HandleFailure(fail); return struct{}{}, nil }); broken != nil {
		reportUnhandled("Unhandled error in event loop", fail)
		reportUnhandled("Panic in the event loop's exception handler", broken)
	}
}

// defaultLoop is the loop of programs that set none.
var defaultLoop = newLoopRef(NewLoop(WithName("default")))

// configuredLoop is the loop set with SetLoop or WithConfig, or nil for the
// default loop.
var configuredLoop atomic.Pointer[loopRef]

func currentLoop() *loopRef {
	if loop := configuredLoop.Load(); loop != nil {
		return loop
	}
	return defaultLoop
}

// CurrentLoop returns the loop that the package's functions use: the one set
// with [SetLoop], or the default one.
func CurrentLoop() EventLoop { return currentLoop().underlying() }

// SetLoop makes loop the current loop, which the package's functions use from
// then on, and returns the previous one. A nil loop means the default loop.
// Existing futures stay on the loop that they were created on. SetLoop
// corresponds to setting txaio.config.loop in Python's txaio.
func SetLoop(loop EventLoop) (previous EventLoop) {
	var ref *loopRef
	switch current := currentLoop(); {
	case loop == nil || sameLoop(loop, defaultLoop.EventLoop):
	case sameLoop(loop, current.underlying()):
		ref = current // so that comparing loops finds it equal
	default:
		ref = newLoopRef(loop)
	}
	if old := configuredLoop.Swap(ref); old != nil {
		return old.underlying()
	}
	return defaultLoop.EventLoop
}

// sameLoop reports whether a and b are the same loop, even if their types aren't
// comparable.
func sameLoop(a, b EventLoop) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Config is the configuration for [WithConfig].
type Config struct {
	// Loop is the loop to use. If it is nil, each call uses the loop that is
	// current then.
	Loop EventLoop
}

// An API has the package's functions for one loop. Those that need a type
// parameter are functions, such as [CreateFutureOn], because methods cannot
// have any.
type API struct{ loop *loopRef }

// WithConfig returns the package's functions for cfg.Loop, so that a program
// can use several loops side by side. On the deferred backend a program has
// one loop, as Twisted has one reactor: cfg.Loop becomes the current loop if
// none was set, and WithConfig returns an error if a different one was.
func WithConfig(cfg Config) (*API, error) {
	mustHaveBackend()
	if cfg.Loop == nil {
		return &API{}, nil
	}
	ref := newLoopRef(cfg.Loop)
	if err := configureLoop(ref); err != nil {
		return nil, err
	}
	return &API{ref}, nil
}

// ref returns the loop to use now.
func (a *API) ref() *loopRef {
	mustHaveBackend()
	if a == nil || a.loop == nil {
		return currentLoop()
	}
	return a.loop
}

// Loop returns the loop that a uses.
func (a *API) Loop() EventLoop { return a.ref().underlying() }

// CallSoon is [CallSoon] on a's loop.
func (a *API) CallSoon(fn func()) { a.ref().CallSoon(fn) }

// CallLater is [CallLater] on a's loop.
func (a *API) CallLater(delay time.Duration, fn func()) DelayedCall {
	return a.ref().CallLater(delay, fn)
}

// MakeBatchedTimer is [MakeBatchedTimer] on a's loop.
func (a *API) MakeBatchedTimer(bucket time.Duration, chunkSize int, opts ...BatchOption) *BatchedTimer {
	return newBatchedTimer(a.ref, bucket, chunkSize, opts)
}

// Sleep is [Sleep] on a's loop.
func (a *API) Sleep(delay time.Duration) *Future[struct{}] { return sleep(a.ref(), delay) }

// CreateFutureOn is [CreateFuture] on a's loop.
func CreateFutureOn[T any](a *API, opts ...FutureOption[T]) *Future[T] {
	return newFuture(a.ref(), opts)
}

// CreateFutureSuccessOn is [CreateFutureSuccess] on a's loop.
func CreateFutureSuccessOn[T any](a *API, value T) *Future[T] { return newSuccess(a.ref(), value) }

// CreateFutureErrorOn is [CreateFutureError] on a's loop.
func CreateFutureErrorOn[T any](a *API, err error) *Future[T] { return newFailed[T](a.ref(), err) }

// AsFutureOn is [AsFuture] on a's loop.
func AsFutureOn[T any](a *API, fn func() (T, error)) *Future[T] { return asFuture(a.ref(), fn) }

// AsFutureOfOn is [AsFutureOf] on a's loop.
func AsFutureOfOn[T any](a *API, fn func() (*Future[T], error)) *Future[T] {
	return asFutureOf(a.ref(), fn)
}

// GatherOn is [Gather] with the returned future on a's loop.
func GatherOn[T any](a *API, futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	return gatherOn(a.ref(), futures, consumeErrors)
}

// GoOn is [Go] with the future on a's loop.
func GoOn[T any](a *API, fn func(ctx context.Context) (T, error)) *Future[T] {
	return goOn(a.ref(), fn)
}

// CallSoon runs fn on the current loop, after everything that is queued
// already. It panics with a [*UsageError] if fn is nil. It is Twisted's
// callFromThread and asyncio's call_soon_threadsafe.
func CallSoon(fn func()) {
	mustHaveBackend()
	currentLoop().CallSoon(fn)
}

// CallLater runs fn on the current loop after delay. A negative delay counts
// as 0. It panics with a [*UsageError] if fn is nil. For many timeouts whose
// exact time does not matter, see [MakeBatchedTimer].
func CallLater(delay time.Duration, fn func()) DelayedCall {
	mustHaveBackend()
	return currentLoop().CallLater(delay, fn)
}
