//go:build deferred || future

package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// The code of the README. It is only compiled, because it needs a router.
var _, _, _ = readme, secure, portable

func readme(ctx context.Context, resize func(context.Context, []byte) ([]byte, error), store func(context.Context, []any) error) error {
	session, err := wamp.NewSession(wamp.Config{
		URL:       "ws://127.0.0.1:9000/",
		Realm:     "realm1",
		Auth:      []wamp.Authenticator{wamp.CRA("joe", "joe-secret")},
		Reconnect: &wamp.Backoff{},
	})
	if err != nil {
		return err
	}
	_, err = txaio.Await(ctx, session.Join())
	if err != nil {
		return err
	}
	session.Handle("com.example.resize", func(ctx context.Context, inv *wamp.Invocation) (wamp.Payload, error) {
		var picture []byte
		if err := inv.Scan(&picture); err != nil {
			return wamp.Payload{}, err
		}
		small, err := resize(ctx, picture) // ctx ends if the caller cancels the call, or the session ends
		return wamp.Args(small), err
	}, wamp.RegisterOptions{Concurrency: 4})

	session.HandleEvents("com.example.news", func(ctx context.Context, e *wamp.Event) error {
		return store(ctx, e.Args)
	})

	result, err := session.CallContext(ctx, "com.example.add", wamp.Args(2, 3)) // ctx's end cancels the call at the router
	if err != nil {
		return err
	}
	fmt.Println(result)
	sum, err := wamp.CallAs[int](ctx, session, "com.example.add", wamp.Args(2, 3))
	fmt.Println(sum)
	var failed *wamp.Error
	if errors.As(err, &failed) && failed.URI == wamp.NoSuchProcedure {
		fmt.Println("nobody can add")
	}
	<-session.Done()
	return nil
}

func secure(key ed25519.PrivateKey, password string) wamp.Config {
	config := wamp.Config{
		URL:         "rs://127.0.0.1:9001",
		Realm:       "realm1",
		Serializers: []wamp.Serializer{wamp.CBOR, wamp.JSON}, // JSON alone if there are none
		Auth:        []wamp.Authenticator{wamp.Cryptosign("joe", key), wamp.SCRAM("joe", password)},
	}
	return config
}

func portable(session *wamp.Session) {
	session.Register("com.example.add", func(inv *wamp.Invocation) (wamp.Payload, error) {
		var a, b int
		err := inv.Scan(&a, &b)
		return wamp.Args(a + b), err
	})

	f := session.Call("com.example.add", wamp.Args(2, 3), wamp.CallOptions{Timeout: time.Second})
	sum := txaio.Then(f, func(result *wamp.Result) (int, error) {
		var sum int
		err := result.Scan(&sum)
		return sum, err
	})
	txaio.Watch(sum, func(sum int) { fmt.Println(sum) }, nil)
}
