//go:build deferred || future

package main

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// The code of the README. It is compiled, and not run, as it needs a router.
func Example_readme() {
	session, err := wamp.NewSession(wamp.Config{
		URL:       "ws://127.0.0.1:9000/",
		Realm:     "realm1",
		Auth:      []wamp.Authenticator{wamp.CRA("joe", "joe-secret")},
		Reconnect: &wamp.Backoff{},
		OnJoin: func(s *wamp.Session, details *wamp.JoinDetails) error {
			s.Register("com.example.add", func(inv *wamp.Invocation) (wamp.Payload, error) {
				var a, b int
				err := inv.Scan(&a, &b)
				return wamp.Args(a + b), err
			})
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	f := session.Call("com.example.add", wamp.Args(2, 3), wamp.CallOptions{Timeout: time.Second})
	sum := txaio.Then(f, func(result *wamp.Result) (int, error) {
		var sum int
		err := result.Scan(&sum)
		return sum, err
	})
	sum = txaio.Catch(sum, func(fail *txaio.Failure) (int, error) {
		var failed *wamp.Error
		if errors.As(fail, &failed) && failed.URI == wamp.NoSuchProcedure {
			fmt.Println("nobody can add")
		}
		return 0, fail
	})

	txaio.Watch(sum, func(sum int) { fmt.Println(sum) }, nil)
}
