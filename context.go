package txaio

import (
	"context"
	"fmt"
	"time"
)

// CancelOnDone cancels f when ctx ends, unless f is settled by then or stop
// was called. Like the function that [context.AfterFunc] returns, stop returns
// true if this call keeps ctx from cancelling f.
//
// There is no need to call stop, because nothing is left once f is settled. In
// particular, do not defer it around an [Await] with the same ctx: Await can
// return before f is cancelled, and stop would then prevent that.
//
// The [*CancelledError] matches ctx's error and its cause with errors.Is:
// after a deadline, [context.DeadlineExceeded]. On the future backend its
// message is the text of the cause. Such a failure is never reported as
// unhandled, because whoever passed ctx knows why f failed, and may have
// returned ctx's own error.
//
// f is cancelled on its loop (on the deferred backend: the current loop), not
// on the goroutine that ended ctx, so its cancellers and callbacks run there.
// CancelOnDone does not count as handling f's failure.
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

// AddTimeout limits the time that f may take. Use the future that it returns:
// it has f's outcome, or fails with a [*TimeoutError] if f is not settled
// after delay. f is cancelled then. A negative delay counts as 0. The timer
// runs on f's loop (on the deferred backend: the current loop) and is released
// when f is settled. The traceback of the *TimeoutError's failure leads to the
// call of AddTimeout.
//
//   - deferred: AddTimeout returns f itself, with the time limit as a step
//     of its chain. Callbacks added earlier get the [*CancelledError],
//     callbacks added later the *TimeoutError. If a canceller settles f,
//     that is the outcome. This is Twisted's Deferred.addTimeout.
//   - future: AddTimeout returns another future on the same loop.
//     Cancelling it cancels f. A caller that ignores it and looks at f
//     gets a *CancelledError, and the *TimeoutError is reported in the log
//     as unhandled. This is asyncio.wait_for.
func AddTimeout[T any](f *Future[T], delay time.Duration) *Future[T] {
	mustBeFuture(f)
	return f.timeout(delay)
}

// TimeoutError is the failure of a future that exceeded its [AddTimeout]
// limit. It matches [context.DeadlineExceeded] with errors.Is.
type TimeoutError struct {
	// Delay is the limit given to AddTimeout.
	Delay time.Duration
}

// Error returns a text with the limit.
func (e *TimeoutError) Error() string { return fmt.Sprintf("timed out after %v", e.Delay) }

// Timeout returns true, as it does for the timeout errors of package net.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is [context.DeadlineExceeded].
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
