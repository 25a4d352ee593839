package nativedeferred

import (
	"errors"

	"github.com/txaio-go/txaio"
)

type holder struct {
	*txaio.Future[int]
	f txaio.Future[int]
}

func methods(f *txaio.Future[int], h *holder) {
	f.Callback(1)                                                              // want `call txaio.Resolve: only the deferred backend has the method Callback; or give the file the build tag`
	f.Errback(errors.New("no"))                                                // want `call txaio.Reject: only the deferred backend has the method Errback`
	(f).AddCallbacks(func(v int) (int, error) { return v + 1, nil }, nil)      // want `call txaio.AddCallbacks`
	f.AddCallback(func(v int) (int, error) { return v, nil })                  // want `only the deferred backend has the method AddCallback`
	f.AddErrback(func(fail *txaio.Failure) (int, error) { return 0, fail })    // want `only the deferred backend has the method AddErrback`
	f.AddBoth(func(v int, fail *txaio.Failure) (int, error) { return v, nil }) // want `only the deferred backend has the method AddBoth`
	f.Chain(func(int) (*txaio.Future[int], error) { return nil, nil })         // want `call txaio.ThenOf`
	f.Pause()                                                                  // want `only the deferred backend has the method Pause`
	defer f.Unpause()                                                          // want `only the deferred backend has the method Unpause`
	settle := f.Callback                                                       // want `call txaio.Resolve`
	_ = settle
	_ = (*txaio.Future[int]).Callback // want `call txaio.Resolve`
	h.Callback(2)                     // want `call txaio.Resolve`
	h.f.Callback(3)                   // want `call txaio.Resolve`
	h.Future.Callback(4)              // want `call txaio.Resolve`
	var d *txaio.Deferred[int]        // want `write Future: only the deferred backend has a type Deferred`
	d.
		Callback(5) // want `call txaio.Resolve`
	cancel := f.Cancel // want `call txaio.Cancel`
	cancel()
	txaio.CreateFuture[string]().Callback("x") // want `call txaio.Resolve`
}

func generic[T any](f *txaio.Future[T], v T) {
	f.Callback(v) // want `call txaio.Resolve`
}

type own struct{}

func (own) Callback(int) {}
func (own) Pause()       {}

func right(f *txaio.Future[int], o own) {
	o.Callback(1)
	o.Pause()
	f.Cancel()
	defer f.Cancel()
	_ = f.IsCalled()
	_ = f.Done()
	_ = f.String()
	if txaio.UsingDeferred {
		f.Callback(1)
	}
}
