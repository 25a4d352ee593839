//go:build deferred || future

package wamp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// FuzzMessages gives a session the lines of a text as messages of its router. Nothing
// panics, the session sends only valid WAMP, it answers a breach of the protocol
// with an ABORT, and nothing is left pending.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		`[2, 1, {}]`,
		`[4, "wampcra", {"challenge": "x", "salt": "y", "iterations": 5, "keylen": 8}]` + "\n" + `[2, 1, {}]`,
		`[3, {"message": "no"}, "wamp.error.no_such_realm"]`,
		"[2, 1, {}]\n[50, 1, {}, [1], {\"a\": null}]\n[33, 2, 7]\n[36, 7, null, null, [1]]\n[65, 3, 8]\n[68, 1, 8, {\"receive_progress\": true}, [{}], null]\n[69, 1, {}]\n[17, 4, 9]\n[6, {}, \"wamp.close.normal\"]",
		"[2, 1, {}]\n[50, 1, {\"progress\": true}]\n[8, 48, 1, {}, \"com.error\", [1, 2], {}]\n[8, 48, 1, {}, \"com.error\"]",
		"[2, 9007199254740992, {}]\n[8, 16, 4, {}, \"wamp.error.not_authorized\"]\n[8, 70, 1, {}, \"com.x\"]\n[50, 5, {}]",
		"[2, 1, null]\n[50, -1, {}]", "[]", "[1e9]", "[50, 1e400, {}]", "[2, 1, {}]\n[68, 0, 0]", "{", "[2,1,{}]\n[35,1]\n[67,1]",
	} {
		f.Add([]byte(seed))
	}
	quiet := logrus.New()
	quiet.Out = io.Discard
	logger := txaio.MakeLogger(txaio.WithLogrus(quiet))
	f.Fuzz(func(t *testing.T, script []byte) {
		loop := testutil.NewTestLoop()
		defer testutil.ReplaceLoop(loop)()
		session, err := NewSession(Config{
			URL: "ws://127.0.0.1:1/", Realm: "realm1", Logger: logger,
			Auth:   []Authenticator{CRA("joe", "secret"), Ticket("joe", "secret")},
			OnJoin: func(*Session, *JoinDetails) error { return errors.New("which is logged") },
		})
		if err != nil {
			t.Fatal(err)
		}
		// A transport that nobody reads from or writes to.
		connection := &transport{loop: loop, wake: make(chan struct{}, 1), serializer: JSON}
		connection.ctx, connection.cancel = context.WithCancelCause(context.Background())
		session.transport, session.phase = connection, connecting
		session.opened(connection)

		pending := []txaio.AnyFuture{}
		for i, frame := range bytes.Split(script, []byte("\n")) {
			m, err := decode(JSON, frame)
			session.received(connection, m, err)
			loop.RunUntilIdle()
			if err != nil && session.phase != closing {
				t.Fatalf("the session goes on after %q", frame)
			}
			if i == 0 { // it has joined, or not
				pending = append(pending,
					session.Call("com.x", Args(1), CallOptions{OnProgress: func(*Result) {}}),
					session.Subscribe("com.x", func(*Event) error { return nil }),
					session.Register("com.x", func(inv *Invocation) (Payload, error) { return inv.Payload, nil }),
					session.Publish("com.x", Payload{}, PublishOptions{Acknowledge: true}))
				abandoned := session.Call("com.y", Payload{})
				pending = append(pending, abandoned)
				loop.RunUntilIdle()
				txaio.Cancel(abandoned)
				loop.RunUntilIdle()
			}
		}
		session.closed(connection, errors.New("the end of the test"))
		loop.RunUntilIdle()
		for i, f := range pending {
			if !txaio.IsCalled(f) {
				t.Errorf("future %d is pending", i)
			}
		}
		for _, frame := range connection.queue {
			var message []any
			if err := json.Unmarshal(frame, &message); err != nil || len(message) < 2 {
				t.Errorf("the session sent %s", frame)
			}
		}
	})
}
