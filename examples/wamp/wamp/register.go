package wamp

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/txaio-go/txaio"
)

// RegisterOptions are options of [Session.Register].
type RegisterOptions struct {
	// Match says how the procedure is matched: "exact", "prefix" or "wildcard".
	Match string
	// Invoke says how the router chooses one of several registrations, such as
	// "roundrobin".
	Invoke string
	// Concurrency asks the router to limit the invocations at one time. It also
	// limits how many calls of a handler of [Session.Handle] run at once; there 0
	// stands for 100.
	Concurrency int
	// ForceReregister replaces another session's registration, for example that of a
	// lost session that the router has not noticed.
	ForceReregister bool
	// ForwardTimeout asks the router to leave the time limits of callers to the
	// endpoint: see [Invocation].Timeout.
	ForwardTimeout bool
	// DiscloseCaller asks the router to tell who calls: see [Invocation].Caller.
	DiscloseCaller bool
	// OnRevoked is called, on the loop, if the router ends the registration.
	OnRevoked func(reason string)
	// Options are other options for the router.
	Options map[string]any
}

// A Registration is a procedure that is registered at the router. It lasts until
// Unregister, Leave or its revocation. After a reconnect, the session registers it
// again.
type Registration struct {
	ID        uint64 // the first id; the router gives another after a reconnect
	Procedure string

	entry *entry
}

// An endpoint answers an invocation, at once or later.
type endpoint func(*Invocation)

// An Invocation is a call of a registered procedure.
type Invocation struct {
	Payload
	// Procedure is the URI that was called.
	Procedure string
	// Details are the details of the call from the router.
	Details map[string]any
	// Caller is the session that calls, 0 if the router does not say.
	Caller uint64
	// Timeout is how long the caller wants to wait, 0 if the router does not say:
	// see [RegisterOptions].ForwardTimeout.
	Timeout time.Duration

	session   *Session
	transport *transport
	request   uint64
	future    *txaio.Future[body] // the endpoint's answer
	answered  bool
	inputs
}

// ErrNotAsked is returned by [Invocation.Progress] if the caller did not
// ask for progressive results.
var ErrNotAsked = errors.New("the caller did not ask for progressive results")

// Register registers a procedure that answers at once: endpoint is called on
// the loop, and returns the result or an error.
func (s *Session) Register(procedure string, endpoint func(*Invocation) (Payload, error), options ...RegisterOptions) *txaio.Future[*Registration] {
	return s.register(procedure, func(inv *Invocation) {
		// Encode the result now, because endpoint may change it later.
		inv.future = txaio.AsFutureOn(s.api, func() (body, error) {
			result, err := endpoint(inv)
			if err != nil {
				return body{}, err
			}
			return result.encode()
		})
		if inv.asksProgress() { // a progressive result may be on its way to the loop
			inv.answerWith(inv.future)
		} else {
			txaio.Watch(inv.future, inv.yield, inv.fail) // it is settled, so the callbacks run here or on the loop
		}
	}, optional(options))
}

// RegisterLater registers a procedure that answers later: endpoint is called
// on the loop, and returns a future. The future is cancelled if the caller
// cancels the call, or the session ends. Its value must not be changed any more.
func (s *Session) RegisterLater(procedure string, endpoint func(*Invocation) (*txaio.Future[Payload], error), options ...RegisterOptions) *txaio.Future[*Registration] {
	return s.register(procedure, func(inv *Invocation) {
		answer := txaio.AsFutureOfOn(s.api, func() (*txaio.Future[Payload], error) { return endpoint(inv) })
		inv.answerWith(txaio.Then(answer, Payload.encode))
	}, optional(options))
}

// answerWith answers when f is settled, on any goroutine.
func (inv *Invocation) answerWith(f *txaio.Future[body]) {
	inv.future = f
	watch(inv.session, f, inv.yield, inv.fail)
}

func (s *Session) register(procedure string, endpoint endpoint, o RegisterOptions) *txaio.Future[*Registration] {
	options := withOptions(o.Options)
	set(options, "invoke", o.Invoke)
	set(options, "concurrency", o.Concurrency)
	set(options, "force_reregister", o.ForceReregister)
	set(options, "forward_timeout", o.ForwardTimeout)
	set(options, "disclose_caller", o.DiscloseCaller)
	e, err := s.newEntry(&s.registrations, procedure, o.Match, options, o.OnRevoked)
	if err != nil {
		return failed[*Registration](s, err)
	}
	e.take = func(m *message) { s.invoke(endpoint, procedure, m) }
	registration := &Registration{Procedure: procedure, entry: e}
	return makeEntry(e, registration, func(id uint64) { registration.ID = id })
}

// Unregister ends the registration. Invocations that are running go on.
func (r *Registration) Unregister() *txaio.Future[struct{}] { return r.entry.takeBack() }

// invocation handles INVOCATION.
func (s *Session) invocation(m *message) error {
	if inv := s.invocations[m.request]; inv != nil {
		return inv.input(m)
	}
	e := s.registrations.pick(m.id)
	if e == nil {
		s.stray(m, "registration")
	} else {
		e.take(m)
	}
	return nil
}

func (s *Session) invoke(endpoint endpoint, procedure string, m *message) {
	inv := &Invocation{
		Payload:   m.payload,
		Procedure: procedure,
		Details:   m.details,
		Caller:    m.session("caller"),
		Timeout:   time.Duration(m.session("timeout")) * time.Millisecond,
		session:   s,
		transport: s.transport,
		request:   m.request,
		inputs:    inputs{open: m.details["progress"] == true},
	}
	if procedure, ok := m.details["procedure"].(string); ok {
		inv.Procedure = procedure
	}
	s.invocations[m.request] = inv
	endpoint(inv)
}

// interrupt handles INTERRUPT: the caller does not want the result any more.
func (s *Session) interrupt(m *message) error {
	if inv := s.invocations[m.request]; inv != nil {
		inv.interrupt()
	}
	return nil // otherwise the answer was sent before the INTERRUPT came
}

func (inv *Invocation) interrupt() {
	for _, f := range inv.waiting {
		txaio.Cancel(f)
	}
	txaio.Cancel(inv.future, "the caller cancelled the call, or the session ended")
}

// current reports whether the answer can still be sent. A call from an earlier
// connection cannot be answered on this one.
func (inv *Invocation) current() bool {
	s := inv.session
	return s.transport == inv.transport && s.phase == joined && !inv.answered
}

// finish ends the invocation. It reports whether to send the answer.
func (inv *Invocation) finish() bool {
	if !inv.current() {
		return false
	}
	inv.answered = true
	if !inv.open { // otherwise further arguments may be on their way
		delete(inv.session.invocations, inv.request)
	}
	inv.deliver()
	return true
}

func (inv *Invocation) yield(body body) {
	if !inv.finish() {
		return
	}
	if err := inv.session.trySend(codeYield, inv.request, json.RawMessage("{}"), body.args, body.kwargs); err != nil {
		inv.sendError(txaio.CreateFailure(fmt.Errorf("the result cannot be sent: %w", err)))
	}
}

func (inv *Invocation) fail(fail *txaio.Failure) {
	if inv.finish() {
		inv.sendError(fail)
	}
}

func (inv *Invocation) sendError(fail *txaio.Failure) {
	failed := toError(fail)
	body, err := failed.encode()
	if err != nil {
		failed = &Error{URI: RuntimeError}
		body, _ = Args(err.Error()).encode() // a string can be encoded
	}
	if failed.URI == RuntimeError {
		inv.session.report(fail, "The procedure "+inv.Procedure)
	}
	err = inv.session.trySend(codeError, uint64(codeInvocation), inv.request, json.RawMessage("{}"), failed.URI, body.args, body.kwargs)
	if err != nil { // the error is too long, too
		inv.session.send(codeError, uint64(codeInvocation), inv.request, json.RawMessage("{}"), failed.URI)
	}
}

func (inv *Invocation) asksProgress() bool { return inv.Details["receive_progress"] == true }

// Progress sends a progressive result, before the endpoint's answer. It may be
// called from any goroutine. It returns [ErrNotAsked] if the caller did not ask for
// progressive results. After the answer, it does nothing.
func (inv *Invocation) Progress(result Payload) error {
	if !inv.asksProgress() {
		return ErrNotAsked
	}
	body, err := result.encode()
	if err != nil {
		return err
	}
	inv.session.loop.CallSoon(func() {
		if inv.current() {
			inv.session.send(codeYield, inv.request, json.RawMessage(`{"progress":true}`), body.args, body.kwargs)
		}
	})
	return nil
}
