package wamp

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/txaio-go/txaio"
)

// An Authenticator is a way to authenticate: see [Ticket], [CRA], [Cryptosign] and
// [SCRAM].
type Authenticator struct {
	// Method is WAMP's name of the method.
	Method string
	// AuthID is the name that the session claims; empty if the method does not need
	// one. A HELLO has only one. If authenticators have different ones, the session
	// offers those with the first, and if the router refuses, those with the next.
	AuthID string
	// Extra returns the authextra of HELLO for the method. It is called for each attempt
	// to join; nil stands for none.
	Extra func() map[string]any
	// Answer answers the router's challenge. It is called on the loop.
	Answer func(*Challenge) (*txaio.Future[string], error)
	// Verify checks, on the loop, that the right router has welcomed the session after
	// the challenge; nil accepts any.
	Verify func(*Challenge, *JoinDetails) error
}

// A Challenge is the router's question to a session that wants to join.
type Challenge struct {
	Method string
	Extra  map[string]any
	// Hello is the authextra that HELLO had.
	Hello map[string]any
	// TLS is the state of the connection, nil without TLS.
	TLS *tls.ConnectionState
	// Reply is the extra that is sent with the answer. Answer may put something in.
	Reply map[string]any

	verifier string // SCRAM: the proof that only the right router can send
}

// Ticket authenticates with a secret that is sent as it is: use it over TLS.
func Ticket(authID, ticket string) Authenticator {
	return Authenticator{Method: "ticket", AuthID: authID, Answer: func(*Challenge) (*txaio.Future[string], error) {
		return txaio.CreateFutureSuccess(ticket), nil
	}}
}

// CRA authenticates with WAMP-CRA: the session signs the router's challenge with
// the secret, and does not send the secret. If the challenge has a salt, it derives
// the key from the secret.
func CRA(authID, secret string) Authenticator {
	return Authenticator{Method: "wampcra", AuthID: authID, Answer: func(challenge *Challenge) (*txaio.Future[string], error) {
		// Deriving a key can take a second, which is too long for the loop.
		return txaio.Go(func(context.Context) (string, error) { return signCRA(secret, challenge.Extra) }), nil
	}}
}

// maxIterations and maxKeyLength limit what a router can make a session
// compute.
const (
	maxIterations = 1_000_000
	maxKeyLength  = 1024
)

func signCRA(secret string, extra map[string]any) (string, error) {
	challenge, ok := extra["challenge"].(string)
	if !ok {
		return "", errors.New("the router's challenge has no text to sign")
	}
	key := []byte(secret)
	if salt, ok := extra["salt"].(string); ok && salt != "" {
		iterations, err := number(extra, "iterations", 1000, maxIterations)
		if err != nil {
			return "", err
		}
		length, err := number(extra, "keylen", 32, maxKeyLength)
		if err != nil {
			return "", err
		}
		derived, err := pbkdf2.Key(sha256.New, secret, []byte(salt), iterations, length)
		if err != nil {
			return "", err
		}
		key = []byte(base64.StdEncoding.EncodeToString(derived))
	}
	signer := hmac.New(sha256.New, key)
	signer.Write([]byte(challenge))
	return base64.StdEncoding.EncodeToString(signer.Sum(nil)), nil
}

// number returns a number in the challenge.
func number(extra map[string]any, name string, standard, limit int64) (int, error) {
	value, given := extra[name]
	if !given || value == nil {
		return int(standard), nil
	}
	n, ok := value.(int64)
	if !ok || n < 1 || n > limit {
		return 0, fmt.Errorf("the router's challenge has %s=%v: only an integer from 1 to %d is accepted", name, value, limit)
	}
	return int(n), nil
}

// hello sends HELLO.
func (s *Session) hello() {
	details := map[string]any{
		"agent": "txaio-go-wamp",
		"roles": map[string]any{
			"caller":     features("call_canceling", "call_timeout", "progressive_call_results", "progressive_call_invocations", "caller_identification"),
			"callee":     features("call_canceling", "progressive_call_results", "progressive_call_invocations", "call_timeout", "pattern_based_registration", "shared_registration", "caller_identification", "registration_revocation"),
			"publisher":  features("publisher_exclusion", "subscriber_blackwhite_listing", "publisher_identification", "event_retention"),
			"subscriber": features("pattern_based_subscription", "publisher_identification", "subscription_revocation"),
		},
	}
	if len(s.config.Auth) > 0 {
		var methods []string
		s.extra = make(map[string]any)
		for _, auth := range s.offered() {
			methods = append(methods, auth.Method)
			if auth.Extra != nil {
				maps.Copy(s.extra, auth.Extra())
			}
		}
		details["authmethods"] = methods
		if id := s.config.Auth[s.identity].AuthID; id != "" {
			details["authid"] = id
		}
		if len(s.extra) > 0 {
			details["authextra"] = s.extra
		}
	}
	if err := s.trySend(codeHello, s.config.Realm, details); err != nil {
		s.retry.stop()
		s.ended(err, nil)
		s.transport.abort(err)
	}
}

func features(names ...string) map[string]any {
	set := make(map[string]bool)
	for _, name := range names {
		set[name] = true
	}
	return map[string]any{"features": set}
}

// offered returns the authenticators of the identity that the session is trying.
func (s *Session) offered() (offered []Authenticator) {
	if len(s.config.Auth) == 0 {
		return nil
	}
	for _, auth := range s.config.Auth {
		if auth.AuthID == s.config.Auth[s.identity].AuthID {
			offered = append(offered, auth)
		}
	}
	return offered
}

// nextIdentity goes on to the next identity after the router has refused one, and
// reports whether there is one.
func (s *Session) nextIdentity(reason string) bool {
	if !finals[reason] || reason == ProtocolViolation {
		return false
	}
	for i := s.identity + 1; i < len(s.config.Auth); i++ {
		same := func(auth Authenticator) bool { return auth.AuthID == s.config.Auth[i].AuthID }
		if !slices.ContainsFunc(s.config.Auth[:i], same) {
			s.identity = i
			return true
		}
	}
	return false
}

// challenged handles CHALLENGE.
func (s *Session) challenged(m *message) error {
	if s.challenge != nil {
		return violation("CHALLENGE twice")
	}
	offered := s.offered()
	i := slices.IndexFunc(offered, func(auth Authenticator) bool { return auth.Method == m.text })
	if i < 0 {
		return violation("CHALLENGE for the method %.100q, which was not offered", m.text)
	}
	t := s.transport
	challenge := &Challenge{Method: m.text, Extra: m.details, Hello: s.extra, TLS: t.tls(), Reply: make(map[string]any)}
	s.challenge = challenge
	asked := func() bool { return s.transport == t && s.phase == joining }
	f := txaio.AsFutureOfOn(s.api, func() (*txaio.Future[string], error) { return offered[i].Answer(challenge) })
	watch(s, f,
		func(signature string) {
			if asked() {
				s.send(codeAuthenticate, signature, challenge.Reply)
			}
		},
		func(fail *txaio.Failure) {
			if asked() {
				s.cannotAuthenticate(fmt.Errorf("the challenge was not answered: %w", fail.Value()))
			}
		})
	return nil
}

func (s *Session) cannotAuthenticate(err error) {
	s.retry.stop()
	s.abortWith(cannotAuthenticate, err)
}

// verify checks that the right router welcomes the session. A router that sends no
// challenge has proved nothing.
func (s *Session) verify(details *JoinDetails) error {
	offered := s.offered()
	if s.challenge == nil {
		if len(offered) > 0 && !slices.ContainsFunc(offered, func(auth Authenticator) bool { return auth.Verify == nil }) {
			return errors.New("the router has welcomed the session without a challenge, and so has not shown who it is")
		}
		return nil
	}
	i := slices.IndexFunc(offered, func(auth Authenticator) bool { return auth.Method == s.challenge.Method })
	if offered[i].Verify == nil {
		return nil
	}
	if err := offered[i].Verify(s.challenge, details); err != nil {
		return fmt.Errorf("the router that has welcomed the session is not the right one: %w", err)
	}
	return nil
}
