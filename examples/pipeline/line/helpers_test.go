//go:build deferred || future

package line_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/examples/pipeline/line"
	"github.com/txaio-go/txaio/testutil"
)

const timeout = 5 * time.Second

// A world is a client on a loop that the test drives, and the server's side.
type world struct {
	*testing.T
	loop   *testutil.TestLoop
	client *line.Client
	peers  chan *peer
	refuse error // the error of dialling
}

// inBubble runs a test in a bubble, which knows when the reader and the writer of a
// connection have nothing left to do.
func inBubble(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, loop: testutil.UseLoop(t), peers: make(chan *peer, 10)}
		w.client = line.NewClient(w.dial, timeout)
		test(w)
		w.client.Close()
		w.run()
		if _, left := w.loop.NextTimer(); left {
			t.Error("a timer is left")
		}
	})
}

func (w *world) dial(ctx context.Context) (net.Conn, error) {
	if w.refuse != nil {
		return nil, w.refuse
	}
	near, far := net.Pipe()
	w.peers <- &peer{w.T, far, bufio.NewReader(far)}
	return near, nil
}

// run runs the loop until neither it nor a goroutine has anything left to do. The
// clock does not move.
func (w *world) run() { w.loop.Wait() }

// advance moves the clock, and then calls run.
func (w *world) advance(d time.Duration) {
	w.run()
	w.loop.Advance(d)
	w.run()
}

// accept returns the server's side of the connection that the client has made.
func (w *world) accept() *peer {
	w.Helper()
	w.run()
	select {
	case p := <-w.peers:
		return p
	default:
		w.Fatal("the client has not connected")
		return nil
	}
}

// A peer is the server's side of a connection.
type peer struct {
	*testing.T
	conn  net.Conn
	lines *bufio.Reader
}

// expect reads what the client has sent.
func (p *peer) expect(lines ...string) {
	p.Helper()
	for _, want := range lines {
		if got, err := p.lines.ReadString('\n'); got != want+"\n" {
			p.Fatalf("the client sent %q (%v), want %q", got, err, want)
		}
	}
}

// expectEnd checks that the client has closed the connection, and sent nothing.
func (p *peer) expectEnd() {
	p.Helper()
	if got, err := p.lines.ReadString('\n'); got != "" || err != io.EOF {
		p.Errorf("the client sent %q (%v), want nothing but the end", got, err)
	}
}

// send sends text to the client.
func (p *peer) send(text string) {
	p.Helper()
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.Fatal(err)
	}
}

// succeeds fails the test unless f has the value.
func succeeds[T comparable](w *world, f *txaio.Future[T], want T) {
	w.Helper()
	if got, err := outcome(w, f); err != nil || got != want {
		w.Errorf("got %v and the error %v, want %v", got, err, want)
	}
}

// fails fails the test unless f has failed with the error.
func fails[T any](w *world, f *txaio.Future[T], want error) {
	w.Helper()
	if got, err := outcome(w, f); !errors.Is(err, want) {
		w.Errorf("got %v and the error %v, want the error %v", got, err, want)
	}
}

func outcome[T any](w *world, f *txaio.Future[T]) (T, error) {
	w.Helper()
	w.run()
	if !txaio.IsCalled(f) {
		w.Fatal("the future is pending")
	}
	return txaio.Await(w.Context(), f)
}

// pending fails the test unless f is pending.
func pending(w *world, f txaio.AnyFuture) {
	w.Helper()
	w.run()
	if txaio.IsCalled(f) {
		w.Errorf("%v, want it pending", f)
	}
}
