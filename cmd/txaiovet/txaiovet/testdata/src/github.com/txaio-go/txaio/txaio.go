// Package txaio has the signatures of the real one.
package txaio

import (
	"context"
	"time"
)

type AnyFuture interface {
	IsCalled() bool
	Done() <-chan struct{}
}

type FutureOption[T any] struct{}

func UseDeferred() error { return nil }
func UseFuture() error   { return nil }

func CreateFuture[T any](opts ...FutureOption[T]) *Future[T]                { return nil }
func WithResult[T any](value T) (opt FutureOption[T])                       { return }
func WithError[T any](err error) (opt FutureOption[T])                      { return }
func WithCanceller[T any](canceller func(*Future[T])) (opt FutureOption[T]) { return }
func CreateFutureSuccess[T any](value T) *Future[T]                         { return nil }
func CreateFutureError[T any](err error) *Future[T]                         { return nil }
func AsFuture[T any](fn func() (T, error)) *Future[T]                       { return nil }
func AsFutureOf[T any](fn func() (*Future[T], error)) *Future[T]            { return nil }
func IsFuture(v any) bool                                                   { return false }
func IsCalled(f AnyFuture) bool                                             { return false }
func Resolve[T any](f *Future[T], value T) error                            { return nil }
func Reject[T any](f *Future[T], err error) error                           { return nil }
func RejectOnPanic[T any](f *Future[T])                                     {}
func Cancel(f AnyFuture, message ...string)                                 {}
func AddCallbacks[T any](f *Future[T], callback func(T) (T, error), errback func(*Failure) (T, error)) {
}

type Result[T any] struct {
	Value   T
	Failure *Failure
}

func Gather[T any](futures []*Future[T], consumeErrors bool) *Future[[]Result[T]]        { return nil }
func GatherAny(futures []AnyFuture, consumeErrors bool) *Future[[]Result[any]]           { return nil }
func Watch[T any](f *Future[T], onValue func(T), onFailure func(*Failure))               {}
func Then[T, U any](f *Future[T], fn func(T) (U, error)) *Future[U]                      { return nil }
func ThenOf[T, U any](f *Future[T], fn func(T) (*Future[U], error)) *Future[U]           { return nil }
func Catch[T any](f *Future[T], fn func(*Failure) (T, error)) *Future[T]                 { return nil }
func Go[T any](fn func(ctx context.Context) (T, error)) *Future[T]                       { return nil }
func Await[T any](ctx context.Context, f *Future[T]) (value T, err error)                { return }
func Sleep(delay time.Duration) *Future[struct{}]                                        { return nil }
func AddTimeout[T any](f *Future[T], delay time.Duration) *Future[T]                     { return nil }
func CancelOnDone(ctx context.Context, f AnyFuture) (stop func() bool)                   { return nil }
func RunUntil[T any](ctx context.Context, loop *Loop, f *Future[T]) (value T, err error) { return }

type Failure struct{}

func (*Failure) Value() error          { return nil }
func (*Failure) Error() string         { return "" }
func (*Failure) Unwrap() error         { return nil }
func CreateFailure(err error) *Failure { return nil }
func FailureMessage(f *Failure) string { return "" }

var ErrAlreadyCalled, ErrCancelled, ErrNotDone, ErrAwaitOnLoop error

type DelayedCall interface{ Cancel() bool }

type DelayedCaller interface {
	CallLater(delay time.Duration, fn func()) DelayedCall
}

type EventLoop interface {
	DelayedCaller
	CallSoon(fn func())
	Now() time.Time
}

func CallSoon(fn func())                                   {}
func CallLater(delay time.Duration, fn func()) DelayedCall { return nil }

type BatchOption func(*BatchedTimer)

func RoundUp() BatchOption { return nil }

type BatchedTimer struct{}

func MakeBatchedTimer(bucket time.Duration, chunkSize int, opts ...BatchOption) *BatchedTimer {
	return nil
}
func (*BatchedTimer) CallLater(delay time.Duration, fn func()) DelayedCall { return nil }

type (
	Loop       struct{}
	LoopOption func(*Loop)
)

func NewLoop(opts ...LoopOption) *Loop                             { return nil }
func WithExceptionHandler(handler func(*Failure)) LoopOption       { return nil }
func (*Loop) CallSoon(fn func())                                   {}
func (*Loop) CallLater(delay time.Duration, fn func()) DelayedCall { return nil }
func (*Loop) Now() time.Time                                       { return time.Time{} }
func (*Loop) Run(ctx context.Context) error                        { return nil }
func (*Loop) RunUntilComplete(f AnyFuture) error                   { return nil }
func (*Loop) Drain(ctx context.Context) error                      { return nil }
func SetLoop(loop EventLoop) (previous EventLoop)                  { return nil }
func CurrentLoop() EventLoop                                       { return nil }

type (
	Config struct{ Loop EventLoop }
	API    struct{}
)

func WithConfig(cfg Config) (*API, error)                         { return nil, nil }
func (*API) Loop() EventLoop                                      { return nil }
func (*API) CallSoon(fn func())                                   {}
func (*API) CallLater(delay time.Duration, fn func()) DelayedCall { return nil }
func (*API) Sleep(delay time.Duration) *Future[struct{}]          { return nil }
func (*API) MakeBatchedTimer(bucket time.Duration, chunkSize int, opts ...BatchOption) *BatchedTimer {
	return nil
}

func CreateFutureOn[T any](a *API, opts ...FutureOption[T]) *Future[T]     { return nil }
func CreateFutureSuccessOn[T any](a *API, value T) *Future[T]              { return nil }
func CreateFutureErrorOn[T any](a *API, err error) *Future[T]              { return nil }
func AsFutureOn[T any](a *API, fn func() (T, error)) *Future[T]            { return nil }
func AsFutureOfOn[T any](a *API, fn func() (*Future[T], error)) *Future[T] { return nil }
func GatherOn[T any](a *API, futures []*Future[T], consumeErrors bool) *Future[[]Result[T]] {
	return nil
}
func GoOn[T any](a *API, fn func(ctx context.Context) (T, error)) *Future[T] { return nil }
