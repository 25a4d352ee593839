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

// How to test code that has goroutines of its own: in a bubble of
// testing/synctest, whose clock moves only when all its goroutines wait. So a
// timeout fires when the work takes that long, and never because the machine is
// slow. The loop has to be made in the bubble.
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
