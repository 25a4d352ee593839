package wamp

import (
	"log/slog"
	"sync"

	"github.com/txaio-go/txaio"
)

// newFuture returns a pending future on the session's loop. It has a canceller that
// does nothing, because then both backends refuse to resolve a cancelled future.
func newFuture[T any](s *Session) *txaio.Future[T] {
	return txaio.CreateFutureOn(s.api, txaio.WithCanceller(func(*txaio.Future[T]) {}))
}

// resolve settles a future. It returns false if its owner has cancelled it.
func resolve[T any](f *txaio.Future[T], value T) bool { return txaio.Resolve(f, value) == nil }

// reject settles a future, unless its owner has cancelled it.
func reject[T any](f *txaio.Future[T], err error) { _ = txaio.Reject(f, err) }

// failed returns a future that has failed.
func failed[T any](s *Session, err error) *txaio.Future[T] {
	return txaio.CreateFutureErrorOn[T](s.api, err)
}

// watch calls onValue or onFailure on the loop. f may be settled on any goroutine, and
// its callbacks may run there.
func watch[T any](s *Session, f *txaio.Future[T], onValue func(T), onFailure func(*txaio.Failure)) {
	txaio.Watch(f,
		func(value T) { s.loop.CallSoon(func() { onValue(value) }) },
		func(fail *txaio.Failure) { s.loop.CallSoon(func() { onFailure(fail) }) })
}

// ignoring adapts fn, which has no result, to functions that need one.
func ignoring(fn func() error) func() (struct{}, error) {
	return func() (struct{}, error) { return struct{}{}, fn() }
}

// optional returns the options that a method was given, if any.
func optional[T any](options []T) (chosen T) {
	if len(options) > 0 {
		chosen = options[0]
	}
	return chosen
}

// sharedLogger is the logger of sessions without one of their own.
var sharedLogger = sync.OnceValue(func() *txaio.Logger { return txaio.MakeLogger() })

func attr(name string, value any) slog.Attr { return slog.Any(name, value) }
