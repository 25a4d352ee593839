package txaio

import (
	"context"
	"fmt"
	"time"
)

// CancelOnDone cancels f when ctx ends, unless f is settled by then or stop was
// called. stop is as [context.AfterFunc]'s: it returns true if this call keeps ctx
// from cancelling f. There is no need to call it, as nothing is left once f is
// settled. In particular, do not defer it around an [Await] with the same ctx: Await
// may return before f is cancelled, and stop would then keep it from being so.
//
// errors.Is finds ctx's error and its cause in the [*CancelledError], so after a
// deadline also [context.DeadlineExceeded]. On the future backend the message is
// the text of the cause. Such a failure is never reported as unhandled: whoever has
// ctx knows why f failed, and may have left with ctx's own error.
//
// The cancellation is queued on f's loop (on the deferred backend: the current
// one), so cancellers and callbacks run there, not on the goroutine that ended
// ctx. Nothing is left of it once f is settled and the callbacks added before
// this call have run; f's failure does not count as seen.
func CancelOnDone(ctx context.Context, f AnyFuture) (stop func() bool) {
	mustBeFuture(f)
	loop := f.theLoop()
	queue := func() {
		loop.CallSoon(func() {
			cause := context.Cause(ctx)
			cancel(f, CancelledError{Message: cause.Error(), ended: ctx.Err(), cause: cause})
		})
	}
	if ctx.Err() != nil {
		queue()
		return func() bool { return false }
	}
	stop = context.AfterFunc(ctx, queue)
	f.after(func() { stop() })
	return stop
}

// AddTimeout gives f a time limit, on f's loop (on the deferred backend: the
// current one). Use what it returns: it has f's outcome or, if f takes
// longer than delay, fails with a [*TimeoutError] when f has been cancelled. A
// negative delay counts as 0. The timer is released when f is settled. The
// traceback of the *TimeoutError's failure leads to this call.
//
//   - deferred: it returns f itself, and what it does is a stage of f's chain.
//     Callbacks added before it see the [*CancelledError], those added after it
//     the *TimeoutError. A canceller that settles f decides the outcome. This is
//     Twisted's Deferred.addTimeout.
//   - future: it returns another future, on the same loop. f itself is
//     cancelled; cancelling the returned future cancels f. Who ignores what it
//     returns and looks at f sees a *CancelledError, and the *TimeoutError is
//     reported in the log as one that nobody has seen. This is asyncio.wait_for.
func AddTimeout[T any](f *Future[T], delay time.Duration) *Future[T] {
	mustBeFuture(f)
	return f.timeout(delay)
}

// TimeoutError is the failure of a future that exceeded its [AddTimeout] limit.
// errors.Is finds it by [context.DeadlineExceeded].
type TimeoutError struct {
	// Delay is what was given to AddTimeout.
	Delay time.Duration
}

// Error says how long the limit was.
func (e *TimeoutError) Error() string { return fmt.Sprintf("timed out after %v", e.Delay) }

// Timeout returns true, as package net's errors do.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is [context.DeadlineExceeded].
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
