package wamp

import (
	"log/slog"
	"sync"

	"github.com/txaio-go/txaio"
)

// newFuture returns a pending future on the session's loop. Its canceller does
// nothing, and makes the backends alike: with one, resolving a cancelled
// future is refused on both.
func newFuture[T any](s *Session) *txaio.Future[T] {
	return txaio.CreateFutureOn(s.api, txaio.WithCanceller(func(*txaio.Future[T]) {}))
}

// resolve settles a future, and reports whether its owner had not given it up.
func resolve[T any](f *txaio.Future[T], value T) bool { return txaio.Resolve(f, value) == nil }

// reject settles a future, unless its owner has given it up.
func reject[T any](f *txaio.Future[T], err error) { _ = txaio.Reject(f, err) }

// failed returns a future that has failed.
func failed[T any](s *Session, err error) *txaio.Future[T] {
	return txaio.CreateFutureErrorOn[T](s.api, err)
}

// watch has what becomes of f told on the loop, because f may be settled on any
// goroutine and its callbacks may run there.
func watch[T any](s *Session, f *txaio.Future[T], onValue func(T), onFailure func(*txaio.Failure)) {
	txaio.Watch(f,
		func(value T) { s.loop.CallSoon(func() { onValue(value) }) },
		func(fail *txaio.Failure) { s.loop.CallSoon(func() { onFailure(fail) }) })
}

// ignoring makes fn a function for the futures of what has no result.
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

// sharedLogger is the logger of sessions that were given none.
var sharedLogger = sync.OnceValue(func() *txaio.Logger { return txaio.MakeLogger() })

func attr(name string, value any) slog.Attr { return slog.Any(name, value) }
