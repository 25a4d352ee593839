package wamp

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/txaio-go/txaio"
)

// RegisterOptions are options of [Session.Register].
type RegisterOptions struct {
	// Match is how the procedure is matched: "exact", "prefix" or "wildcard".
	Match string
	// Invoke is how one of several registrations is chosen, such as
	// "roundrobin".
	Invoke string
	// DiscloseCaller asks the router to tell who calls: see [Invocation].Caller.
	DiscloseCaller bool
	// OnRevoked is called, on the loop, if the router ends the registration.
	OnRevoked func(reason string)
}

// A Registration is a procedure that the router knows.
type Registration struct {
	ID        uint64
	Procedure string

	session   *Session
	endpoint  endpoint
	onRevoked func(reason string)
	loose     bool // UNREGISTER was sent
}

// An endpoint answers invocations.
type endpoint func(*Invocation) *txaio.Future[body]

// An Invocation is a call of a registered procedure.
type Invocation struct {
	Payload
	// Procedure is the URI that was called.
	Procedure string
	// Details is everything that the router says about the call.
	Details map[string]any
	// Caller is the session that calls, 0 if the router does not say.
	Caller uint64

	session   *Session
	transport *transport
	request   uint64
	future    *txaio.Future[body] // the endpoint's answer
	answered  bool
}

// ErrNotAsked is returned by [Invocation.Progress] if the caller did not
// ask for progressive results.
var ErrNotAsked = errors.New("the caller did not ask for progressive results")

// Register registers a procedure that answers at once: endpoint is called on
// the loop, and returns the result or an error.
func (s *Session) Register(procedure string, endpoint func(*Invocation) (Payload, error), options ...RegisterOptions) *txaio.Future[*Registration] {
	return s.register(procedure, func(inv *Invocation) *txaio.Future[body] {
		// Encoded here, the result may be changed as soon as endpoint returns.
		return txaio.AsFutureOn(s.api, func() (body, error) {
			result, err := endpoint(inv)
			if err != nil {
				return body{}, err
			}
			return result.encode()
		})
	}, optional(options))
}

// RegisterLater registers a procedure that answers later: endpoint is called
// on the loop, and returns a future. The future is cancelled if the caller
// cancels the call, or the session ends. Its value must not be changed any more.
func (s *Session) RegisterLater(procedure string, endpoint func(*Invocation) (*txaio.Future[Payload], error), options ...RegisterOptions) *txaio.Future[*Registration] {
	return s.register(procedure, func(inv *Invocation) *txaio.Future[body] {
		answer := txaio.AsFutureOfOn(s.api, func() (*txaio.Future[Payload], error) { return endpoint(inv) })
		return txaio.Then(answer, Payload.encode)
	}, optional(options))
}

func (s *Session) register(procedure string, endpoint endpoint, options RegisterOptions) *txaio.Future[*Registration] {
	if err := checkURI(procedure, options.Match); err != nil {
		return failed[*Registration](s, err)
	}
	details := make(map[string]any)
	if options.Match != "" {
		details["match"] = options.Match
	}
	if options.Invoke != "" {
		details["invoke"] = options.Invoke
	}
	if options.DiscloseCaller {
		details["disclose_caller"] = true
	}
	r := &simple[*Registration]{of: codeRegister, about: procedure, future: newFuture[*Registration](s)}
	r.take = func(m *message) (*Registration, error) {
		if s.registrations[m.id] != nil { // a router that shares registrations has one for each session
			return nil, &Error{URI: "wamp.error.procedure_already_exists", Payload: Args("this session has registered " + procedure + " before")}
		}
		registration := &Registration{ID: m.id, Procedure: procedure, session: s, endpoint: endpoint, onRevoked: options.OnRevoked}
		s.registrations[m.id] = registration
		return registration, nil
	}
	r.undo = func(registration *Registration) { registration.Unregister() }
	return start(s, r, details, procedure)
}

// Unregister takes the procedure back. Invocations that are running go on.
func (r *Registration) Unregister() *txaio.Future[struct{}] {
	s := r.session
	q := &simple[struct{}]{of: codeUnregister, about: r.Procedure, future: newFuture[struct{}](s)}
	q.take = func(*message) (struct{}, error) {
		delete(s.registrations, r.ID)
		return struct{}{}, nil
	}
	whenJoined(s, q.future, func() {
		if s.registrations[r.ID] != r || r.loose {
			reject(q.future, &Error{URI: "wamp.error.no_such_registration", Payload: Args(r.Procedure + " is not registered any more")})
			return
		}
		r.loose = true
		q.send(s, r.ID)
	})
	return q.future
}

// invocation handles INVOCATION.
func (s *Session) invocation(m *message) error {
	registration := s.registrations[m.id]
	if registration == nil {
		s.log.Warn("WAMP: an INVOCATION of the registration {registration}, which this session does not have, is ignored",
			attr("registration", m.id))
		return nil
	}
	if s.invocations[m.request] != nil {
		return violation("INVOCATION %d twice", m.request)
	}
	inv := &Invocation{
		Payload:   m.payload,
		Procedure: registration.Procedure,
		Details:   m.details,
		session:   s,
		transport: s.transport,
		request:   m.request,
	}
	if procedure, ok := m.details["procedure"].(string); ok {
		inv.Procedure = procedure
	}
	inv.Caller = m.session("caller")
	inv.future = registration.endpoint(inv)
	s.invocations[m.request] = inv
	watch(s, inv.future, inv.yield, inv.fail)
	return nil
}

// interrupt handles INTERRUPT: the caller does not want the result any more.
func (s *Session) interrupt(m *message) error {
	if inv := s.invocations[m.request]; inv != nil {
		inv.interrupt()
	}
	return nil // else the answer was sent before the INTERRUPT came
}

func (inv *Invocation) interrupt() {
	txaio.Cancel(inv.future, "the caller cancelled the call, or the session ended")
}

// current reports whether the answer can still be sent. A call that came
// through another connection cannot be answered on this one.
func (inv *Invocation) current() bool {
	s := inv.session
	return s.transport == inv.transport && s.phase == joined && !inv.answered
}

// finish reports whether the answer is to be sent, once.
func (inv *Invocation) finish() bool {
	if !inv.current() {
		return false
	}
	inv.answered = true
	delete(inv.session.invocations, inv.request)
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

// Progress sends a progressive result, before the endpoint's answer. It may be
// called from any goroutine. It returns [ErrNotAsked] if the caller did not
// ask for any. One that comes after the answer is dropped.
func (inv *Invocation) Progress(result Payload) error {
	if inv.Details["receive_progress"] != true {
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
