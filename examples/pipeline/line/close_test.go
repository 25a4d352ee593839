//go:build deferred || future

package line_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/examples/pipeline/line"
	"github.com/txaio-go/txaio/testutil"
)

func TestClose(t *testing.T) {
	inBubble(t, func(w *world) {
		sent := w.client.Get("a")
		p := w.accept()
		p.expect("1 GET a")
		unsent := w.client.Get("b")
		w.client.Close()
		tooLate := w.client.Get("c")
		for _, f := range []*txaio.Future[int]{sent, unsent, tooLate} {
			fails(w, f, line.ErrClosed)
		}
		succeeds(w, w.client.Shutdown(), struct{}{})
	})
}

func TestShutdown(t *testing.T) {
	inBubble(t, func(w *world) {
		answered, timesOut := w.client.Get("a"), w.client.Get("b")
		p := w.accept()
		p.expect("1 GET a", "2 GET b")
		w.advance(timeout / 2)
		cancelled := w.client.Get("c")
		w.run()
		p.expect("3 GET c")

		down, again := w.client.Shutdown(), w.client.Shutdown()
		fails(w, w.client.Get("d"), line.ErrClosed)
		p.send("1 OK 1\n")
		succeeds(w, answered, 1)
		w.advance(timeout / 2)
		fails(w, timesOut, context.DeadlineExceeded)
		pending(w, down)
		txaio.Cancel(cancelled)
		succeeds(w, down, struct{}{})
		succeeds(w, again, struct{}{})
		p.expectEnd()
	})
}

// Close does not wait for the network, and what comes from there too late is closed.
func TestCloseWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := testutil.UseLoop(t)
		late := make(chan net.Conn)
		client := line.NewClient(func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return <-late, nil // it has connected at that very moment
		}, timeout)
		w := &world{T: t, loop: loop, client: client}
		f := client.Get("a")
		pending(w, f)
		client.Close()
		fails(w, f, line.ErrClosed)
		near, far := net.Pipe()
		late <- near
		w.run()
		if _, err := far.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is open")
		}
	})
}
