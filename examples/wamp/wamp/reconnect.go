package wamp

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/txaio-go/txaio"
)

// A Backoff says how a session that has lost its connection tries again. The
// zero value has Autobahn's delays, and tries for ever.
type Backoff struct {
	// InitialDelay is the delay before the first attempt; 0 stands for 1.5
	// seconds.
	InitialDelay time.Duration
	// MaxDelay limits the delay; 0 stands for 5 minutes.
	MaxDelay time.Duration
	// Growth is what the delay is multiplied by from one attempt to the next;
	// 0 stands for 1.5.
	Growth float64
	// Jitter is the part of the delay by which it varies at random, up and
	// down, so that the clients of a router that comes back do not all come
	// at once; 0 stands for 0.1, and a negative one for none.
	Jitter float64
	// MaxRetries is how many attempts in a row may fail; 0 means any number.
	MaxRetries int
}

// delay returns the time before the given attempt, the first being 1. random
// is from 0 to 1.
func (b *Backoff) delay(attempt int, random float64) time.Duration {
	delay := float64(b.InitialDelay)
	for range attempt - 1 {
		if delay *= b.Growth; delay >= float64(b.MaxDelay) {
			break
		}
	}
	delay = min(delay, float64(b.MaxDelay))
	return time.Duration(delay * (1 + b.Jitter*(2*random-1)))
}

// retry is the state of a session's attempts.
type retry struct {
	backoff *Backoff // nil where the session does not reconnect
	wanted  bool     // the session ended in a way that another attempt may mend
	attempt int
	timer   txaio.DelayedCall
}

func (r *retry) init(backoff *Backoff) {
	if backoff == nil {
		return
	}
	chosen := *backoff
	setDefault(&chosen.InitialDelay, 1500*time.Millisecond)
	setDefault(&chosen.MaxDelay, 5*time.Minute)
	setDefault(&chosen.Growth, 1.5)
	setDefault(&chosen.Jitter, 0.1)
	chosen.Jitter = min(max(chosen.Jitter, 0), 1)
	r.backoff = &chosen
}

// restart begins to count anew, after Join and after each success.
func (r *retry) restart() { r.attempt, r.wanted = 0, false }

// allow says that the connection was lost: another attempt may mend that.
func (r *retry) allow() { r.wanted = true }

// stop gives up.
func (r *retry) stop() {
	r.wanted = false
	if r.timer != nil {
		r.timer.Cancel()
		r.timer = nil
	}
}

// schedule plans the next attempt, and reports whether there is one.
func (r *retry) schedule(s *Session) bool {
	if !r.wanted || r.backoff == nil || r.backoff.MaxRetries > 0 && r.attempt >= r.backoff.MaxRetries {
		return false
	}
	r.wanted = false
	r.attempt++
	delay := r.backoff.delay(r.attempt, rand.Float64())
	s.log.Info("WAMP: {cause}; attempt {attempt} to connect again in {delay}",
		slog.String("cause", s.cause.Error()), slog.Int("attempt", r.attempt), slog.Duration("delay", delay))
	r.timer = s.api.CallLater(delay, func() {
		r.timer = nil
		s.connect()
	})
	return true
}
