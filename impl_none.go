//go:build (!deferred && !future) || (deferred && future)

package txaio

import (
	"context"
	"time"
)

// With no backend chosen the API compiles and every use of it panics with
// ErrNoBackend. With both tags set this file stands in as well, so that the
// sentence in select_both.go is the compiler's only message.

// UsingDeferred reports whether the program was built with -tags deferred. It
// is a constant, so the compiler drops the branch that is not taken.
const UsingDeferred bool = false

// UsingFuture reports whether the program was built with -tags future. It is a
// constant, so the compiler drops the branch that is not taken.
const UsingFuture bool = false

// A Future stands for a value that is not there yet. It is the chosen
// backend's own type: with -tags deferred an alias of Deferred, which has the
// methods of Twisted's Deferred, and with -tags future a type with the methods
// of asyncio's Future. Make one with [CreateFuture].
type Future[T any] struct{ _ [0]T }

type more[T any] struct{}

// IsCalled implements [AnyFuture].
func (f *Future[T]) IsCalled() bool { panic(ErrNoBackend) }

// Done implements [AnyFuture].
func (f *Future[T]) Done() <-chan struct{} { panic(ErrNoBackend) }

func (f *Future[T]) resolve(T) error                                   { panic(ErrNoBackend) }
func (f *Future[T]) reject(*Failure) error                             { panic(ErrNoBackend) }
func (f *Future[T]) cancelWith(*Failure) bool                          { panic(ErrNoBackend) }
func (f *Future[T]) setCanceller(func(*Future[T]))                     { panic(ErrNoBackend) }
func (f *Future[T]) add(func(T) (T, error), func(*Failure) (T, error)) { panic(ErrNoBackend) }
func (f *Future[T]) watch(func(any, *Failure), bool)                   { panic(ErrNoBackend) }
func (f *Future[T]) waitFor(source, *loopRef, *more[T])                { panic(ErrNoBackend) }
func (f *Future[T]) isNil() bool                                       { return f == nil }
func (f *Future[T]) after(func())                                      { panic(ErrNoBackend) }
func (f *Future[T]) theLoop() *loopRef                                 { panic(ErrNoBackend) }
func (f *Future[T]) timeout(time.Duration) *Future[T]                  { panic(ErrNoBackend) }
func (f *Future[T]) await(context.Context) (T, error)                  { panic(ErrNoBackend) }
func newPending[T any](*loopRef) *Future[T]                            { panic(ErrNoBackend) }
func gather[T any](*loopRef, []*Future[T], bool) *Future[[]Result[T]]  { panic(ErrNoBackend) }
func gatherAny(*loopRef, []AnyFuture, bool) *Future[[]Result[any]]     { panic(ErrNoBackend) }
func compose[T, U any](*Future[T], composing[T, U]) *Future[U]         { panic(ErrNoBackend) }
func configureLoop(*loopRef) error                                     { panic(ErrNoBackend) }
