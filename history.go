//go:build deferred || future

package txaio

import (
	"fmt"
	"runtime"
	"weak"
)

// newHistory returns the history of a future of the given type that is being
// created.
func newHistory[F any]() *history {
	h := &history{kind: fmt.Sprintf("%T", (*F)(nil)), created: callers()}
	pointer := weak.Make(h)
	unsettled.Lock()
	defer unsettled.Unlock()
	unsettled.made++
	h.number = unsettled.made
	if unsettled.histories == nil {
		unsettled.histories = make(map[weak.Pointer[history]]struct{})
	}
	unsettled.histories[pointer] = struct{}{}
	runtime.AddCleanup(h, forgetHistory, pointer)
	return h
}

func forgetHistory(pointer weak.Pointer[history]) {
	unsettled.Lock()
	delete(unsettled.histories, pointer)
	unsettled.Unlock()
}

// settle notes where the future was settled.
func (h *history) settle() {
	stack := callers()
	if h.settled.CompareAndSwap(nil, &stack) {
		forgetHistory(weak.Make(h))
	}
}

// explain makes h that of a failure that has none.
func (h *history) explain(fail *Failure) {
	if h != nil && fail != nil {
		fail.history.CompareAndSwap(nil, h)
	}
}

// alreadyCalled returns what the attempt to settle a settled future returns.
func (h *history) alreadyCalled() error {
	if h == nil {
		return ErrAlreadyCalled
	}
	return &alreadyCalledError{h}
}

// alreadyCalledError is ErrAlreadyCalled with the future's history.
type alreadyCalledError struct{ *history }

func (e *alreadyCalledError) Error() string { return ErrAlreadyCalled.Error() + e.format() }
func (e *alreadyCalledError) Unwrap() error { return ErrAlreadyCalled }
