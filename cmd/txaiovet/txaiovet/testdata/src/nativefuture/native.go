package nativefuture

import (
	"errors"

	tx "github.com/txaio-go/txaio"
)

func methods(f *tx.Future[int]) {
	f.SetResult(1)                                           // want `call txaio.Resolve: only the future backend has the method SetResult`
	if err := f.SetException(errors.New("no")); err != nil { // want `call txaio.Reject`
		return
	}
	f.AddDoneCallback(func(*tx.Future[int]) {}) // want `call txaio.Watch: only the future backend has the method AddDoneCallback`
	v, err := f.Result()                        // want `only the future backend has the method Result`
	_, _ = v, err
	f.Exception()     // want `only the future backend has the method Exception`
	_ = f.Cancelled() // want `look for txaio.ErrCancelled in an errback`
	f.Cancel("gone")  // want `call txaio.Cancel: the method takes and returns something else on each backend`
	if f.Cancel() {   // want `call txaio.Cancel`
	}
	tx.Watch(f, func(int) {
		f.SetResult(2) // want `call txaio.Resolve`
	}, nil)
}

func right(f *tx.Future[int], r tx.Result[int]) {
	f.Cancel()
	go f.Cancel()
	_ = r.Failure.Value()
	tx.Watch(f, nil, func(*tx.Failure) {
		if !tx.UsingDeferred {
			f.SetResult(1)
		}
	})
}
