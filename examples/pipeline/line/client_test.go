//go:build deferred || future

package line_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/examples/pipeline/line"
)

func TestPipelining(t *testing.T) {
	inBubble(t, func(w *world) {
		first, second, third := w.client.Do("SAY", "one"), w.client.Do("SAY", "two words"), w.client.Get("apples")
		p := w.accept()
		p.expect("1 SAY one", "2 SAY two words", "3 GET apples")
		p.send("3 OK 12\n")
		succeeds(w, third, 12)
		pending(w, first)
		long := strings.Repeat("x", 60_000)
		p.send("1 OK " + long + "\n2 OK \n")
		succeeds(w, first, long)
		succeeds(w, second, "")
	})
}

func TestFailures(t *testing.T) {
	inBubble(t, func(w *world) {
		missing, word := w.client.Get("bananas"), w.client.Get("word")
		p := w.accept()
		p.expect("1 GET bananas", "2 GET word")
		p.send("1 ERR no such key\n2 OK many\n")
		_, err := outcome(w, missing)
		if failed, is := errors.AsType[*line.ServerError](err); !is || failed.Text != "no such key" {
			w.Errorf("got the error %v", err)
		}
		if _, err := outcome(w, word); err == nil || !strings.Contains(err.Error(), "many") {
			w.Errorf("got the error %v for an answer that is no number", err)
		}
		for _, bad := range [][2]string{{"", "x"}, {"TWO WORDS", "x"}, {"GET\n", "x"}, {"GET", "x\n2 DELETE x"}, {"GET", "x\r"}} {
			if _, err := outcome(w, w.client.Do(bad[0], bad[1])); err == nil {
				w.Errorf("%q was sent", bad)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	for _, start := range []time.Duration{0, time.Nanosecond, 37 * time.Millisecond, 99 * time.Millisecond} {
		inBubble(t, func(w *world) {
			w.advance(start)
			slow := w.client.Do("WORK", "hard")
			p := w.accept()
			p.expect("1 WORK hard")
			w.advance(timeout - 1)
			pending(w, slow)
			w.advance(100 * time.Millisecond)
			fails(w, slow, context.DeadlineExceeded)

			p.send("1 OK done\n") // too late
			next := w.client.Do("WORK", "less")
			w.run()
			p.expect("2 WORK less")
			p.send("2 OK done\n")
			succeeds(w, next, "done")
			w.advance(2 * timeout) // its timeout was cancelled
			succeeds(w, next, "done")
		})
	}
}

func TestCancel(t *testing.T) {
	inBubble(t, func(w *world) {
		first, second := w.client.Get("apples"), w.client.Get("pears")
		txaio.Cancel(first) // it was not sent yet, and never is
		p := w.accept()
		p.expect("1 GET pears")
		fails(w, first, txaio.ErrCancelled)

		txaio.Cancel(second)
		fails(w, second, txaio.ErrCancelled)
		p.send("1 OK 8\n1 OK 8\n") // too late
		third := w.client.Get("plums")
		w.run()
		p.expect("2 GET plums")
		p.send("2 OK 20\n")
		succeeds(w, third, 20)
	})
}

func TestDeadlineOfContext(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, cancel := context.WithDeadline(w.Context(), time.Now())
		defer cancel()
		f := w.client.Get("apples")
		txaio.CancelOnDone(ctx, f)
		fails(w, f, context.DeadlineExceeded)
	})
}

func TestBrokenConnection(t *testing.T) {
	inBubble(t, func(w *world) {
		var ended []int
		lost := make([]*txaio.Future[int], 20)
		for i := range lost {
			lost[i] = w.client.Get("apples")
			txaio.Watch(lost[i], nil, func(*txaio.Failure) { ended = append(ended, i) })
		}
		answered := w.client.Get("pears")
		p := w.accept()
		for i := range lost {
			p.expect(fmt.Sprint(i+1, " GET apples"))
		}
		p.expect("21 GET pears")
		p.send("21 OK 8\n1 OK 1") // an incomplete answer does not count
		p.conn.Close()
		succeeds(w, answered, 8)
		for _, f := range lost {
			fails(w, f, line.ErrDisconnected)
			fails(w, f, io.EOF)
		}
		if !slices.IsSorted(ended) || len(ended) != len(lost) {
			w.Errorf("requests ended in the order %v", ended)
		}

		next := w.client.Get("plums")
		p = w.accept()
		p.expect("22 GET plums")
		p.send("22 OK 20\n")
		succeeds(w, next, 20)
	})
}

// brokenConn cannot write any more, but the reader gets no error.
type brokenConn struct{ net.Conn }

func (brokenConn) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestBrokenConnectionForTheWriter(t *testing.T) {
	inBubble(t, func(w *world) {
		near, far := net.Pipe()
		client := line.NewClient(func(context.Context) (net.Conn, error) { return brokenConn{near}, nil }, timeout)
		f := client.Get("apples")
		fails(w, f, line.ErrDisconnected)
		fails(w, f, io.ErrShortWrite)
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			w.Error("the connection is open")
		}
	})
}

func TestDialling(t *testing.T) {
	inBubble(t, func(w *world) {
		w.refuse = errors.New("nobody is there")
		first, second := w.client.Get("a"), w.client.Get("b")
		for _, f := range []*txaio.Future[int]{first, second} {
			fails(w, f, line.ErrDisconnected)
			fails(w, f, w.refuse)
		}
		w.refuse = nil
		third := w.client.Get("c")
		p := w.accept()
		p.expect("3 GET c")
		p.send("3 OK 3\n")
		succeeds(w, third, 3)
	})
}

func TestMalformedLines(t *testing.T) {
	for _, malformed := range []string{
		"\n", "OK\n", "1\n", "1 ok 5\n", "one OK 5\n", "-1 OK 5\n", "0 OK 5\n", "99999999999999999999 OK 5\n",
		"7 OK 5\n", // the answer to no request
		strings.Repeat("x", 1<<20) + "\n",
	} {
		inBubble(t, func(w *world) {
			f := w.client.Get("a")
			p := w.accept()
			p.expect("1 GET a")
			go io.WriteString(p.conn, malformed) // the client may not read all of it
			fails(w, f, line.ErrDisconnected)
			p.expectEnd()
		})
	}
}

// A server that does not read blocks the writer, and nothing else.
func TestSlowServer(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.client.Get("a")
		p := w.accept()
		timesOut, cancelled := w.client.Get("b"), w.client.Get("c")
		w.advance(timeout / 2)
		last := w.client.Get("d")
		txaio.Cancel(cancelled)
		fails(w, cancelled, txaio.ErrCancelled)
		w.advance(timeout / 2)
		fails(w, first, context.DeadlineExceeded)
		fails(w, timesOut, context.DeadlineExceeded)

		p.expect("1 GET a") // it was on its way
		w.run()
		p.expect("4 GET d") // the requests between them have ended
		p.send("4 OK 4\n")
		succeeds(w, last, 4)
	})
}
