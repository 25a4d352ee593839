//go:build deferred || future

package wamp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// wires are the pairs of transport and serializer that each test runs with.
var wires = []struct {
	name       string
	serializer wamp.Serializer
	raw        bool
}{
	{"JSON", wamp.JSON, false},
	{"MessagePack", wamp.MessagePack, false},
	{"CBOR", wamp.CBOR, false},
	{"RawSocket", wamp.CBOR, true},
}

// inBubble runs a test with each of the wires, on a loop of its own in a bubble, whose
// clock moves only when everything waits.
func inBubble(t *testing.T, test func(t *testing.T, server *wamptest.Server)) {
	t.Helper()
	overWires(t, len(wires), test)
}

// inOneBubble is inBubble with one wire, for slow tests.
func inOneBubble(t *testing.T, test func(t *testing.T, server *wamptest.Server)) {
	t.Helper()
	overWires(t, 1, test)
}

func overWires(t *testing.T, n int, test func(t *testing.T, server *wamptest.Server)) {
	t.Helper()
	for _, wire := range wires[:n] {
		t.Run(wire.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(testutil.ReplaceLoop(txaio.NewLoop()))
				server := wamptest.NewServer(t)
				server.Protocol, server.Raw = "wamp.2."+wire.serializer.Name(), wire.raw
				test(t, server)
			})
		})
	}
}

// newSession returns a session for server. It is left when the test ends.
func newSession(t *testing.T, server *wamptest.Server, config wamp.Config) *wamp.Session {
	t.Helper()
	config.Realm = "realm1"
	if config.Serializers == nil {
		config.Serializers = []wamp.Serializer{wamp.JSON, wamp.MessagePack, wamp.CBOR}
	}
	if server.Raw {
		config.URL, config.Dial = wamptest.RawURL, server.Dial
	} else {
		config.URL, config.HTTPClient = wamptest.URL, server.Client()
	}
	s, err := wamp.NewSession(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { txaio.Await(context.Background(), s.Leave()) })
	return s
}

// closedWith waits for the end of the connection. A RawSocket has no status.
func closedWith(t *testing.T, server *wamptest.Server, p *wamptest.Peer, status websocket.StatusCode) {
	t.Helper()
	if server.Raw {
		status = -1
	}
	if got := p.ExpectClosed(); got != status {
		t.Errorf("closed with %v", got)
	}
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

// await waits for a future and returns its outcome.
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

// must waits for a future and returns its value. If it fails, so does the test.
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
