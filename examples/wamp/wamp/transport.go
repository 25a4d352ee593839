package wamp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/txaio-go/txaio"
)

// subprotocol is WAMP over WebSocket with JSON.
const subprotocol = "wamp.2.json"

// A transport is one WebSocket connection, with a goroutine that reads and one
// that writes. Everything it has to say it says on the loop; its methods
// return at once.
type transport struct {
	loop   txaio.EventLoop
	events transportEvents
	ctx    context.Context // ended, with the cause, when the connection is
	cancel context.CancelCauseFunc
	slots  chan struct{}   // limits what was read and waits for the loop
	conn   *websocket.Conn // set when it is opened

	bytesRead, bytesWritten atomic.Int64
	bytesSent               atomic.Int64 // given to send
	writing                 atomic.Bool

	mu      sync.Mutex
	queue   [][]byte // what the writer has not taken yet
	closing *websocket.CloseError
	wake    chan struct{} // holds one token
}

// transportEvents is what a transport tells, on the loop.
type transportEvents interface {
	opened(t *transport)
	received(t *transport, m *message, err error)
	closed(t *transport, err error)
}

// maxUnread is how many messages a transport reads ahead of the loop: more of
// them stay in the socket, and the router has to wait.
const maxUnread = 512

// newTransport connects, and tells events what becomes of it.
func newTransport(loop txaio.EventLoop, events transportEvents, dial dialer) *transport {
	t := &transport{
		loop:   loop,
		events: events,
		slots:  make(chan struct{}, maxUnread),
		wake:   make(chan struct{}, 1),
	}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	go t.read(dial)
	return t
}

// send queues a frame. The loop must not wait for the network, so that the
// queue has no limit: who sends without waiting for answers fills memory.
func (t *transport) send(frame []byte) {
	t.bytesSent.Add(int64(len(frame)))
	t.change(func() { t.queue = append(t.queue, frame) })
}

// progress returns how much was read and written, and whether the writer is
// writing.
func (t *transport) progress() (read, written int64, writing bool) {
	return t.bytesRead.Load(), t.bytesWritten.Load(), t.writing.Load()
}

// close closes the connection in WebSocket's way when everything before it is
// sent.
func (t *transport) close(status websocket.StatusCode, reason string) {
	t.change(func() { t.closing = &websocket.CloseError{Code: status, Reason: reason} })
}

// abort drops the connection because of err.
func (t *transport) abort(err error) { t.cancel(err) }

func (t *transport) change(fn func()) {
	t.mu.Lock()
	fn()
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // a token is there already
	}
}

// A dialer opens a connection.
type dialer func(ctx context.Context) (*websocket.Conn, error)

// dialWebSocket returns the dialer for a router.
func dialWebSocket(url string, client *http.Client, maxMessage int64) dialer {
	return func(ctx context.Context) (*websocket.Conn, error) {
		conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			HTTPClient:   client,
			Subprotocols: []string{subprotocol},
		})
		if err != nil {
			return nil, redacted(err, url)
		}
		if conn.Subprotocol() != subprotocol {
			_ = conn.CloseNow() // it is of no use, however it ends
			return nil, fmt.Errorf("the server at %s does not speak %s", redactedURL(url), subprotocol)
		}
		conn.SetReadLimit(maxMessage)
		return conn, nil
	}
}

// read is the reader's goroutine. It connects, too, which also blocks.
func (t *transport) read(dial dialer) {
	conn, err := dial(t.ctx)
	if err == nil {
		stop := context.AfterFunc(t.ctx, func() { _ = conn.CloseNow() }) // the readers get the error
		t.conn = conn
		t.loop.CallSoon(func() { t.events.opened(t) })
		go t.write(conn)
		err = t.readAll(conn)
		stop()
		_ = conn.CloseNow() // err says how it ended
	}
	t.cancel(err)
	err = context.Cause(t.ctx) // the first reason is the one that matters
	t.loop.CallSoon(func() { t.events.closed(t, err) })
}

// readAll hands every message to the loop until the connection ends. It
// decodes here, so that the loop has less to do.
func (t *transport) readAll(conn *websocket.Conn) error {
	for {
		// A context that can end would cost a registration for each message.
		// CloseNow ends the read as well.
		kind, r, err := conn.Reader(context.Background())
		if err != nil {
			return readable(err)
		}
		frame, err := io.ReadAll(counting{r, &t.bytesRead})
		if err != nil {
			return readable(err)
		}
		var m *message
		switch {
		case kind != websocket.MessageText:
			err = violation("a binary message, and %s has only text", subprotocol)
		case !utf8.Valid(frame):
			err = errNotUTF8
		default:
			m, err = decode(frame)
		}
		select {
		case t.slots <- struct{}{}:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
		t.loop.CallSoon(func() {
			<-t.slots
			t.events.received(t, m, err)
		})
	}
}

// errNotUTF8 is what WebSocket closes a connection for, with a status of its own.
var errNotUTF8 = violation("text that is not UTF-8")

// counting counts what is read, so that a message that takes long is a sign of
// life before it is complete.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// closedNormally reports whether the router closed the connection in WebSocket's
// way, and not because of an error.
func closedNormally(err error) bool {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return true
	}
	return false
}

// readable makes a sentence of the commonest reasons.
func readable(err error) error {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return fmt.Errorf("the router closed it: %w", closed)
	case errors.Is(err, net.ErrClosed): // by the WebSocket library, which waits 5 seconds for a ping or pong to be written
		return errStuck
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the router went away: %w", err)
	}
	return err
}

// write is the writer's goroutine.
func (t *transport) write(conn *websocket.Conn) {
	for {
		select {
		case <-t.wake:
		case <-t.ctx.Done():
			return
		}
		t.mu.Lock()
		queue, closing := t.queue, t.closing
		t.queue = nil
		t.mu.Unlock()
		for _, frame := range queue {
			t.writing.Store(true)
			err := t.writeFrame(conn, frame)
			t.writing.Store(false)
			if err != nil {
				t.cancel(err)
				return
			}
		}
		if closing != nil {
			_ = conn.Close(closing.Code, closing.Reason) // the reader gets what comes of it
			return
		}
	}
}

// fragment is the length of the pieces that a long message is sent in. Pings and
// pongs go between them, and each piece that is written is a sign of life.
const fragment = 16 << 10

func (t *transport) writeFrame(conn *websocket.Conn, frame []byte) error {
	if len(frame) <= fragment {
		err := conn.Write(context.Background(), websocket.MessageText, frame)
		t.bytesWritten.Add(int64(len(frame)))
		return err
	}
	w, err := conn.Writer(context.Background(), websocket.MessageText)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(frame, fragment) {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		t.bytesWritten.Add(int64(len(piece)))
	}
	return w.Close()
}
