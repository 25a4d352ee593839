// Package line is a client for a small protocol of lines:
//
//	3 GET apples        a request: its number, a command and an argument
//	3 OK 12             its answer
//	3 ERR no such key   or its failure
//
// Requests are pipelined: a request does not wait for the answers to those before
// it, and answers come in any order.
//
// The package is written for both backends of txaio. The state of a Client belongs to
// the loop. Other goroutines use [txaio.CallSoon] to pass it their events: a call, a
// line that was read, a cancellation. A mutex would be harder to use. On one backend
// Resolve and Cancel run callbacks at once, and these may call the client, so no
// future could be settled while the mutex is held.
package line

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/txaio-go/txaio"
)

var (
	// ErrDisconnected means that the connection broke, or could not be made. The
	// error wraps the cause, too. The client does not send the request again,
	// because the server may have received it.
	ErrDisconnected = errors.New("line: disconnected")
	// ErrClosed means that the client is closed.
	ErrClosed = errors.New("line: the client is closed")
)

// A Dialer connects to the server.
type Dialer func(ctx context.Context) (net.Conn, error)

// A Client sends requests over one connection. It connects when there is something
// to send: requests wait for the connection, and fail if it cannot be made. When it
// breaks, those that are pending fail, and the next request connects again.
//
// Its methods can be called from any goroutine. They use the current loop, which the
// program sets before it makes a Client.
type Client struct {
	dial    Dialer
	timeout time.Duration

	// The next fields belong to the loop.
	conn     *conn // nil if there is none
	lastID   uint64
	pending  map[uint64]*request
	closed   bool
	shutdown []*txaio.Future[struct{}] // the futures of Shutdown
}

// NewClient returns a client whose requests fail with a [*txaio.TimeoutError] if
// they are not answered in time.
func NewClient(dial Dialer, timeout time.Duration) *Client {
	return &Client{dial: dial, timeout: timeout, pending: make(map[uint64]*request)}
}

// Do sends a request and returns its answer. It fails with a [*ServerError] if the
// server says so. Cancelling it forgets the request.
func (c *Client) Do(command, argument string) *txaio.Future[string] {
	if err := check(command, argument); err != nil {
		return txaio.CreateFutureError[string](err)
	}
	r := &request{client: c, command: command, argument: argument}
	r.answer = txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) {
		// On one backend this is the goroutine that cancels, on the other the loop.
		txaio.CallSoon(r.cancelled)
	}))
	txaio.CallSoon(r.start)
	return r.answer
}

// Get returns the number that the server has for key. Cancelling it cancels the
// request, and an answer that is no number is a failure. Then does both.
func (c *Client) Get(key string) *txaio.Future[int] {
	return txaio.Then(c.Do("GET", key), strconv.Atoi)
}

// Shutdown refuses new requests, waits until pending ones have ended or timed out,
// and closes the connection.
func (c *Client) Shutdown() *txaio.Future[struct{}] {
	f := txaio.CreateFuture[struct{}]()
	txaio.CallSoon(func() {
		c.closed = true
		c.shutdown = append(c.shutdown, f)
		c.finish()
	})
	return f
}

// Close refuses new requests, fails those that are pending, and closes the
// connection.
func (c *Client) Close() {
	txaio.CallSoon(func() {
		c.closed = true
		if c.conn != nil {
			c.conn.end(ErrClosed)
		}
	})
}

// finish closes the connection of a closed client when nothing is pending.
func (c *Client) finish() {
	if !c.closed || len(c.pending) > 0 {
		return
	}
	if c.conn != nil {
		c.conn.end(ErrClosed)
	}
	for _, f := range c.shutdown {
		_ = txaio.Resolve(f, struct{}{}) // refused if somebody has cancelled it
	}
	c.shutdown = nil
}
