package wamp

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/txaio-go/txaio"
)

// An Authenticator is a way to authenticate: see [CRA] and [Ticket].
type Authenticator struct {
	// Method is WAMP's name of the method.
	Method string
	// AuthID is who the session says it is.
	AuthID string
	// Answer answers the router's challenge. It is called on the loop.
	Answer func(*Challenge) (*txaio.Future[string], error)
}

// A Challenge is what the router asks of a session that wants to join.
type Challenge struct {
	Method string
	Extra  map[string]any
}

// Ticket authenticates with a secret that is sent as it is: use it over TLS.
func Ticket(authID, ticket string) Authenticator {
	return Authenticator{"ticket", authID, func(*Challenge) (*txaio.Future[string], error) {
		return txaio.CreateFutureSuccess(ticket), nil
	}}
}

// CRA authenticates with WAMP-CRA: the session signs the router's challenge
// with the secret, which does not travel. If the challenge has a salt, the
// key is derived from the secret.
func CRA(authID, secret string) Authenticator {
	return Authenticator{"wampcra", authID, func(challenge *Challenge) (*txaio.Future[string], error) {
		// To derive a key can take a second, which is too long for the loop.
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

// number returns a number of the challenge's.
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
			"caller":     features("call_canceling", "progressive_call_results", "caller_identification"),
			"callee":     features("call_canceling", "progressive_call_results", "pattern_based_registration", "shared_registration", "caller_identification", "registration_revocation"),
			"publisher":  features("publisher_exclusion", "subscriber_blackwhite_listing", "publisher_identification"),
			"subscriber": features("pattern_based_subscription", "publisher_identification", "subscription_revocation"),
		},
	}
	if len(s.config.Auth) > 0 {
		var methods []string
		for _, auth := range s.config.Auth {
			methods = append(methods, auth.Method)
		}
		details["authmethods"] = methods
		details["authid"] = s.config.Auth[0].AuthID
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

// challenged handles CHALLENGE.
func (s *Session) challenged(m *message) error {
	if s.challenge >= 0 {
		return violation("CHALLENGE twice")
	}
	s.challenge = slices.IndexFunc(s.config.Auth, func(auth Authenticator) bool { return auth.Method == m.text })
	if s.challenge < 0 {
		return violation("CHALLENGE for the method %.100q, which was not offered", m.text)
	}
	answer := s.config.Auth[s.challenge].Answer
	t := s.transport
	asked := func() bool { return s.transport == t && s.phase == joining }
	f := txaio.AsFutureOfOn(s.api, func() (*txaio.Future[string], error) {
		return answer(&Challenge{m.text, m.details})
	})
	watch(s, f,
		func(signature string) {
			if asked() {
				s.send(codeAuthenticate, signature, map[string]any{})
			}
		},
		func(fail *txaio.Failure) {
			if asked() {
				s.retry.stop()
				s.abortWith(cannotAuthenticate, fmt.Errorf("the challenge was not answered: %w", fail.Value()))
			}
		})
	return nil
}
