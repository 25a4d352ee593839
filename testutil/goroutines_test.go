//go:build deferred || future

package testutil_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// Test code with goroutines that look at the time in a bubble of
// testing/synctest. The bubble's clock moves only when all its goroutines wait. So a
// timeout fires if the work takes that long, and never because the machine is slow.
// Make the loop in the bubble.
func TestGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer testutil.ReplaceLoop(txaio.NewLoop())()
		for _, test := range []struct {
			takes time.Duration
			err   error
		}{{time.Second, nil}, {time.Minute, context.DeadlineExceeded}} {
			work := txaio.Go(func(ctx context.Context) (string, error) {
				select {
				case <-time.After(test.takes):
					return "done", nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			})
			_, err := txaio.Await(t.Context(), txaio.AddTimeout(work, 10*time.Second))
			if !errors.Is(err, test.err) {
				t.Errorf("work of %v: %v, want %v", test.takes, err, test.err)
			}
		}
	})
}

// Test code with goroutines that do not look at the time with a TestLoop, which
// runs until all of them wait.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := testutil.UseLoop(t)
		questions, answers := make(chan int), make(chan int)
		go func() {
			for question := range questions {
				answers <- 2 * question
			}
		}()
		ask := func(question int) (*txaio.Future[int], error) {
			return txaio.Go(func(context.Context) (int, error) {
				questions <- question
				return <-answers, nil
			}), nil
		}
		first, _ := ask(1)
		answer := txaio.AddTimeout(txaio.ThenOf(first, ask), time.Second)
		loop.Wait()
		if value, err := txaio.Await(t.Context(), answer); value != 4 || err != nil {
			t.Errorf("got %v, %v", value, err)
		}
		if now := loop.Now(); !now.Equal(time.Unix(0, 0)) {
			t.Errorf("the clock moved to %v", now)
		}
		close(questions)
	})
}

// Wait panics if a loop and a goroutine give each other work without end.
func TestWaitWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := testutil.UseLoop(t)
		var again func(int)
		again = func(int) {
			txaio.Watch(txaio.Go(func(context.Context) (int, error) { return 1, nil }), again, nil)
		}
		again(0)
		defer func() {
			var usage *txaio.UsageError
			if err, _ := recover().(error); !errors.As(err, &usage) {
				t.Errorf("panicked with %v, not a *UsageError", err)
			}
		}()
		loop.Wait()
	})
}

// The code in the package's documentation works.
func TestDocumentedBubbles(t *testing.T) {
	work := func(context.Context) (int, error) { return 42, nil }
	synctest.Test(t, func(t *testing.T) {
		loop := testutil.UseLoop(t)
		f := txaio.Go(work)
		loop.Wait() // the loop and the goroutines have nothing left to do
		if !f.IsCalled() {
			t.Error("pending")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		defer testutil.ReplaceLoop(txaio.NewLoop())()
		result, err := txaio.Await(t.Context(), txaio.AddTimeout(txaio.Go(work), 10*time.Second))
		if result != 42 || err != nil {
			t.Errorf("%d, %v", result, err)
		}
	})
}
