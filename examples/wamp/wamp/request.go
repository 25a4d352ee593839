package wamp

import (
	"sync"
	"sync/atomic"

	"github.com/txaio-go/txaio"
)

// A request is a message that the router has to answer.
type request interface {
	// code is that of the request.
	code() code
	// sending is called with the requests locked, before the request is sent.
	sending(s *Session, id uint64)
	// answered handles the answer, which is the last one unless it is progress.
	answered(s *Session, m *message)
	// failed handles an ERROR, and the end of the session.
	failed(s *Session, fail *txaio.Failure)
}

// requests are those that are pending. They are the one thing of a session that does
// not belong to the loop: calls and events are sent by whoever asks for
// them, which spares them the way through the loop.
type requests struct {
	hops atomic.Int64 // what was asked for and waits for the loop

	mu        sync.Mutex
	transport *transport // nil unless the session is joined
	last      uint64
	pending   map[uint64]request

	// Requests that were given up, whose answers may still come. Those up to
	// forgotten are not told from others any more.
	abandoned map[uint64]struct{}
	forgotten uint64
}

// maxAbandoned limits how many calls are remembered: a router that does not
// know CANCEL may never answer them.
const maxAbandoned = 10_000

// open begins the requests of a session that has joined.
func (r *requests) open(t *transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.transport, r.last, r.forgotten = t, 0, 0
	r.pending, r.abandoned = make(map[uint64]request), make(map[uint64]struct{})
}

// fail fails all that are pending. There are no more until open.
func (r *requests) fail(s *Session, fail *txaio.Failure) {
	r.mu.Lock()
	pending := r.pending
	r.transport, r.pending, r.abandoned = nil, nil, nil
	r.mu.Unlock()
	for _, request := range pending {
		request.failed(s, fail)
	}
}

// next returns a new request id: ids count up from 1 in each session.
func (r *requests) next() uint64 {
	if r.last == maxID {
		r.last = 0
	}
	r.last++
	return r.last
}

// send sends a message with a new id as its first element, or returns why not. With a
// request, that is pending from now on.
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

// abandon takes back q, the answer to which nobody wants any more. It reports whether q
// was pending.
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

// answers says which request a message answers.
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

// take returns the request that m answers, nil if that was given up. It is pending no
// more, unless more results follow.
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

// sending begins the limit of time. What comes after that is undone, as after
// cancelling.
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

// reject settles the future. In a session that goes on it also logs why a
// registration or subscription was not made: the future of one that OnJoin asked
// for is often dropped.
func (r *simple[T]) reject(s *Session, err error) {
	if (r.of == codeRegister || r.of == codeSubscribe) && s.phase == joined && !txaio.IsCalled(r.future) {
		s.log.Error("WAMP: {message} {uri}: {error}", attr("message", r.of.String()), attr("uri", r.about), attr("error", err.Error()))
	}
	reject(r.future, err)
}

// onLoop calls fn on the loop, unless f has been cancelled by then. Everything that is
// asked for makes exactly this one hop, or none (see atOnce), so that what one
// goroutine asks for is sent in the order in which it asked.
func onLoop[T any](s *Session, f *txaio.Future[T], fn func()) {
	s.requests.hops.Add(1)
	s.loop.CallSoon(func() {
		if !txaio.IsCalled(f) {
			fn()
		}
		s.requests.hops.Add(-1)
	})
}

// atOnce calls fn, which needs nothing but the requests, unless something that was
// asked for before still waits for the loop: then fn comes after that.
func atOnce[T any](s *Session, f *txaio.Future[T], fn func()) {
	if s.requests.hops.Load() == 0 {
		fn()
	} else {
		onLoop(s, f, fn)
	}
}
