package txaio

import (
	"context"
	"fmt"
	"time"
)

// CancelOnDone cancels f when ctx ends, unless f is settled by then. The
// [*CancelledError] has, on the future backend, the text of ctx's cause as its
// message.
//
// The cancellation is queued on f's loop (on the deferred backend: the current
// one), so cancellers and callbacks run there, not on the goroutine that ended
// ctx. Nothing is left of it once f is settled and the callbacks added before
// this call have run; f's failure does not count as seen.
func CancelOnDone(ctx context.Context, f AnyFuture) {
	mustBeFuture(f)
	loop := f.theLoop()
	cancel := func() {
		loop.CallSoon(func() { f.cancel(context.Cause(ctx).Error()) })
	}
	if ctx.Err() != nil {
		cancel()
		return
	}
	stop := context.AfterFunc(ctx, cancel)
	f.after(func() { stop() })
}

// AddTimeout gives f a time limit, on f's loop (on the deferred backend: the
// current one). Use what it returns: it has f's outcome or, where f takes
// longer than delay, fails with a [*TimeoutError] when f has been cancelled. A
// negative delay counts as 0. The timer is released when f is settled.
//
//   - deferred: it returns f itself, and what it does is a stage of f's chain.
//     Callbacks added before it see the [*CancelledError], those added after it
//     the *TimeoutError. A canceller that settles f decides the outcome. This is
//     Twisted's Deferred.addTimeout.
//   - future: it returns another future, on the same loop. f itself is
//     cancelled; cancelling the returned future cancels f. This is
//     asyncio.wait_for.
func AddTimeout[T any](f *Future[T], delay time.Duration) *Future[T] {
	mustBeFuture(f)
	return f.timeout(delay)
}

// A TimeoutError is what a future fails with that took longer than
// [AddTimeout] allows. errors.Is finds it by [context.DeadlineExceeded].
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
