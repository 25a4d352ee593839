package wamp

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/txaio-go/txaio"
)

// tlsUnique is the one channel binding that cryptosign has.
const tlsUnique = "tls-unique"

// CryptosignOptions are options of [Cryptosign].
type CryptosignOptions struct {
	// BindChannel includes the TLS connection in the signature, so that nobody between
	// the session and the router can use it. It is WAMP's tls-unique, which exists up to
	// TLS 1.2: set [tls.Config].MaxVersion.
	BindChannel bool
}

// Cryptosign authenticates with WAMP-cryptosign: the session signs the router's challenge
// with an Ed25519 key, and the router knows the public key. Without an authID, the
// router finds the name by the key.
func Cryptosign(authID string, key ed25519.PrivateKey, options ...CryptosignOptions) Authenticator {
	bind := optional(options).BindChannel
	return Authenticator{
		Method: "cryptosign",
		AuthID: authID,
		Extra: func() map[string]any {
			extra := map[string]any{"pubkey": hex.EncodeToString(key[ed25519.SeedSize:])}
			if bind {
				extra["channel_binding"] = tlsUnique
			}
			return extra
		},
		Answer: func(challenge *Challenge) (*txaio.Future[string], error) {
			var channel []byte
			if bind {
				if challenge.TLS == nil || challenge.TLS.TLSUnique == nil {
					return nil, errors.New("there is no channel to bind: " + tlsUnique + " needs TLS of version 1.2")
				}
				id := sha256.Sum256(challenge.TLS.TLSUnique)
				channel = id[:]
			}
			signature, err := signCryptosign(key, challenge.Extra, channel)
			if err != nil {
				return nil, err
			}
			return txaio.CreateFutureSuccess(signature), nil
		},
	}
}

// signCryptosign returns the signature, followed by the signed data: the challenge,
// with the channel's id if there is one.
func signCryptosign(key ed25519.PrivateKey, extra map[string]any, channel []byte) (string, error) {
	text, _ := extra["challenge"].(string) // "" is no challenge
	signed, err := hex.DecodeString(text)
	if err != nil || len(signed) != sha256.Size {
		return "", fmt.Errorf("the router's challenge is not %d bytes in hexadecimal", sha256.Size)
	}
	if channel != nil {
		subtle.XORBytes(signed, signed, channel)
	}
	return hex.EncodeToString(append(ed25519.Sign(key, signed), signed...)), nil
}
