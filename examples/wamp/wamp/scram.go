package wamp

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/crypto/argon2"

	"github.com/txaio-go/txaio"
)

// SCRAM authenticates with WAMP-SCRAM: the session and the router prove to each other
// that they know the password, or keys derived from it. The router chooses the key
// derivation, pbkdf2 or argon2id-13. authID must be ASCII, because implementations
// prepare other text in different ways.
func SCRAM(authID, password string) Authenticator {
	return Authenticator{
		Method: "scram",
		AuthID: authID,
		Extra: func() map[string]any {
			var nonce [16]byte
			_, _ = rand.Read(nonce[:]) // it never fails
			return map[string]any{"nonce": base64.StdEncoding.EncodeToString(nonce[:])}
		},
		Answer: func(challenge *Challenge) (*txaio.Future[string], error) {
			// Deriving a key can take a second, which is too long for the loop.
			return txaio.Go(func(context.Context) (string, error) { return signSCRAM(authID, password, challenge) }), nil
		},
		Verify: func(challenge *Challenge, details *JoinDetails) error {
			extra, _ := details.Details["authextra"].(map[string]any)
			for _, name := range []string{"verifier", "scram_server_signature"} { // WAMP's name, and Autobahn's
				if given, is := extra[name].(string); is {
					if subtle.ConstantTimeCompare([]byte(given), []byte(challenge.verifier)) == 1 {
						return nil
					}
					return errors.New("its signature is wrong")
				}
			}
			return errors.New("it gives no signature")
		},
	}
}

// signSCRAM returns the client's proof, and stores the router's in the challenge.
func signSCRAM(authID, password string, challenge *Challenge) (string, error) {
	text := func(name string) string { s, _ := challenge.Extra[name].(string); return s } // "" is none
	nonce, salt := text("nonce"), text("salt")
	switch {
	case strings.ContainsFunc(authID, func(r rune) bool { return r > unicode.MaxASCII || r == '=' || r == ',' }):
		return "", errors.New("the authid of SCRAM has to be ASCII without = and ,")
	case nonce == "" || salt == "":
		return "", errors.New("the router's challenge has no nonce, or no salt")
	}
	iterations, err := number(challenge.Extra, "iterations", 0, maxIterations)
	if err != nil {
		return "", err
	}
	if iterations == 0 {
		return "", errors.New("the router's challenge has no iterations")
	}
	key, err := saltedPassword(password, challenge.Extra, salt, iterations)
	if err != nil {
		return "", err
	}
	message := fmt.Sprintf("n=%s,r=%v,r=%s,s=%s,i=%d,c=%s,r=%s", authID, challenge.Hello["nonce"], nonce, salt, iterations, text("channel_binding"), nonce)
	clientKey := sign(key, "Client Key")
	stored := sha256.Sum256(clientKey)
	proof := sign(stored[:], message)
	subtle.XORBytes(proof, proof, clientKey)
	challenge.verifier = base64.StdEncoding.EncodeToString(sign(sign(key, "Server Key"), message))
	challenge.Reply["nonce"] = nonce
	return base64.StdEncoding.EncodeToString(proof), nil
}

// maxCost limits the work with Argon2 that a router can ask for: the iterations times
// the memory in KiB. It is about 4 seconds of work. maxMemory is 256 MiB.
const (
	maxCost   = 1 << 22
	maxMemory = 256 << 10
)

func saltedPassword(password string, extra map[string]any, salt string, iterations int) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		return nil, fmt.Errorf("the router's salt: %w", err)
	}
	switch kdf := extra["kdf"]; kdf {
	case "pbkdf2":
		return pbkdf2.Key(sha256.New, password, raw, iterations, sha256.Size)
	case "argon2id-13":
		memory, err := number(extra, "memory", 0, maxMemory)
		if err != nil {
			return nil, err
		}
		if memory == 0 || int64(iterations)*int64(memory) > maxCost {
			return nil, fmt.Errorf("the router asks for %d iterations with %d KiB of memory: there is a limit of %d for their product", iterations, memory, maxCost)
		}
		key := argon2.IDKey([]byte(password), raw, uint32(iterations), uint32(memory), 1, sha256.Size)
		// Autobahn, Crossbar and their stored keys use the base64 text of the key.
		return base64.RawStdEncoding.AppendEncode(nil, key), nil
	default:
		return nil, fmt.Errorf("the router derives keys with %v, which is not known here", kdf)
	}
}

func sign(key []byte, text string) []byte {
	signer := hmac.New(sha256.New, key)
	signer.Write([]byte(text))
	return signer.Sum(nil)
}
