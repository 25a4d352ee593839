//go:build !deferred && !future

package txaio

const (
	UsingDeferred bool = false
	UsingFuture   bool = false
)

type Future[T any] struct{}

func (*Future[T]) IsCalled() bool        { return false }
func (*Future[T]) Done() <-chan struct{} { return nil }
