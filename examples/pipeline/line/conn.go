package line

import (
	"bufio"
	"container/list"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/txaio-go/txaio"
)

// A conn is one connection. It belongs to the loop, except that txaio.Go runs the
// blocking parts, read and net.Write, on goroutines.
type conn struct {
	client  *Client
	reading *txaio.Future[struct{}]
	net     net.Conn  // nil until it is connected
	unsent  list.List // the requests that wait for the writer
	writing bool
}

// connect returns the connection, and makes one if there is none.
func (c *Client) connect() *conn {
	if c.conn == nil {
		k := &conn{client: c}
		c.conn = k
		k.reading = txaio.Go(k.read)
		txaio.Watch(k.reading, nil, func(fail *txaio.Failure) { k.end(fail) })
	}
	return c.conn
}

// read is the reader: it connects, and passes each line to the loop.
func (k *conn) read(ctx context.Context) (struct{}, error) {
	nc, err := k.client.dial(ctx)
	if err != nil {
		return struct{}{}, err
	}
	txaio.CallSoon(func() { k.connected(nc) })
	// If the connection breaks inside a line, a bufio.Scanner would return the
	// beginning as a line.
	lines := bufio.NewReaderSize(nc, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return struct{}{}, err
		}
		a, err := parse(line)
		if err != nil {
			return struct{}{}, err
		}
		txaio.CallSoon(func() { k.answered(a) })
	}
}

func (k *conn) connected(nc net.Conn) {
	if k.client.conn != k { // it has ended in the meantime
		_ = nc.Close() // nothing was sent
		return
	}
	k.net = nc
	k.flush()
}

func (k *conn) send(r *request) {
	r.unsent = k.unsent.PushBack(r)
	k.flush()
}

// flush writes the unsent requests. The writer exists only while there is something
// to write. Requests that come while it is busy are written together when it has
// finished.
func (k *conn) flush() {
	if k.net == nil || k.writing || k.unsent.Len() == 0 {
		return
	}
	var lines []byte
	for k.unsent.Len() > 0 {
		r := k.unsent.Remove(k.unsent.Front()).(*request)
		lines = r.appendTo(lines)
	}
	k.writing = true
	nc := k.net
	written := txaio.Go(func(context.Context) (int, error) { return nc.Write(lines) })
	txaio.Watch(written,
		func(int) {
			k.writing = false
			k.flush()
		},
		func(fail *txaio.Failure) { k.end(fail) })
}

func (k *conn) answered(a answer) {
	c := k.client
	switch r := c.pending[a.id]; {
	case r != nil:
		r.settle(a.text, a.err)
	case a.id > c.lastID:
		k.end(fmt.Errorf("the server answers request %d, which was never made", a.id))
	default: // the answer is late: the request was cancelled, or timed out
	}
}

// end closes the connection, unless it has ended, and fails the pending requests.
func (k *conn) end(err error) {
	c := k.client
	if c.conn != k {
		return
	}
	c.conn = nil
	txaio.Cancel(k.reading) // it may still be dialling
	if k.net != nil {
		_ = k.net.Close() // err says why it ended
	}
	err = fmt.Errorf("%w: %w", ErrDisconnected, err)
	for _, id := range slices.Sorted(maps.Keys(c.pending)) {
		c.pending[id].settle("", err)
	}
}
