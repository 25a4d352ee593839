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
	// RouterTimeout asks the router to end the call after this time, to the
	// millisecond, or to leave that to the callee.
	RouterTimeout time.Duration
	// DiscloseMe asks the router to tell the callee who calls.
	DiscloseMe bool
	// OnProgress gets the progressive results, on the loop. Without it, the callee
	// is not allowed to send any.
	OnProgress func(*Result)
	// CancelMode says how the router cancels the call: "skip", "kill" or
	// "killnowait", the default.
	CancelMode string
	// Options are other options for the router.
	Options map[string]any
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
	return c.make(payload)
}

// A call is a pending CALL.
type call struct {
	session   *Session
	procedure string
	options   CallOptions
	details   any // the same, encoded
	body      body
	future    *txaio.Future[*Result]

	// The next fields are set when the call is sent, and then belong to the loop.
	id      uint64
	timeout txaio.DelayedCall
	open    bool // more arguments come; guarded like the requests
}

// make begins a call.
func (c *call) make(payload Payload) *txaio.Future[*Result] {
	s := c.session
	if err := c.prepare(payload); err != nil {
		return failed[*Result](s, err)
	}
	c.future = txaio.CreateFutureOn(s.api, txaio.WithCanceller(c.canceller))
	atOnce(s, c.future, c.start)
	return c.future
}

// noOptions are those of most calls.
var noOptions any = json.RawMessage("{}")

// prepare does the part that needs no session.
func (c *call) prepare(payload Payload) (err error) {
	if err := checkURI(c.procedure, exact); err != nil {
		return err
	}
	o := &c.options
	switch o.CancelMode {
	case "":
		o.CancelMode = "killnowait"
	case "skip", "kill", "killnowait":
	default:
		return &Error{URI: InvalidArgument, Payload: Args("a call is cancelled in mode skip, kill or killnowait, not " + o.CancelMode)}
	}
	if c.details, err = c.encodeOptions(c.open); err != nil {
		return err
	}
	c.body, err = payload.encode()
	return err
}

func (c *call) encodeOptions(open bool) (any, error) {
	o := &c.options
	if o.Options == nil && o.OnProgress == nil && !o.DiscloseMe && o.RouterTimeout == 0 && !open {
		return noOptions, nil
	}
	options := withOptions(o.Options)
	set(options, "receive_progress", o.OnProgress != nil)
	set(options, "disclose_me", o.DiscloseMe)
	set(options, "timeout", o.RouterTimeout.Milliseconds())
	set(options, "progress", open)
	return options.encode()
}

func (c *call) start() {
	s := c.session
	if err := s.requests.send(s, c, codeCall, c.details, c.procedure, c.body.args, c.body.kwargs); err != nil {
		reject(c.future, err)
	}
	c.body = body{} // free the memory while the call is pending
}

func (c *call) sending(s *Session, id uint64) {
	c.id = id
	if limit := cmp.Or(c.options.Timeout, s.callTimeout); limit > 0 {
		c.timeout = s.api.CallLater(limit, func() {
			if c.abandon() {
				reject(c.future, &TimeoutError{codeCall.String(), c.procedure, limit})
			}
		})
	}
}

// canceller is called on the goroutine that cancels the future on one backend, and
// on the loop on the other.
func (c *call) canceller(*txaio.Future[*Result]) {
	c.session.loop.CallSoon(func() { c.abandon() })
}

// abandon gives up on a call that is pending, and reports whether it was.
func (c *call) abandon() bool {
	s := c.session
	if !s.requests.abandon(c.id, c) {
		return false
	}
	c.settled()
	if s.phase == joined && s.cancels {
		s.send(codeCancel, c.id, map[string]any{"mode": c.options.CancelMode})
	}
	return true
}

// knowsCancel returns false if the router says that it does not support CANCEL. Not
// every router that supports it says so.
func knowsCancel(welcome map[string]any) bool {
	var feature any = welcome
	for _, name := range []string{"roles", "dealer", "features", "call_canceling"} {
		dict, _ := feature.(map[string]any) // nil if it is missing, which does not mean false
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

func (c *call) answered(_ *Session, m *message) {
	result := &Result{m.payload, m.details}
	switch {
	case !m.progress():
		c.settled()
		resolve(c.future, result)
	case c.options.OnProgress != nil && !txaio.IsCalled(c.future):
		c.session.callback("OnProgress", func() error { c.options.OnProgress(result); return nil })
	}
}

func (c *call) failed(_ *Session, fail *txaio.Failure) {
	c.settled()
	reject(c.future, fail)
}
