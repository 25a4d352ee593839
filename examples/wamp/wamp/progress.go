package wamp

import (
	"io"

	"github.com/txaio-go/txaio"
)

// A ProgressiveCall is a call whose arguments are sent piece by piece, to a procedure
// that reads them with [Invocation.Receive].
type ProgressiveCall struct {
	// Result is the result of the call. It may come before everything was sent.
	// Cancelling it cancels the call.
	Result *txaio.Future[*Result]

	call *call
}

// CallProgressively begins a call with the first of its arguments. It needs a router
// with the feature progressive_call_invocations.
func (s *Session) CallProgressively(procedure string, first Payload, options ...CallOptions) *ProgressiveCall {
	c := &call{session: s, procedure: procedure, options: optional(options), open: true}
	return &ProgressiveCall{Result: c.make(first), call: c}
}

// Send sends further arguments. It returns an error if they cannot be encoded. If they
// are too long for the router, the call fails. After the result, or the last
// arguments, Send does nothing.
func (p *ProgressiveCall) Send(payload Payload) error { return p.call.more(payload, true) }

// Finish sends the last arguments.
func (p *ProgressiveCall) Finish(payload Payload) error { return p.call.more(payload, false) }

func (c *call) more(payload Payload, open bool) error {
	body, err := payload.encode()
	if err != nil {
		return err
	}
	details, err := c.encodeOptions(open)
	if err != nil {
		return err
	}
	atOnce(c.session, c.future, func() {
		if err := c.session.requests.more(c, open, details, c.procedure, body.args, body.kwargs); err != nil {
			c.session.loop.CallSoon(func() {
				if c.abandon() {
					reject(c.future, err)
				}
			})
		}
	})
	return nil
}

// more sends a CALL with the id of one that is pending and open, or returns an error.
func (r *requests) more(c *call, open bool, elements ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending[c.id] != c || !c.open {
		return nil
	}
	frame, err := r.transport.encode(codeCall, append([]any{c.id}, elements...)...)
	if err != nil {
		c.open = false // the callee must not get later arguments without these
		return err
	}
	c.open = open
	r.transport.send(frame)
	return nil
}

// inputs are the further arguments of an invocation. They belong to the loop.
type inputs struct {
	open    bool // more come
	queue   []Payload
	waiting []*txaio.Future[Payload]
}

// Receive returns the next arguments of a progressive call. The first ones are the
// invocation's Payload. The future fails with [io.EOF] if there are no more, and is
// cancelled with the call.
func (inv *Invocation) Receive() *txaio.Future[Payload] {
	f := newFuture[Payload](inv.session)
	inv.session.loop.CallSoon(func() {
		inv.waiting = append(inv.waiting, f)
		inv.deliver()
	})
	return f
}

// input handles a further INVOCATION with the same request.
func (inv *Invocation) input(m *message) error {
	if !inv.open {
		return violation("INVOCATION %d twice", m.request)
	}
	inv.open = m.details["progress"] == true
	if inv.answered {
		if !inv.open {
			delete(inv.session.invocations, inv.request)
		}
		return nil
	}
	inv.queue = append(inv.queue, m.payload)
	inv.deliver()
	return nil
}

func (inv *Invocation) deliver() {
	for len(inv.waiting) > 0 {
		f := inv.waiting[0]
		switch {
		case txaio.IsCalled(f): // cancelled
		case len(inv.queue) > 0:
			resolve(f, inv.queue[0])
			inv.queue = inv.queue[1:]
		case inv.open && !inv.answered:
			return
		default:
			reject(f, io.EOF)
		}
		inv.waiting = inv.waiting[1:]
	}
}
