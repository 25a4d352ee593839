package wamp

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/txaio-go/txaio"
)

// CallOptions are options of [Session.Call].
type CallOptions struct {
	// Timeout is how long to wait for the result. After it the call fails with a
	// [*TimeoutError] and is cancelled at the router. 0 stands for
	// [Config].Timeout, a negative one for no limit.
	Timeout time.Duration
	// DiscloseMe asks the router to tell the callee who calls.
	DiscloseMe bool
	// OnProgress gets the progressive results, on the loop; asking for them is
	// what tells the callee that it may send some.
	OnProgress func(*Result)
	// CancelMode is how the router is asked to cancel the call: "skip",
	// "kill" or "killnowait", which is the default.
	CancelMode string
}

// A Result is what a call returned.
type Result struct {
	Payload
	Details map[string]any
}

// Call calls a procedure. The future fails with the callee's [*Error], or the
// router's. Cancelling it cancels the call.
func (s *Session) Call(procedure string, payload Payload, options ...CallOptions) *txaio.Future[*Result] {
	c := &call{session: s, procedure: procedure, options: optional(options)}
	if err := c.prepare(payload); err != nil {
		return failed[*Result](s, err)
	}
	c.future = txaio.CreateFutureOn(s.api, txaio.WithCanceller(c.canceller))
	whenJoined(s, c.future, c.start)
	return c.future
}

// A call is a pending CALL.
type call struct {
	session   *Session
	procedure string
	options   CallOptions
	body      body
	future    *txaio.Future[*Result]

	// What follows belongs to the loop.
	id      uint64
	timeout txaio.DelayedCall
}

// prepare does what needs no session.
func (c *call) prepare(payload Payload) (err error) {
	if err := checkURI(c.procedure, exact); err != nil {
		return err
	}
	switch c.options.CancelMode {
	case "":
		c.options.CancelMode = "killnowait"
	case "skip", "kill", "killnowait":
	default:
		return &Error{URI: InvalidArgument, Payload: Args("a call is cancelled in mode skip, kill or killnowait, not " + c.options.CancelMode)}
	}
	c.body, err = payload.encode()
	return err
}

func (c *call) start() {
	s := c.session
	details := "{}"
	switch progress, disclose := c.options.OnProgress != nil, c.options.DiscloseMe; {
	case progress && disclose:
		details = `{"receive_progress":true,"disclose_me":true}`
	case progress:
		details = `{"receive_progress":true}`
	case disclose:
		details = `{"disclose_me":true}`
	}
	c.id = s.request(c, json.RawMessage(details), c.procedure, c.body.args, c.body.kwargs)
	c.body = body{} // it is not needed any more, however long the call takes
	if limit := cmp.Or(c.options.Timeout, s.callTimeout); limit > 0 {
		c.timeout = s.api.CallLater(limit, func() {
			if c.abandon() {
				reject(c.future, &TimeoutError{codeCall.String(), c.procedure, limit})
			}
		})
	}
}

// canceller is called on whatever goroutine cancels the future on one backend,
// and on the loop on the other.
func (c *call) canceller(*txaio.Future[*Result]) {
	c.session.loop.CallSoon(func() { c.abandon() })
}

// abandon gives up on a call that is pending, and reports whether it was.
func (c *call) abandon() bool {
	s := c.session
	if s.requests.pending[c.id] != request(c) {
		return false
	}
	c.settled()
	s.requests.abandon(c.id)
	if s.phase == joined && s.cancels {
		s.send(codeCancel, c.id, map[string]any{"mode": c.options.CancelMode})
	}
	return true
}

// knowsCancel reports whether the router may be sent a CANCEL: unless it says
// that it does not know it. Routers that know it do not all say so.
func knowsCancel(welcome map[string]any) bool {
	var feature any = welcome
	for _, name := range []string{"roles", "dealer", "features", "call_canceling"} {
		dict, _ := feature.(map[string]any) // what is missing is nil, and that is no false
		feature = dict[name]
	}
	return feature != false
}

func (c *call) settled() {
	if c.timeout != nil {
		c.timeout.Cancel()
	}
}

func (c *call) code() code { return codeCall }

func (c *call) answered(_ *Session, m *message) (last bool) {
	result := &Result{m.payload, m.details}
	if !m.progress() {
		c.settled()
		resolve(c.future, result)
		return true
	}
	if c.options.OnProgress != nil && !txaio.IsCalled(c.future) {
		c.session.callback("OnProgress", func() error { c.options.OnProgress(result); return nil })
	}
	return false
}

func (c *call) failed(_ *Session, fail *txaio.Failure) {
	c.settled()
	reject(c.future, fail)
}
