//go:build deferred || future

package docs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func TestTimeout(t *testing.T) {
	loop := testutil.UseLoop(t)
	reply := txaio.AddTimeout(txaio.CreateFuture[string](), 5*time.Second)

	loop.Advance(4 * time.Second)
	if txaio.IsCalled(reply) {
		t.Error("it has ended after 4 seconds")
	}
	loop.Advance(time.Second)
	if _, err := txaio.Await(t.Context(), reply); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it failed with %v, want a timeout", err)
	}
}

// retry calls fn until its future succeeds, at most so many times, with a delay
// between the calls.
func retry(times int, delay time.Duration, fn func() *txaio.Future[string]) *txaio.Future[string] {
	f := txaio.ThenOf(txaio.CreateFutureSuccess(struct{}{}), func(struct{}) (*txaio.Future[string], error) { return fn(), nil })
	if times == 1 {
		return f
	}
	failed := txaio.Then(f, func(string) (bool, error) { return false, nil })
	failed = txaio.Catch(failed, func(*txaio.Failure) (bool, error) { return true, nil })
	return txaio.ThenOf(failed, func(failed bool) (*txaio.Future[string], error) {
		if !failed {
			return f, nil
		}
		return txaio.ThenOf(txaio.Sleep(delay), func(struct{}) (*txaio.Future[string], error) {
			return retry(times-1, delay, fn), nil
		}), nil
	})
}

func TestRetry(t *testing.T) {
	testutil.UseLoop(t)
	attempts := 0
	answer := retry(3, time.Minute, func() *txaio.Future[string] {
		if attempts++; attempts < 3 {
			return txaio.CreateFutureError[string](errors.New("busy"))
		}
		return txaio.CreateFutureSuccess("at last")
	})
	if text, err := testutil.Await(t, answer); err != nil || text != "at last" {
		t.Errorf("got %q, error %v", text, err)
	}
}

func TestGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer testutil.ReplaceLoop(txaio.NewLoop())()
		work := txaio.Go(func(ctx context.Context) (string, error) {
			select {
			case <-time.After(time.Minute): // of the bubble's time
				return "done", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		_, err := txaio.Await(t.Context(), txaio.AddTimeout(work, 10*time.Second))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it failed with %v, want a timeout", err)
		}
	})
}

func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := testutil.UseLoop(t)
		sum := txaio.Go(func(context.Context) (int, error) { return 40 + 2, nil })
		loop.Wait()
		if !txaio.IsCalled(sum) {
			t.Error("the goroutine has not ended")
		}
	})
}

func TestCancel(t *testing.T) {
	loop := testutil.UseLoop(t)
	stopped := false
	reply := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) { stopped = true }))

	txaio.Cancel(reply)
	loop.RunUntilIdle() // on one backend the canceller waits for the loop
	if !stopped {
		t.Error("the work goes on")
	}
	if err := txaio.Resolve(reply, "too late"); !errors.Is(err, txaio.ErrAlreadyCalled) {
		t.Errorf("a late answer: error %v, want ErrAlreadyCalled", err)
	}
}

func TestWarning(t *testing.T) {
	log := testutil.CaptureLog(t)
	txaio.MakeLogger().Warn("{n} carrots are left", slog.Int("n", 2))

	entries := log.Entries()
	if len(entries) != 1 || entries[0].Message != "2 carrots are left" {
		t.Errorf("logged %v", entries)
	}
}
