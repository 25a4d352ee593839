package wamp

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/txaio-go/txaio"
)

// A Backoff says when a session that has lost its connection tries again. The
// zero value has Autobahn's delays, and tries for ever.
type Backoff struct {
	// InitialDelay is the delay before the first attempt; 0 stands for 1.5
	// seconds.
	InitialDelay time.Duration
	// MaxDelay limits the delay; 0 stands for 5 minutes.
	MaxDelay time.Duration
	// Growth is the factor between one delay and the next; 0 stands for 1.5.
	Growth float64
	// Jitter is the random part of the delay. It keeps the clients of a restarted
	// router from connecting at the same time. 0 stands for 1: any time from 0 to
	// the delay. A negative one stands for none.
	Jitter float64
	// MaxRetries is how many attempts in a row may fail; 0 means any number. An
	// attempt also counts as failed if the session ends sooner than the delay
	// before it lasted.
	MaxRetries int
	// Retry decides whether to try again after the router has ended or refused the
	// session with the URI reason. joined reports whether the session has joined
	// since Join was called. nil stands for [Backoff.Retryable].
	Retry func(reason string, joined bool) bool
}

// finals are reasons for which another attempt would fail, too.
var finals = map[string]bool{
	cannotAuthenticate:                   true,
	"wamp.error.authentication_denied":   true,
	"wamp.error.authentication_failed":   true,
	"wamp.error.authentication_required": true,
	"wamp.error.authorization_denied":    true,
	"wamp.error.authorization_failed":    true,
	"wamp.error.authorization_required":  true,
	"wamp.error.no_matching_auth_method": true,
	"wamp.error.no_such_principal":       true,
	"wamp.error.no_such_role":            true,
	"wamp.error.not_authorized":          true,
	ProtocolViolation:                    true,
}

// Retryable returns false for errors of authentication, of authorisation and of
// the protocol. It also returns false for a realm that does not exist, unless the
// session has joined it before: a router that is starting may not have it yet.
func (b *Backoff) Retryable(reason string, joined bool) bool {
	return !finals[reason] && (joined || reason != NoSuchRealm)
}

// delay returns the time before the given attempt; the first is 1. random is from 0
// to 1.
func (b *Backoff) delay(attempt int, random float64) time.Duration {
	delay := float64(b.InitialDelay)
	for range attempt - 1 {
		if delay *= b.Growth; delay >= float64(b.MaxDelay) {
			break
		}
	}
	delay = min(delay, float64(b.MaxDelay))
	return time.Duration(delay * (1 - b.Jitter*random))
}

// retry is the state of a session's attempts.
type retry struct {
	backoff Backoff
	enabled bool // the session reconnects, and has not given up since Join
	wanted  bool // another attempt may succeed
	attempt int
	delay   time.Duration // before the last attempt
	joined  bool          // at some time since Join
	since   time.Time     // when the current session joined; zero if it has not
	timer   txaio.DelayedCall
}

func (r *retry) init(backoff *Backoff) {
	var chosen Backoff // also used for other retries
	if backoff != nil {
		chosen = *backoff
	}
	setDefault(&chosen.InitialDelay, 1500*time.Millisecond)
	setDefault(&chosen.MaxDelay, 5*time.Minute)
	setDefault(&chosen.Growth, 1.5)
	setDefault(&chosen.Jitter, 1)
	chosen.Jitter = min(max(chosen.Jitter, 0), 1)
	if chosen.Retry == nil {
		chosen.Retry = chosen.Retryable
	}
	r.backoff = chosen
}

// delayOf is the delay of a Backoff before the given attempt.
func (r *retry) delayOf(attempt int) time.Duration { return r.backoff.delay(attempt, rand.Float64()) }

// restart resets the state when Join is called.
func (r *retry) restart(enabled bool) { *r = retry{backoff: r.backoff, enabled: enabled} }

// welcomed notes that the session has joined.
func (r *retry) welcomed(now time.Time) { r.joined, r.since = true, now }

// allow notes that the connection was lost, so another attempt may succeed.
func (r *retry) allow() { r.wanted = true }

// refused notes that the router has ended or refused the session.
func (r *retry) refused(reason string) {
	r.wanted = r.enabled && r.backoff.Retry(reason, r.joined)
}

// stop gives up, whatever becomes of the connection.
func (r *retry) stop() {
	r.enabled = false
	if r.timer != nil {
		r.timer.Cancel()
		r.timer = nil
	}
}

// schedule plans the next attempt, and reports whether there is one.
func (r *retry) schedule(s *Session) bool {
	if !r.since.IsZero() && s.loop.Now().Sub(r.since) >= r.delay {
		r.attempt = 0
	}
	r.since = time.Time{}
	if !r.wanted || !r.enabled || r.backoff.MaxRetries > 0 && r.attempt >= r.backoff.MaxRetries {
		return false
	}
	r.wanted = false
	r.attempt++
	r.delay = r.delayOf(r.attempt)
	s.log.Info("WAMP: {cause}; attempt {attempt} to connect again in {delay}",
		slog.String("cause", s.cause.Error()), slog.Int("attempt", r.attempt), slog.Duration("delay", r.delay))
	if s.config.OnRetry != nil {
		attempt, delay, cause := r.attempt, r.delay, s.cause
		s.callback("OnRetry", func() error { s.config.OnRetry(attempt, delay, cause); return nil })
	}
	r.timer = s.api.CallLater(r.delay, func() {
		r.timer = nil
		s.connect()
	})
	return true
}
