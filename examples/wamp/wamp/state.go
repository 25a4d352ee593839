package wamp

import (
	"sync"
	"sync/atomic"
)

// state is the part of a session that any goroutine may read.
type state struct {
	id    atomic.Uint64
	mu    sync.Mutex
	joins int // calls of Join that the loop has not seen yet
	over  bool
	done  chan struct{}
}

// ID returns the id that the router has given the session, 0 if it is not joined. It
// changes with each reconnect.
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

// begin is called by Join.
func (s *state) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joins++
	if s.over {
		s.over, s.done = false, make(chan struct{})
	}
}

// begun is called when the loop sees a call of Join.
func (s *state) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joins--
}

// end is called when the session has ended, and does not reconnect. It has not ended
// for good if Join was called in the meantime.
func (s *state) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over && s.joins == 0 {
		s.over = true
		close(s.done)
	}
}
