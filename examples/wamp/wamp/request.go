package wamp

import (
	"sync"
	"sync/atomic"

	"github.com/txaio-go/txaio"
)

// A request is a message that the router must answer.
type request interface {
	// code returns the code of the message.
	code() code
	// sending is called with the requests locked, before the request is sent.
	sending(s *Session, id uint64)
	// answered handles an answer, the last one unless it is progress.
	answered(s *Session, m *message)
	// failed handles an ERROR, and the end of the session.
	failed(s *Session, fail *txaio.Failure)
}

// requests are the pending requests. They do not belong to the loop, unlike the rest
// of a session, so that the goroutine that makes a call or publishes an event can send
// it itself.
type requests struct {
	hops atomic.Int64 // operations that wait for the loop

	mu        sync.Mutex
	transport *transport // nil unless the session is joined
	last      uint64
	pending   map[uint64]request

	// Cancelled requests whose answers may still come. Those up to forgotten are
	// not remembered any more.
	abandoned map[uint64]struct{}
	forgotten uint64
}

// maxAbandoned limits how many calls are remembered, because a router that does not
// support CANCEL may never answer them.
const maxAbandoned = 10_000

// open begins the requests of a session that has joined.
func (r *requests) open(t *transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.transport, r.last, r.forgotten = t, 0, 0
	r.pending, r.abandoned = make(map[uint64]request), make(map[uint64]struct{})
}

// fail fails all pending requests. There are no new ones until open.
func (r *requests) fail(s *Session, fail *txaio.Failure) {
	r.mu.Lock()
	pending := r.pending
	r.transport, r.pending, r.abandoned = nil, nil, nil
	r.mu.Unlock()
	for _, request := range pending {
		request.failed(s, fail)
	}
}

// next returns a new request id. Ids count up from 1 in each session.
func (r *requests) next() uint64 {
	if r.last == maxID {
		r.last = 0
	}
	r.last++
	return r.last
}

// send sends a message with a new id as its first element, or returns an error. q, if
// it is not nil, is pending from now on.
func (r *requests) send(s *Session, q request, c code, elements ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.transport == nil {
		return ErrNotJoined
	}
	id := r.next()
	frame, err := r.transport.encode(c, append([]any{id}, elements...)...)
	if err != nil {
		r.last = id - 1 // the router counts, too
		return err
	}
	if q != nil {
		r.pending[id] = q
		q.sending(s, id)
	}
	r.transport.send(frame)
	return nil
}

// abandon removes q, because nobody wants its answer any more. It reports whether q was
// pending.
func (r *requests) abandon(id uint64, q request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending[id] != q {
		return false
	}
	delete(r.pending, id)
	if len(r.abandoned) == maxAbandoned {
		for id := range r.abandoned {
			r.forgotten = max(r.forgotten, id)
		}
		clear(r.abandoned)
	}
	r.abandoned[id] = struct{}{}
	return true
}

// answers has the code of the request that each message answers.
var answers = map[code]code{
	codePublished:    codePublish,
	codeSubscribed:   codeSubscribe,
	codeUnsubscribed: codeUnsubscribe,
	codeRegistered:   codeRegister,
	codeUnregistered: codeUnregister,
	codeResult:       codeCall,
}

// answered handles the answer to a request.
func (r *requests) answered(s *Session, m *message) error {
	of := answers[m.code]
	if m.code == codeError {
		of = m.of
		if checkURI(m.text, exact) != nil {
			return violation("ERROR with %.100q, which is not a URI", m.text)
		}
	}
	request, known := r.take(m, of)
	switch {
	case !known:
		return violation("%v for the %v request %d, which is not pending", m.code, of, m.request)
	case request == nil: // it was given up
	case m.code == codeError:
		request.failed(s, txaio.CreateFailure(&Error{URI: m.text, Payload: m.payload}))
	default:
		request.answered(s, m)
	}
	return nil
}

// take returns the request that m answers, or nil if it was abandoned. The request is
// no longer pending, unless more results follow.
func (r *requests) take(m *message, of code) (_ request, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	request, pending := r.pending[m.request]
	switch {
	case pending && request.code() == of:
		if !m.progress() {
			delete(r.pending, m.request)
		}
		return request, true
	case pending || of != codeCall:
		return nil, false
	}
	_, abandoned := r.abandoned[m.request]
	if abandoned && !m.progress() {
		delete(r.abandoned, m.request)
	}
	return nil, abandoned || m.request <= r.forgotten
}

// isPending reports whether the request with the id has not been answered.
func (r *requests) isPending(id uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending[id] != nil
}

// progress reports whether more results follow this one.
func (m *message) progress() bool { return m.code == codeResult && m.details["progress"] == true }

// simple is a request with one answer that settles one future.
type simple[T any] struct {
	of      code
	about   string // a URI
	future  *txaio.Future[T]
	take    func(id uint64) (T, error)
	undo    func(T) // called if the future was cancelled, or has timed out; may be nil
	refused func()  // called if there is no answer, or an ERROR; may be nil
	timeout txaio.DelayedCall
}

// send sends the request on the loop.
func (r *simple[T]) send(s *Session, elements ...any) {
	if err := s.requests.send(s, r, r.of, elements...); err != nil {
		r.failed(s, txaio.CreateFailure(err))
	}
}

// sending starts the timeout. A later answer is undone, as after cancelling.
func (r *simple[T]) sending(s *Session, _ uint64) {
	if limit := s.config.Timeout; limit > 0 {
		r.timeout = s.api.CallLater(limit, func() { r.reject(s, &TimeoutError{r.of.String(), r.about, limit}) })
	}
}

func (r *simple[T]) settled() {
	if r.timeout != nil {
		r.timeout.Cancel()
	}
}

func (r *simple[T]) code() code { return r.of }

func (r *simple[T]) answered(s *Session, m *message) {
	r.settled()
	value, err := r.take(m.id)
	switch {
	case err != nil:
		r.reject(s, err)
	case !resolve(r.future, value) && r.undo != nil:
		r.undo(value)
	}
}

func (r *simple[T]) failed(s *Session, fail *txaio.Failure) {
	r.settled()
	r.reject(s, fail)
	if r.refused != nil {
		r.refused()
	}
}

// reject settles the future. If the session goes on, it also logs why a registration
// or subscription was refused, because OnJoin often drops its future.
func (r *simple[T]) reject(s *Session, err error) {
	if (r.of == codeRegister || r.of == codeSubscribe) && s.phase == joined && !txaio.IsCalled(r.future) {
		s.log.Error("WAMP: {message} {uri}: {error}", attr("message", r.of.String()), attr("uri", r.about), attr("error", err.Error()))
	}
	reject(r.future, err)
}

// onLoop calls fn on the loop, unless f has been cancelled by then. Each operation
// makes exactly this one hop, or none (see atOnce), so that the messages of one
// goroutine are sent in the order of its calls.
func onLoop[T any](s *Session, f *txaio.Future[T], fn func()) {
	s.requests.hops.Add(1)
	s.loop.CallSoon(func() {
		if !txaio.IsCalled(f) {
			fn()
		}
		s.requests.hops.Add(-1)
	})
}

// atOnce calls fn, which uses nothing but the requests. If an earlier operation still
// waits for the loop, fn runs on the loop after it.
func atOnce[T any](s *Session, f *txaio.Future[T], fn func()) {
	if s.requests.hops.Load() == 0 {
		fn()
	} else {
		onLoop(s, f, fn)
	}
}
