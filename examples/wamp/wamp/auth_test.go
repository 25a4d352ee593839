//go:build deferred || future

package wamp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// The signatures are Autobahn|Python's: auth.compute_wcs, with
// auth.derive_key if there is a salt.
func TestAuthentication(t *testing.T) {
	for name, test := range map[string]struct{ challenge, signature string }{
		"ticket":           {`[4, "ticket", {}]`, `secret`},
		"wampcra":          {`[4, "wampcra", {"challenge": "{\"nonce\": \"x\"}"}]`, craPlain},
		"salted":           {`[4, "wampcra", {"challenge": "{\"nonce\": \"x\"}", "salt": "salt123", "iterations": 100, "keylen": 16}]`, craSalted},
		"salted, defaults": {`[4, "wampcra", {"challenge": "{\"nonce\": \"x\"}", "salt": "salt123"}]`, craDefaults},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{wamp.CRA("joe", "secret"), wamp.Ticket("joe", "secret")}})
				f := s.Join()
				p := server.Accept()
				details := p.Next()[2].(map[string]any)
				methods, _ := details["authmethods"].([]any)
				if len(methods) != 2 || details["authid"] != "joe" {
					t.Errorf("HELLO has %v", details)
				}
				p.Send(test.challenge)
				p.Expect(`[5, "` + test.signature + `", {}]`)
				p.Send(`[2, 1, {}]`)
				must(t, f)
			})
		})
	}
}

func TestChallengesThatCannotBeAnswered(t *testing.T) {
	for _, challenge := range []string{
		`[4, "wampcra", {}]`,
		`[4, "wampcra", {"challenge": 5}]`,
		`[4, "wampcra", {"challenge": "x", "salt": "y", "iterations": 1000000000}]`,
		`[4, "wampcra", {"challenge": "x", "salt": "y", "keylen": -1}]`,
		`[4, "wampcra", {"challenge": "x", "salt": "y", "keylen": "32"}]`,
	} {
		inBubble(t, func(t *testing.T, server *wamptest.Server) {
			s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{wamp.CRA("joe", "secret")}})
			f := s.Join()
			p := server.Accept()
			p.Next()
			p.Send(challenge)
			p.Expect(`[3, {"message": "*"}, "wamp.error.cannot_authenticate"]`)
			if _, err := await(t, f); err == nil || !strings.Contains(err.Error(), "challenge") {
				t.Errorf("%s: %v", challenge, err)
			}
			p.ExpectClosed()
		})
	}
}

// An application may take its time to answer, or ask somebody.
func TestOwnAuthenticator(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		answers := make(chan *txaio.Future[string], 1)
		s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{{
			Method: "own", AuthID: "joe",
			Answer: func(*wamp.Challenge) (*txaio.Future[string], error) {
				f := txaio.CreateFuture[string]()
				answers <- f
				return f, nil
			},
		}}})
		f := s.Join()
		p := server.Accept()
		p.Next()
		p.Send(`[4, "own", {}]`)
		txaio.Resolve(<-answers, "answer")
		p.Expect(`[5, "answer", {}]`)
		p.Send(`[4, "own", {}]`)
		p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
		failure[*wamp.ProtocolError](t, f)

		f = s.Join()
		p = server.Accept()
		p.Next()
		p.Send(`[4, "own", {}]`)
		wrong := errors.New("forgotten")
		txaio.Reject(<-answers, wrong)
		if _, err := await(t, f); !errors.Is(err, wrong) {
			t.Error(err)
		}
	})
}

const (
	craPlain    = "OM8XbaBNYWxfgNLYL5wM95hLMJubT5USlHylOOdep+w="
	craSalted   = "mTSqMARzfQGP077QxKPLwUVL4YizkG94nYBIn5dQE0g="
	craDefaults = "fWY0lN+D8jVHkMLzqOABUp9O5cBLymERmwGfghk3IPU="
)
