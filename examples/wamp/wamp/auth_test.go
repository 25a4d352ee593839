//go:build deferred || future

package wamp_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

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

// An application may answer later, for example after it has asked the user.
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

var testKey = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))

const testPublic = "23bc54912c1e6e92c4a86825c867e27ffdc555bffbd4244f17a26abfffee965d"

func TestCryptosign(t *testing.T) {
	if got := hex.EncodeToString(testKey.Public().(ed25519.PublicKey)); got != testPublic {
		t.Fatalf("the public key is %s", got)
	}
	challenge := strings.Repeat("0f", 32)
	signature := hex.EncodeToString(ed25519.Sign(testKey, bytes.Repeat([]byte{0x0f}, 32))) + challenge
	for id, hello := range map[string]string{
		"joe": `{"authextra": {"pubkey": "` + testPublic + `"}, "authid": "joe", "authmethods": ["cryptosign"], "agent": "*", "roles": "*"}`,
		"":    `{"authextra": {"pubkey": "` + testPublic + `"}, "authmethods": ["cryptosign"], "agent": "*", "roles": "*"}`,
	} {
		inBubble(t, func(t *testing.T, server *wamptest.Server) {
			s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{wamp.Cryptosign(id, testKey)}})
			f := s.Join()
			p := server.Accept()
			p.Expect(`[1, "realm1", ` + hello + `]`)
			p.Send(`[4, "cryptosign", {"challenge": "` + challenge + `", "channel_binding": null}]`)
			p.Expect(`[5, "` + signature + `", {}]`)
			p.Send(`[2, 1, {}]`)
			must(t, f)
		})
	}
}

// The signature includes the id of its TLS connection. TLS 1.3 has no such id.
func TestCryptosignBindsTheChannel(t *testing.T) {
	server := wamptest.NewServer(t)
	secure := httptest.NewTLSServer(server)
	defer secure.Close()
	finished := make(chan []byte, 1) // tls-unique, at the router's end
	raw := listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		secured := tls.Server(conn, secure.TLS)
		if secured.Handshake() == nil {
			finished <- secured.ConnectionState().TLSUnique
			server.ServeRaw(secured)
		}
	})
	for _, url := range []string{strings.Replace(secure.URL, "https", "wss", 1), "rss://" + raw.String()} {
		for version, ok := range map[uint16]bool{tls.VersionTLS12: true, tls.VersionTLS13: false} {
			transport := secure.Client().Transport.(*http.Transport).Clone()
			transport.TLSClientConfig.MaxVersion = version
			s, err := wamp.NewSession(wamp.Config{
				URL: url, Realm: "realm1", HTTPClient: &http.Client{Transport: transport}, TLS: transport.TLSClientConfig,
				Auth: []wamp.Authenticator{wamp.Cryptosign("joe", testKey, wamp.CryptosignOptions{BindChannel: true})},
			})
			if err != nil {
				t.Fatal(err)
			}
			f := s.Join()
			p := server.Accept()
			var unique []byte
			if p.Request != nil {
				unique = p.Request.TLS.TLSUnique
			} else {
				unique = <-finished
			}
			hello := p.Expect(`[1, "realm1", "*"]`)[2].(map[string]any)
			if extra := hello["authextra"].(map[string]any); extra["channel_binding"] != "tls-unique" {
				t.Errorf("HELLO has %v", extra)
			}
			p.Send(`[4, "cryptosign", {"challenge": "` + strings.Repeat("00", 32) + `", "channel_binding": "tls-unique"}]`)
			if !ok {
				p.Expect(`[3, {"message": "*"}, "wamp.error.cannot_authenticate"]`)
				if _, err := await(t, f); err == nil || !strings.Contains(err.Error(), "needs TLS of version 1.2") {
					t.Error(err)
				}
				p.Drop()
				continue
			}
			id := sha256.Sum256(unique) // XORed with zeros
			p.Expect(`[5, "` + hex.EncodeToString(append(ed25519.Sign(testKey, id[:]), id[:]...)) + `", {}]`)
			p.Send(`[2, 1, {}]`)
			must(t, f)
			left := s.Leave()
			p.Goodbye()
			p.Drop()
			await(t, left)
		}
	}
}

func TestCryptosignWithoutAChannel(t *testing.T) {
	auth := wamp.Cryptosign("joe", testKey, wamp.CryptosignOptions{BindChannel: true})
	if _, err := auth.Answer(&wamp.Challenge{}); err == nil || !strings.Contains(err.Error(), "no channel to bind") {
		t.Error(err)
	}
}

func TestSCRAM(t *testing.T) {
	for _, test := range []struct {
		name, kdf, binding string
		welcome            func(extra map[string]any) map[string]any
		says               string
	}{
		{"pbkdf2", "pbkdf2", "", nil, ""},
		{"argon2", "argon2id-13", "", nil, ""},
		{"channel binding", "pbkdf2", "tls-unique", nil, ""},
		{"Autobahn's name of the signature", "pbkdf2", "", func(extra map[string]any) map[string]any { delete(extra, "verifier"); return extra }, ""},
		{"wrong router", "pbkdf2", "", func(map[string]any) map[string]any { return map[string]any{"verifier": "AAAA"} }, "its signature is wrong"},
		{"silent router", "pbkdf2", "", func(map[string]any) map[string]any { return nil }, "it gives no signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{wamp.SCRAM("joe", "secret")}, Reconnect: &wamp.Backoff{}})
				f := s.Join()
				p := server.Accept()
				hello := p.Next()[2].(map[string]any)
				nonce := hello["authextra"].(map[string]any)["nonce"].(string)
				asked, decide := wamptest.Scram("joe", nonce, "secret", test.kdf)
				if test.binding != "" {
					asked["channel_binding"] = test.binding
				}
				p.Send(`[4, "scram", ` + toJSON(t, asked) + `]`)
				answer := p.Expect(`[5, "*", {"nonce": "` + asked["nonce"].(string) + `"}]`)[1].(string)
				_, extra, ok := decide(answer)
				if !ok {
					t.Error("the proof is wrong")
				}
				if test.welcome != nil {
					extra = test.welcome(extra)
				}
				p.Send(`[2, 1, {"authextra": ` + toJSON(t, extra) + `}]`)
				if test.says == "" {
					must(t, f)
					return
				}
				p.Expect(`[3, {"message": "*"}, "wamp.error.cannot_authenticate"]`)
				if _, err := await(t, f); err == nil || !strings.Contains(err.Error(), test.says) {
					t.Error(err)
				}
			})
		})
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each attempt to join has a nonce of its own, and a wrong password is refused.
func TestSCRAMNonces(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{wamp.SCRAM("joe", "guess")}})
		seen := make(map[string]bool)
		for range 3 {
			f := s.Join()
			p := server.Accept()
			nonce := p.Next()[2].(map[string]any)["authextra"].(map[string]any)["nonce"].(string)
			seen[nonce] = true
			asked, decide := wamptest.Scram("joe", nonce, "secret", "pbkdf2")
			p.Send(`[4, "scram", ` + toJSON(t, asked) + `]`)
			if _, _, ok := decide(p.Next()[1].(string)); ok {
				t.Error("the wrong password is right")
			}
			p.Send(`[3, {}, "wamp.error.authentication_failed"]`)
			p.ExpectClosed()
			p.Drop()
			failure[*wamp.RefusedError](t, f)
		}
		if len(seen) != 3 {
			t.Errorf("the nonces are %v", seen)
		}
	})
}

// A router that sends no challenge has not proved who it is.
func TestWelcomeWithoutAChallenge(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		for ok, auth := range map[bool][]wamp.Authenticator{
			false: {wamp.SCRAM("joe", "secret")},
			true:  {wamp.SCRAM("joe", "secret"), wamp.Ticket("joe", "secret")},
		} {
			s := newSession(t, server, wamp.Config{Auth: auth})
			f := s.Join()
			p := server.Accept()
			p.Next()
			p.Send(`[2, 1, {}]`)
			if ok {
				must(t, f)
				continue
			}
			p.Expect(`[3, {"message": "*"}, "wamp.error.cannot_authenticate"]`)
			if _, err := await(t, f); err == nil || !strings.Contains(err.Error(), "without a challenge") {
				t.Error(err)
			}
		}
	})
}

func TestSCRAMChallengesThatCannotBeAnswered(t *testing.T) {
	for _, test := range []struct{ id, extra, says string }{
		{"joe", `{}`, "no nonce"},
		{"joe", `{"nonce": "x", "salt": "?", "iterations": 1, "kdf": "pbkdf2"}`, "salt"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "kdf": "pbkdf2"}`, "no iterations"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "iterations": 1000000000, "kdf": "pbkdf2"}`, "iterations=1000000000"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "iterations": 1, "kdf": "md5"}`, "md5"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "iterations": 1, "kdf": "argon2id-13"}`, "0 KiB"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "iterations": 1, "memory": 1073741824, "kdf": "argon2id-13"}`, "memory=1073741824"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "iterations": 100000, "memory": 1000, "kdf": "argon2id-13"}`, "limit"},
		{"joe", `{"nonce": "x", "salt": "AAAA", "iterations": 65536, "memory": 65536, "kdf": "argon2id-13"}`, "limit"}, // 1 << 32
		{"jöe", `{"nonce": "x", "salt": "AAAA", "iterations": 1, "kdf": "pbkdf2"}`, "ASCII"},
		{"j=e", `{"nonce": "x", "salt": "AAAA", "iterations": 1, "kdf": "pbkdf2"}`, "ASCII"},
		{"j,e", `{"nonce": "x", "salt": "AAAA", "iterations": 1, "kdf": "pbkdf2"}`, "ASCII"},
		{"joe", `{"nonce": "x", "iterations": 1, "kdf": "pbkdf2"}`, "no salt"},
	} {
		inOneBubble(t, func(t *testing.T, server *wamptest.Server) {
			s := newSession(t, server, wamp.Config{Auth: []wamp.Authenticator{wamp.SCRAM(test.id, "secret")}})
			f := s.Join()
			p := server.Accept()
			p.Next()
			p.Send(`[4, "scram", ` + test.extra + `]`)
			p.Expect(`[3, {"message": "*"}, "wamp.error.cannot_authenticate"]`)
			if _, err := await(t, f); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", test.extra, err)
			}
		})
	}
}

// HELLO has one name. If the router refuses it, the session tries the name of the
// next authenticator.
func TestEachAuthenticatorHasItsName(t *testing.T) {
	auth := []wamp.Authenticator{
		wamp.Ticket("joe", "one"), wamp.Ticket("jane", "two"), wamp.CRA("joe", "three"), wamp.Cryptosign("", testKey),
	}
	hello := func(p *wamptest.Peer, id, methods string) {
		p.Expect(`[1, "realm1", {"authmethods": ` + methods + `, ` + id + `"agent": "*", "roles": "*"}]`)
	}
	refuse := func(p *wamptest.Peer, reason string) {
		p.Send(`[3, {}, "` + reason + `"]`)
		p.ExpectClosed()
		p.Drop()
		synctest.Wait() // until the session has handled it
	}
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{Auth: auth, Reconnect: &wamp.Backoff{}})
		f := s.Join()
		p := server.Accept()
		hello(p, `"authid": "joe", `, `["ticket", "wampcra"]`)
		refuse(p, "wamp.error.authentication_failed")
		p = server.Accept()
		hello(p, `"authid": "jane", `, `["ticket"]`)
		p.Send(`[4, "ticket", {}]`)
		p.Expect(`[5, "two", {}]`)
		p.Send(`[2, 1, {}]`)
		must(t, f)
		p.Drop()
		p = server.Accept() // the one that was right is tried again
		hello(p, `"authid": "jane", `, `["ticket"]`)
		refuse(p, "wamp.error.no_such_principal")
		p = server.Accept()
		hello(p, `"authextra": {"pubkey": "*"}, `, `["cryptosign"]`)
		refuse(p, "wamp.error.no_such_principal") // no identity is left, and waiting would not help
		if _, err := await(t, s.Call("com.x", wamp.Payload{})); !errors.Is(err, wamp.ErrNotJoined) {
			t.Error(err)
		}

		f = s.Join() // which begins anew
		p = server.Accept()
		hello(p, `"authid": "joe", `, `["ticket", "wampcra"]`)
		refuse(p, "wamp.error.no_such_realm") // no name would help
		failure[*wamp.RefusedError](t, f)

		f = s.Join()
		p = server.Accept()
		p.Next()
		p.Send(`[3, {}, "wamp.error.authentication_failed"]`)
		p.ExpectClosed()
		txaio.Cancel(f) // before there is another connection
		p.Drop()
		synctest.Wait()
		select {
		case <-s.Done():
		default:
			t.Error("a Join that was cancelled goes on")
		}
		must(t, s.Leave())
	})
}
