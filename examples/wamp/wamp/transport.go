package wamp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/txaio-go/txaio"
)

// A connection carries messages: [webSocket] or [rawSocket].
type connection interface {
	serializer() Serializer
	// longest is the length in bytes of the longest message that the router accepts.
	longest() int
	// tls is the state of TLS, nil without it.
	tls() *tls.ConnectionState

	// read and write add the bytes that they have moved to progress. If the
	// connection does not answer pings itself, onPing gets the payload for pong. The
	// next call of read may overwrite the frame.
	read(progress *atomic.Int64, onPing func(payload []byte)) ([]byte, error)
	write(frame []byte, progress *atomic.Int64) error
	pong(payload []byte) error
	// Ping waits for the pong. It may be called while write is running.
	Ping(ctx context.Context) error

	// close closes the connection for writing, with a status and a reason if the
	// connection has those.
	close(status websocket.StatusCode, reason string)
	closeNow()
}

// A transport is one connection, with a goroutine that reads and one that writes.
// It calls its events on the loop. Its methods return at once.
type transport struct {
	loop       txaio.EventLoop
	events     transportEvents
	ctx        context.Context // ends with the connection; its cause is why
	cancel     context.CancelCauseFunc
	slots      chan struct{} // one for each message that waits for the loop
	conn       connection    // set when it is opened
	serializer Serializer    // set when conn is

	bytesRead, bytesWritten atomic.Int64
	bytesSent               atomic.Int64 // passed to send
	writing                 atomic.Bool

	mu      sync.Mutex
	queue   [][]byte // frames that the writer has not taken yet
	pongs   [][]byte
	closing *websocket.CloseError
	wake    chan struct{} // holds one token
}

// transportEvents gets the events of a transport, on the loop.
type transportEvents interface {
	opened(t *transport)
	received(t *transport, m *message, err error)
	closed(t *transport, err error)
}

// maxUnread is how many messages a transport reads ahead of the loop. Then the
// reader waits, the socket's buffers fill, and the router has to wait.
const maxUnread = 512

// maxPongs limits how many pings wait for an answer.
const maxPongs = 16

// A dialer opens a connection.
type dialer func(ctx context.Context) (connection, error)

// newTransport starts to connect. It reports to events.
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

// encode encodes a message. It fails if the router would not accept the frame.
func (t *transport) encode(c code, elements ...any) ([]byte, error) {
	frame, err := encode(t.serializer, c, elements...)
	if err == nil && t.conn != nil && len(frame) > t.conn.longest() {
		err = &Error{URI: PayloadSizeExceeded, Payload: Args(
			fmt.Sprintf("a message of %d bytes: the router takes at most %d", len(frame), t.conn.longest()))}
	}
	return frame, err
}

// send queues a frame. The queue has no limit, because the loop must not wait for
// the network: a program that sends without waiting for answers fills the memory.
func (t *transport) send(frame []byte) {
	t.bytesSent.Add(int64(len(frame)))
	t.change(func() { t.queue = append(t.queue, frame) })
}

// progress returns the numbers of bytes read and written, and whether the writer
// is writing.
func (t *transport) progress() (read, written int64, writing bool) {
	return t.bytesRead.Load(), t.bytesWritten.Load(), t.writing.Load()
}

// close closes the connection when the frames queued before are sent.
func (t *transport) close(status websocket.StatusCode, reason string) {
	t.change(func() { t.closing = &websocket.CloseError{Code: status, Reason: reason} })
}

// tls returns the state of TLS, nil without it.
func (t *transport) tls() *tls.ConnectionState {
	if t.conn == nil {
		return nil
	}
	return t.conn.tls()
}

// hasStatus reports whether close can say why.
func (t *transport) hasStatus() bool {
	_, is := t.conn.(*webSocket)
	return is
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

// read is the reader's goroutine. It also connects, because that blocks too.
func (t *transport) read(dial dialer) {
	conn, err := dial(t.ctx)
	if err == nil {
		stop := context.AfterFunc(t.ctx, conn.closeNow) // the reader gets the error
		t.conn, t.serializer = conn, conn.serializer()
		t.loop.CallSoon(func() { t.events.opened(t) })
		go t.write(conn)
		err = t.readAll(conn)
		stop()
		conn.closeNow()
	}
	t.cancel(err)
	err = context.Cause(t.ctx) // the first reason counts
	t.loop.CallSoon(func() { t.events.closed(t, err) })
}

// readAll passes each message to the loop, until the connection ends. It decodes
// messages on this goroutine to leave the loop less to do.
func (t *transport) readAll(conn connection) error {
	onPing := func(payload []byte) {
		t.change(func() {
			if len(t.pongs) < maxPongs {
				t.pongs = append(t.pongs, payload)
			}
		})
	}
	for {
		frame, err := conn.read(&t.bytesRead, onPing)
		var wrong *ProtocolError
		if err != nil && !errors.As(err, &wrong) {
			return readable(err)
		}
		var m *message
		if err == nil {
			m, err = decode(t.serializer, frame)
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

// counting counts bytes as they are read, so that a long message shows that the
// connection is alive before it is complete.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// closedNormally reports whether the router closed the connection properly.
func closedNormally(err error) bool {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return true
	}
	return errors.Is(err, errHungUp)
}

// readable explains the most common errors.
func readable(err error) error {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return fmt.Errorf("the router closed it: %w", closed)
	case errors.Is(err, net.ErrClosed): // because a ping or pong could not be written
		return errStuck
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the router went away: %w", err)
	}
	return err
}

// write is the writer's goroutine.
func (t *transport) write(conn connection) {
	for {
		select {
		case <-t.wake:
		case <-t.ctx.Done():
			return
		}
		t.mu.Lock()
		queue, pongs, closing := t.queue, t.pongs, t.closing
		t.queue, t.pongs = nil, nil
		t.mu.Unlock()
		for _, payload := range pongs {
			if !t.writes(func() error { return conn.pong(payload) }) {
				return
			}
		}
		for _, frame := range queue {
			if !t.writes(func() error { return conn.write(frame, &t.bytesWritten) }) {
				return
			}
		}
		if closing != nil {
			conn.close(closing.Code, closing.Reason) // the reader sees the result
			return
		}
	}
}

// writes calls fn as a write, and reports whether the writer can go on.
func (t *transport) writes(fn func() error) bool {
	t.writing.Store(true)
	err := fn()
	t.writing.Store(false)
	if err != nil {
		t.cancel(err)
	}
	return err == nil
}

// fragment is the length of the pieces in which a long message is written. Each
// shows that the connection is alive. In WebSocket, pings and pongs go between them.
const fragment = 16 << 10
