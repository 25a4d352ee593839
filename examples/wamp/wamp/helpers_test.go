//go:build deferred || future

package wamp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// inBubble runs a test on a loop of its own in a bubble where time passes only
// when everything waits.
func inBubble(t *testing.T, test func(t *testing.T, server *wamptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(testutil.ReplaceLoop(txaio.NewLoop()))
		test(t, wamptest.NewServer(t))
	})
}

// newSession returns a session for server. It is left when the test ends.
func newSession(t *testing.T, server *wamptest.Server, config wamp.Config) *wamp.Session {
	t.Helper()
	config.URL, config.Realm, config.HTTPClient = wamptest.URL, "realm1", server.Client()
	s, err := wamp.NewSession(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { txaio.Await(context.Background(), s.Leave()) })
	return s
}

// joinedSession returns a session that has joined, and its router.
func joinedSession(t *testing.T, server *wamptest.Server, config wamp.Config) (*wamp.Session, *wamptest.Peer) {
	t.Helper()
	s := newSession(t, server, config)
	f := s.Join()
	p := server.Accept()
	p.Welcome()
	must(t, f)
	return s, p
}

// await returns what a future is settled with.
func await[T any](t *testing.T, f *txaio.Future[T]) (T, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // of the bubble's
	defer cancel()
	value, err := txaio.Await(ctx, f)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		t.Fatal("the future is pending")
	}
	return value, err
}

// must returns what a future succeeds with.
func must[T any](t *testing.T, f *txaio.Future[T]) T {
	t.Helper()
	value, err := await(t, f)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// failure returns the error, of type E, that a future fails with.
func failure[E error, T any](t *testing.T, f *txaio.Future[T]) E {
	t.Helper()
	value, err := await(t, f)
	wanted, is := errors.AsType[E](err)
	if !is {
		t.Fatalf("got %v and the error %v, want a %T", value, err, wanted)
	}
	return wanted
}
