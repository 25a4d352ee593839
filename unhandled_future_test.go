//go:build future

package txaio_test

import (
	"errors"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// As in asyncio, Result and Exception retrieve a failure, and a done callback
// does not.
func TestUnhandledFutureNative(t *testing.T) {
	x, log := newFixture(t), captureLog(t, nil)
	for text, use := range map[string]func(f *txaio.Future[int]){
		"native: Result":    func(f *txaio.Future[int]) { _, _ = f.Result() },
		"native: Exception": func(f *txaio.Future[int]) { _, _ = f.Exception() },
		"native: done":      func(f *txaio.Future[int]) { f.AddDoneCallback(func(*txaio.Future[int]) {}) },
		"native: early": func(f *txaio.Future[int]) {
			g := txaio.CreateFuture[int]()
			_, _ = g.Result()
			_, _ = g.Exception()
			fail, _ := f.Exception()
			_ = g.SetException(fail)
		},
	} {
		func() { use(txaio.CreateFutureError[int](errors.New(text))) }()
		x.RunUntilIdle()
	}
	settleReports(t, log)
	for text, want := range map[string]int{"native: Result": 0, "native: Exception": 0, "native: done": 1, "native: early": 1} {
		if got := len(log.with(text)); got != want {
			t.Errorf("%s: reported %d times, want %d", text, got, want)
		}
	}
}

// What AddTimeout returned counts as cancelled where the future was.
func TestAddTimeoutCancelledState(t *testing.T) {
	x := newFixture(t)
	f := txaio.CreateFuture[int]()
	limited := txaio.AddTimeout(f, time.Second)
	f.Cancel("enough")
	x.RunUntilIdle()
	if !limited.Cancelled() {
		t.Error("it does not count as cancelled")
	}
}
