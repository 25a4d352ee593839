//go:build deferred

package txaio

const (
	UsingDeferred bool = true
	UsingFuture   bool = false
)

type (
	Future[T any]   = Deferred[T]
	Deferred[T any] struct{}
)

func (*Deferred[T]) IsCalled() bool                                             { return false }
func (*Deferred[T]) Done() <-chan struct{}                                      { return nil }
func (*Deferred[T]) String() string                                             { return "" }
func (*Deferred[T]) Callback(value T) error                                     { return nil }
func (*Deferred[T]) Errback(err error) error                                    { return nil }
func (*Deferred[T]) Cancel()                                                    {}
func (*Deferred[T]) Pause()                                                     {}
func (*Deferred[T]) Unpause()                                                   {}
func (*Deferred[T]) AddCallback(func(T) (T, error))                             {}
func (*Deferred[T]) AddErrback(func(*Failure) (T, error))                       {}
func (*Deferred[T]) AddCallbacks(func(T) (T, error), func(*Failure) (T, error)) {}
func (*Deferred[T]) AddBoth(func(T, *Failure) (T, error))                       {}
func (*Deferred[T]) Chain(func(T) (*Deferred[T], error))                        {}
