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

// Shutdown waits for the last request, however it ends.
func TestShutdown(t *testing.T) {
	for name, end := range map[string]func(w *world, p *peer, last *txaio.Future[int]){
		"answered": func(w *world, p *peer, last *txaio.Future[int]) {
			p.send("2 OK 8\n")
			succeeds(w, last, 8)
		},
		"cancelled": func(w *world, p *peer, last *txaio.Future[int]) {
			txaio.Cancel(last)
			fails(w, last, txaio.ErrCancelled)
		},
		"timed out": func(w *world, p *peer, last *txaio.Future[int]) {
			w.advance(timeout)
			fails(w, last, context.DeadlineExceeded)
		},
		"disconnected": func(w *world, p *peer, last *txaio.Future[int]) {
			p.conn.Close()
			fails(w, last, line.ErrDisconnected)
		},
		"closed": func(w *world, p *peer, last *txaio.Future[int]) {
			w.client.Close()
			fails(w, last, line.ErrClosed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				first, last := w.client.Get("apples"), w.client.Get("pears")
				p := w.accept()
				p.expect("1 GET apples", "2 GET pears")
				down, again := w.client.Shutdown(), w.client.Shutdown()
				fails(w, w.client.Get("plums"), line.ErrClosed)
				p.send("1 OK 12\n")
				succeeds(w, first, 12)
				pending(w, down)
				end(w, p, last)
				succeeds(w, down, struct{}{})
				succeeds(w, again, struct{}{})
				if name != "disconnected" {
					p.expectEnd()
				}
			})
		})
	}
}

// Close does not wait for the network. A connection that is made too late is closed.
func TestCloseWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := testutil.UseLoop(t)
		late := make(chan net.Conn)
		client := line.NewClient(func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return <-late, nil // it connects at the moment of Close
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
