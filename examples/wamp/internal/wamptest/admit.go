package wamptest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/crypto/argon2"
)

// The challenge of a router with a secret.
const (
	challenge  = `{"authid":"joe","nonce":"x"}`
	salt       = "salt123"
	iterations = 100
	keyLength  = 16
)

// A proof checks the answer to a challenge. It returns who the session is, and the
// extra details for WELCOME.
type proof func(answer string) (name string, extra map[string]any, ok bool)

// hello welcomes a session, or asks for the first method that it offers and the
// router has.
func (r *Router) hello(s *routed, m []any) {
	if r.admit.Secret == "" && r.admit.Keys == nil && r.admit.Password == "" {
		r.welcome(s, "joe", none)
		return
	}
	methods, _ := option(m, 2, "authmethods").([]any)
	extra, _ := option(m, 2, "authextra").(map[string]any)
	offers := func(method string) bool { return slices.Contains(methods, any(method)) }
	name, _ := option(m, 2, "authid").(string)
	switch {
	case r.admit.Keys != nil && offers("cryptosign"):
		key, _ := extra["pubkey"].(string)
		asked := make([]byte, 32)
		_, _ = rand.Read(asked) // it never fails
		s.proof = func(answer string) (string, map[string]any, bool) {
			public, _ := hex.DecodeString(key)
			signed, _ := hex.DecodeString(answer)
			known := r.admit.Keys[key]
			ok := known != "" && len(signed) == 96 && hmac.Equal(signed[64:], asked) && ed25519.Verify(public, asked, signed[:64])
			return known, none, ok
		}
		s.send(4, "cryptosign", map[string]any{"challenge": hex.EncodeToString(asked), "channel_binding": nil})
	case r.admit.Password != "" && offers("scram"):
		var asked map[string]any
		nonce, _ := extra["nonce"].(string)
		asked, s.proof = Scram(name, nonce, r.admit.Password, r.admit.KDF)
		s.send(4, "scram", asked)
	case r.admit.Secret != "" && offers("wampcra"):
		s.proof = func(answer string) (string, map[string]any, bool) {
			return "joe", none, answer == signature(r.admit.Secret)
		}
		s.send(4, "wampcra", map[string]any{"challenge": challenge, "salt": salt, "iterations": iterations, "keylen": keyLength})
	default:
		s.send(3, none, "wamp.error.no_matching_auth_method")
	}
}

// Scram returns the challenge of WAMP-SCRAM for a session that has sent a nonce, and
// the proof that checks the answer. As a router does, it keeps keys derived from the
// password, and not the password.
func Scram(name, nonce, password, kdf string) (asked map[string]any, decide proof) {
	const count, memory = 5, 64
	random := []byte("0123456789abcdef")
	var salted []byte
	asked = map[string]any{"nonce": nonce + "c2VydmVy", "salt": base64.StdEncoding.EncodeToString(random), "iterations": count, "kdf": kdf}
	if kdf == "argon2id-13" {
		asked["memory"] = memory
		salted = []byte(base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), random, count, memory, 1, 32)))
	} else {
		derived, err := pbkdf2.Key(sha256.New, password, random, count, 32)
		if err != nil {
			panic(err) // the parameters are the constants above
		}
		salted = derived
	}
	mac := func(key []byte, text string) []byte {
		signer := hmac.New(sha256.New, key)
		signer.Write([]byte(text))
		return signer.Sum(nil)
	}
	stored, serverKey := sha256.Sum256(mac(salted, "Client Key")), mac(salted, "Server Key")
	return asked, func(answer string) (string, map[string]any, bool) {
		binding, _ := asked["channel_binding"].(string) // the caller may have added it
		message := fmt.Sprintf("n=%s,r=%s,r=%s,s=%s,i=%d,c=%s,r=%s", name, nonce, asked["nonce"], asked["salt"], count, binding, asked["nonce"])
		key, err := base64.StdEncoding.DecodeString(answer)
		if err != nil || len(key) != 32 {
			return "", nil, false
		}
		for i, b := range mac(stored[:], message) {
			key[i] ^= b
		}
		found := sha256.Sum256(key)
		verifier := base64.StdEncoding.EncodeToString(mac(serverKey, message))
		return name, map[string]any{"verifier": verifier, "scram_server_signature": verifier}, hmac.Equal(found[:], stored[:])
	}
}

// signature returns the answer that a session with the secret gives.
func signature(secret string) string {
	key, err := pbkdf2.Key(sha256.New, secret, []byte(salt), iterations, keyLength)
	if err != nil {
		panic(err) // the parameters are the constants above
	}
	signer := hmac.New(sha256.New, []byte(base64.StdEncoding.EncodeToString(key)))
	signer.Write([]byte(challenge))
	return base64.StdEncoding.EncodeToString(signer.Sum(nil))
}
