package txaio

import (
	"reflect"
	"sync/atomic"
	"time"

	"github.com/txaio-go/txaio/internal/manual"
)

// A DelayedCall is a function that is going to run.
type DelayedCall interface {
	// Cancel keeps the function from running. It returns true where this
	// call did that, and false where it changes nothing: the function has run,
	// is running or was cancelled before, or is one of a batched timer's whose
	// bucket has begun. It may be called any number of times, from any
	// goroutine.
	Cancel() bool
}

// A DelayedCaller runs functions later: an [EventLoop] or a [BatchedTimer].
type DelayedCaller interface {
	// CallLater runs fn after delay; a negative delay counts as 0.
	CallLater(delay time.Duration, fn func()) DelayedCall
}

// An EventLoop runs functions, one at a time: a [Loop], or an adapter to
// another library's. Twisted calls it reactor. All methods are called from any
// goroutine.
type EventLoop interface {
	DelayedCaller

	// CallSoon queues fn to run after what is queued already. It must return
	// before fn runs: futures call it while they hold a lock.
	CallSoon(fn func())

	// Now returns the time of the clock by which the loop runs its timers.
	Now() time.Time
}

// engine is what the package needs of a loop beyond [EventLoop].
type engine interface {
	// schedule is CallSoon without a closure for each call.
	schedule(t task)
	// exception hands a failure to the loop's exception handler.
	exception(fail *Failure)
	// here reports whether the running goroutine is driving the loop.
	here() bool
	// hurry ends the pause of the loop's driver before its next turn. Whoever
	// calls it is about to block until the loop has run something.
	hurry()
	// unixNano returns the loop's time in nanoseconds since the Unix epoch.
	unixNano() int64
}

// A task is an entry of a loop's queue.
type task interface{ run() }

// funcTask is a function as a task. A function value is one pointer, so that
// this conversion does not allocate.
type funcTask func()

func (fn funcTask) run() { fn() }

// A loopRef is an EventLoop as futures refer to it: one word, with what the
// package needs of the loop looked up once.
type loopRef struct {
	EventLoop
	engine
	own *Loop // what it is, or embeds as a loop for tests; nil for one of another type
}

func newLoopRef(loop EventLoop) *loopRef {
	if own, is := loop.(*Loop); is {
		return &loopRef{loop, own, own}
	}
	inner, _ := loop.(engine)
	if manual.IsTestLoop(loop) {
		return &loopRef{loop, inner, loop.(interface{ native() *Loop }).native()}
	}
	return &loopRef{loop, adapter{loop, inner}, nil}
}

// adapter is the engine of an EventLoop of another type. Where that embeds a
// Loop, what the type may override goes through it, and the rest to the Loop.
type adapter struct {
	loop  EventLoop
	inner engine // nil where it embeds none
}

func (a adapter) schedule(t task) { a.loop.CallSoon(t.run) }
func (a adapter) unixNano() int64 { return a.loop.Now().UnixNano() }
func (a adapter) here() bool      { return a.inner != nil && a.inner.here() }

func (a adapter) hurry() {
	if a.inner != nil {
		a.inner.hurry()
	}
}

func (a adapter) exception(fail *Failure) {
	if a.inner != nil {
		a.inner.exception(fail)
		return
	}
	reportUnhandled("Unhandled error in event loop", fail)
}

// defaultLoop is the loop of programs that set none.
var defaultLoop = newLoopRef(NewLoop(WithName("default")))

// configuredLoop is what was set by SetLoop or WithConfig; nil stands for the
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
func CurrentLoop() EventLoop { return currentLoop().EventLoop }

// SetLoop makes loop the current one, which the package's functions use from
// now on, and returns the one it replaces. With nil it goes back to the
// default loop. Futures that exist stay on the loop they were created on. It
// is txaio.config.loop of Python's txaio.
func SetLoop(loop EventLoop) (previous EventLoop) {
	var ref *loopRef
	if loop != nil && !sameLoop(loop, defaultLoop.EventLoop) {
		ref = newLoopRef(loop)
	}
	if old := configuredLoop.Swap(ref); old != nil {
		return old.EventLoop
	}
	return defaultLoop.EventLoop
}

// sameLoop compares two loops, of which one may be, or hold, what cannot be
// compared.
func sameLoop(a, b EventLoop) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Config is what can be configured: see [WithConfig].
type Config struct {
	// Loop is the loop to use; nil stands for the current loop at each call.
	Loop EventLoop
}

// API is the package's functions on a loop of their own: the methods, and
// [CreateFutureOn] and its likes, which are functions because Go's methods
// have no type parameters.
type API struct{ loop *loopRef }

// WithConfig returns the package's functions for another loop, so that
// several can be used side by side. On the deferred backend there is one loop
// for the program, as Twisted has one reactor: cfg.Loop becomes the current
// loop where none was set, and it is an error where another one was.
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
func (a *API) Loop() EventLoop { return a.ref().EventLoop }

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
	return gather(a.ref(), futures, consumeErrors)
}

// CallLater runs fn on the current loop after delay; a negative delay counts
// as 0. Where many calls are outstanding and their exact time matters little,
// see [MakeBatchedTimer].
func CallLater(delay time.Duration, fn func()) DelayedCall {
	mustHaveBackend()
	return currentLoop().CallLater(delay, fn)
}
