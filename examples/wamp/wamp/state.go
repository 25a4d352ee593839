package wamp

import (
	"sync"
	"sync/atomic"
)

// state is what any goroutine may ask about a session.
type state struct {
	id   atomic.Uint64
	mu   sync.Mutex
	over bool
	done chan struct{}
}

// ID returns the id that the router has given the session, 0 if it is not joined.
// After a reconnect it is another one.
func (s *Session) ID() uint64 { return s.state.id.Load() }

// Connected reports whether the session is joined.
func (s *Session) Connected() bool { return s.ID() != 0 }

// Done returns a channel that is closed when the session has ended for good: after
// Leave, or if it is lost or refused and does not reconnect. A Join after that has a
// channel of its own.
func (s *Session) Done() <-chan struct{} {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.done
}

// begin begins a new life.
func (s *state) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		s.over, s.done = false, make(chan struct{})
	}
}

// end ends it.
func (s *state) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		close(s.done)
	}
}
