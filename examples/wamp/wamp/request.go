package wamp

import (
	"github.com/txaio-go/txaio"
)

// A request is a message that the router has to answer.
type request interface {
	// code is that of the request.
	code() code
	// answered handles the answer, and reports whether it was the last one.
	answered(m *message) (last bool)
	// failed handles an ERROR, and the end of the session.
	failed(fail *txaio.Failure)
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
func (r *requests) fail(fail *txaio.Failure) {
	pending := r.pending
	r.pending = nil
	for _, request := range pending {
		request.failed(fail)
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
func (r *requests) answered(m *message) error {
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
		request.failed(txaio.CreateFailure(&Error{URI: m.text, Payload: m.payload}))
		return nil
	}
	if request.answered(m) {
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
	of     code
	future *txaio.Future[T]
	take   func(m *message) T
	undo   func(T) // where the future was cancelled; may be nil
}

func (r *simple[T]) code() code { return r.of }

func (r *simple[T]) answered(m *message) bool {
	value := r.take(m)
	if !resolve(r.future, value) && r.undo != nil {
		r.undo(value)
	}
	return true
}

func (r *simple[T]) failed(fail *txaio.Failure) { reject(r.future, fail) }

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
	whenJoined(s, r.future, func() { s.request(r, elements...) })
	return r.future
}

// request sends a message with a new request id as its first element.
func (s *Session) request(r request, elements ...any) uint64 {
	id := s.requests.next()
	s.requests.pending[id] = r
	s.send(r.code(), append([]any{id}, elements...)...)
	return id
}
