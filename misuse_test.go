//go:build deferred || future

package txaio_test

import (
	"errors"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// What cannot work panics with a *UsageError that says what was wrong.
func TestMisuse(t *testing.T) {
	x := newFixture(t)
	var noFailure error = (*txaio.Failure)(nil)
	pending := func() *txaio.Future[int] { return txaio.CreateFuture[int]() }
	tests := []struct {
		name  string
		fn    func()
		words []string
	}{
		{"WithResult and WithError", func() { txaio.CreateFuture(txaio.WithResult(1), txaio.WithError[int](errOne)) }, []string{"WithResult", "WithError"}},
		{"WithError and WithResult", func() { txaio.CreateFuture(txaio.WithError[int](errOne), txaio.WithResult(0)) }, []string{"WithResult", "WithError"}},
		{"WithError nil", func() { txaio.CreateFuture(txaio.WithError[int](nil)) }, []string{"nil"}},
		{"CreateFutureError nil", func() { txaio.CreateFutureError[int](nil) }, []string{"nil"}},
		{"CreateFutureError nil *Failure", func() { txaio.CreateFutureError[int](noFailure) }, []string{"nil"}},
		{"Reject nil", func() { txaio.Reject(pending(), nil) }, []string{"nil"}},
		{"Reject nil *Failure", func() { txaio.Reject(pending(), noFailure) }, []string{"nil"}},
		{"CreateFailure nil", func() { txaio.CreateFailure(nil) }, []string{"nil"}},
		{"CreateFailure nil *Failure", func() { txaio.CreateFailure(noFailure) }, []string{"nil"}},
		{"Watch with neither", func() { txaio.Watch(pending(), nil, nil) }, []string{"value", "failure"}},
		{"AddCallbacks with neither", func() { txaio.AddCallbacks(pending(), nil, nil) }, []string{"callback", "errback"}},
		{"WithClock nil", func() { txaio.WithClock(nil) }, []string{"clock", "nil"}},
		{"CallLater nil", func() { txaio.CallLater(time.Second, nil) }, []string{"CallLater", "nil"}},
		{"CallSoon nil", func() { x.CallSoon(nil) }, []string{"CallSoon", "nil"}},
		{"bucket zero", func() { txaio.MakeBatchedTimer(0, 1) }, []string{"bucket"}},
		{"bucket negative", func() { txaio.MakeBatchedTimer(-time.Second, 1) }, []string{"bucket"}},
		{"chunk size negative", func() { txaio.MakeBatchedTimer(time.Second, -1) }, []string{"chunk"}},
		{"batched CallLater nil", func() { txaio.MakeBatchedTimer(time.Second, 1).CallLater(time.Second, nil) }, []string{"nil"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantUsageError(t, test.fn, test.words...) })
	}

	t.Run("leaves the future as it was", func(t *testing.T) {
		f := pending()
		wantUsageError(t, func() { txaio.Reject(f, nil) })
		wantSettled(t, f, false)
		wantErr(t, "Resolve", txaio.Resolve(f, 1), nil)
		wantUsageError(t, func() { txaio.Reject(f, nil) }) // also when settled
		wantValue(t, f, 1)
	})
}

func TestNilFunctionIsAFailure(t *testing.T) {
	newFixture(t)
	for _, f := range []*txaio.Future[int]{txaio.AsFuture[int](nil), txaio.AsFutureOf[int](nil)} {
		var panicked *txaio.PanicError
		if _, err := await(t, f); !errors.As(err, &panicked) {
			t.Errorf("got %v, want a *PanicError", err)
		}
	}
}
