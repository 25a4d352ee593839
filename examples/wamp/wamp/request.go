package wamp

import (
	"github.com/txaio-go/txaio"
)

// A request is a message that the router has to answer.
type request interface {
	// code is that of the request.
	code() code
	// answered handles the answer, and reports whether it was the last one.
	answered(s *Session, m *message) (last bool)
	// failed handles an ERROR, and the end of the session.
	failed(s *Session, fail *txaio.Failure)
}

// requests are those that are pending.
type requests struct {
	last    uint64
	pending map[uint64]request

	// Calls that were given up, whose answers may still come. Those up to
	// forgotten are not told from others any more.
	abandoned map[uint64]struct{}
	forgotten uint64
}

// maxAbandoned limits how many calls are remembered: a router that does not
// know CANCEL may never answer them.
const maxAbandoned = 10_000

func (r *requests) reset() {
	*r = requests{pending: make(map[uint64]request), abandoned: make(map[uint64]struct{})}
}

// next returns a new request id: ids count up from 1 in each session.
func (r *requests) next() uint64 {
	if r.last == maxID {
		r.last = 0
	}
	r.last++
	return r.last
}

// unsent takes back the last id: the router counts, too.
func (r *requests) unsent() { r.last-- }

// abandon takes back a request whose answer nobody wants.
func (r *requests) abandon(id uint64) {
	delete(r.pending, id)
	if len(r.abandoned) == maxAbandoned {
		for id := range r.abandoned {
			r.forgotten = max(r.forgotten, id)
		}
		clear(r.abandoned)
	}
	r.abandoned[id] = struct{}{}
}

// fail fails all that are pending.
func (r *requests) fail(s *Session, fail *txaio.Failure) {
	pending := r.pending
	r.pending = nil
	for _, request := range pending {
		request.failed(s, fail)
	}
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
	request, pending := r.pending[m.request]
	switch {
	case pending && request.code() == of:
	case !pending && of == codeCall && r.abandonedAnswer(m):
		return nil
	default:
		return violation("%v for the %v request %d, which is not pending", m.code, of, m.request)
	}
	if m.code == codeError {
		delete(r.pending, m.request)
		request.failed(s, txaio.CreateFailure(&Error{URI: m.text, Payload: m.payload}))
		return nil
	}
	if request.answered(s, m) {
		delete(r.pending, m.request)
	}
	return nil
}

// abandonedAnswer reports whether m answers a call that was given up.
func (r *requests) abandonedAnswer(m *message) bool {
	_, known := r.abandoned[m.request]
	if known && !m.progress() {
		delete(r.abandoned, m.request)
	}
	return known || m.request <= r.forgotten
}

// progress reports whether more results follow this one.
func (m *message) progress() bool { return m.code == codeResult && m.details["progress"] == true }

// simple is a request with one answer that settles one future.
type simple[T any] struct {
	of      code
	about   string // a URI
	future  *txaio.Future[T]
	take    func(m *message) (T, error)
	undo    func(T) // called if the future was cancelled, or has timed out; may be nil
	refused func()  // called if the router refuses; may be nil
	timeout txaio.DelayedCall
}

// send sends the request, with its limit of time. What comes after that is
// undone, as after cancelling.
func (r *simple[T]) send(s *Session, elements ...any) {
	s.request(r, elements...)
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

func (r *simple[T]) answered(s *Session, m *message) bool {
	r.settled()
	value, err := r.take(m)
	switch {
	case err != nil:
		r.reject(s, err)
	case !resolve(r.future, value) && r.undo != nil:
		r.undo(value)
	}
	return true
}

func (r *simple[T]) failed(s *Session, fail *txaio.Failure) {
	r.settled()
	r.reject(s, fail)
	if r.refused != nil && s.phase == joined {
		r.refused()
	}
}

// reject settles the future. In a session that goes on it also logs why a
// registration or subscription was not made: the future of one that OnJoin asked
// for is often dropped.
func (r *simple[T]) reject(s *Session, err error) {
	if s.phase == joined && (r.of == codeRegister || r.of == codeSubscribe) && !txaio.IsCalled(r.future) {
		s.log.Error("WAMP: {message} {uri}: {error}", attr("message", r.of.String()), attr("uri", r.about), attr("error", err.Error()))
	}
	reject(r.future, err)
}

// whenJoined calls fn on the loop, unless f has been cancelled by then. If the
// session is not joined, f fails. Every operation makes exactly this one hop, so
// that what one goroutine asks for is sent in the order in which it asked.
func whenJoined[T any](s *Session, f *txaio.Future[T], fn func()) {
	s.loop.CallSoon(func() {
		switch {
		case txaio.IsCalled(f):
		case s.phase != joined:
			reject(f, ErrNotJoined)
		default:
			fn()
		}
	})
}

// start sends a request.
func start[T any](s *Session, r *simple[T], elements ...any) *txaio.Future[T] {
	whenJoined(s, r.future, func() { r.send(s, elements...) })
	return r.future
}

// request sends a message with a new request id as its first element. One that
// cannot be sent fails at once.
func (s *Session) request(r request, elements ...any) uint64 {
	id := s.requests.next()
	if err := s.trySend(r.code(), append([]any{id}, elements...)...); err != nil {
		s.requests.unsent()
		r.failed(s, txaio.CreateFailure(err))
	} else {
		s.requests.pending[id] = r
	}
	return id
}
