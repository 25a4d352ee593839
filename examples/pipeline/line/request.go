package line

import (
	"container/list"
	"time"

	"github.com/txaio-go/txaio"
)

// timeouts has one timer of the loop for all requests that time out within the same
// 100 ms, of all clients. It rounds up, so none times out early.
var timeouts = txaio.MakeBatchedTimer(100*time.Millisecond, 0, txaio.RoundUp())

// A request is pending from start to forget.
type request struct {
	client            *Client
	command, argument string
	answer            *txaio.Future[string]

	// The next fields belong to the loop.
	id      uint64
	timeout txaio.DelayedCall
	conn    *conn
	unsent  *list.Element // its place among the conn's, if it still has one
}

// start gives the request to the connection.
func (r *request) start() {
	c := r.client
	switch {
	case txaio.IsCalled(r.answer): // it was cancelled in the meantime
		return
	case c.closed:
		_ = txaio.Reject(r.answer, ErrClosed) // refused if it was cancelled just now
		return
	}
	c.lastID++
	r.id = c.lastID
	c.pending[r.id] = r
	r.timeout = timeouts.CallLater(c.timeout, func() {
		r.settle("", &txaio.TimeoutError{Delay: c.timeout})
	})
	r.conn = c.connect()
	r.conn.send(r)
}

// settle ends the request with its answer, its timeout or the end of the connection,
// whichever comes first.
func (r *request) settle(answer string, err error) {
	if !r.forget() {
		return
	}
	if err == nil {
		_ = txaio.Resolve(r.answer, answer) // refused if it was cancelled just now
	} else {
		_ = txaio.Reject(r.answer, err)
	}
	r.client.finish()
}

// cancelled ends a request that was cancelled. The cancellation settles the future.
func (r *request) cancelled() {
	if r.forget() {
		r.client.finish()
	}
}

// forget removes the request from its connection, stops its timeout, and reports
// whether it was pending.
func (r *request) forget() bool {
	if r.client.pending[r.id] != r {
		return false
	}
	delete(r.client.pending, r.id)
	r.timeout.Cancel()
	r.conn.unsent.Remove(r.unsent) // does nothing if it was sent
	return true
}
