//go:build future

package txaio

const (
	UsingDeferred bool = false
	UsingFuture   bool = true
)

type Future[T any] struct{}

func (*Future[T]) IsCalled() bool                   { return false }
func (*Future[T]) Done() <-chan struct{}            { return nil }
func (*Future[T]) String() string                   { return "" }
func (*Future[T]) SetResult(value T) error          { return nil }
func (*Future[T]) SetException(err error) error     { return nil }
func (*Future[T]) Cancel(message ...string) bool    { return false }
func (*Future[T]) Result() (value T, err error)     { return }
func (*Future[T]) Exception() (error, error)        { return nil, nil }
func (*Future[T]) Cancelled() bool                  { return false }
func (*Future[T]) AddDoneCallback(func(*Future[T])) {}
