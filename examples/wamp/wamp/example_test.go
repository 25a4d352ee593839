//go:build deferred || future

package wamp_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// startRouter starts a router in the process, for the examples.
func startRouter() (url string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return "ws://" + listener.Addr().String() + "/", wamptest.ServeRouter(listener, "")
}

// A session registers a procedure, and calls it.
func Example() {
	url, stop := startRouter()
	defer stop()
	ctx := context.Background()

	session, err := wamp.NewSession(wamp.Config{URL: url, Realm: "realm1"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := txaio.Await(ctx, session.Join()); err != nil {
		log.Fatal(err)
	}
	add := func(inv *wamp.Invocation) (wamp.Payload, error) {
		var a, b int
		err := inv.Scan(&a, &b)
		return wamp.Args(a + b), err
	}
	if _, err := txaio.Await(ctx, session.Register("com.example.add", add)); err != nil {
		log.Fatal(err)
	}

	var sum int
	result, err := txaio.Await(ctx, session.Call("com.example.add", wamp.Args(2, 3)))
	if err == nil {
		err = result.Scan(&sum)
	}
	fmt.Println(sum, err)

	_, err = txaio.Await(ctx, session.Call("com.example.subtract", wamp.Args(2, 3)))
	var failed *wamp.Error
	fmt.Println(errors.As(err, &failed) && failed.URI == wamp.NoSuchProcedure)

	_, err = txaio.Await(ctx, session.Leave())
	fmt.Println(err)
	// Output:
	// 5 <nil>
	// true
	// <nil>
}

// Each event of the topic is given to the handler.
func ExampleSession_Subscribe() {
	url, stop := startRouter()
	defer stop()
	ctx := context.Background()

	session, err := wamp.NewSession(wamp.Config{URL: url, Realm: "realm1"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := txaio.Await(ctx, session.Join()); err != nil {
		log.Fatal(err)
	}
	heard := make(chan string)
	handler := func(event *wamp.Event) error {
		var news string
		if err := event.Scan(&news); err != nil {
			return err
		}
		heard <- event.Topic + ": " + news
		return nil
	}
	if _, err := txaio.Await(ctx, session.Subscribe("com.example.news", handler)); err != nil {
		log.Fatal(err)
	}
	session.Publish("com.example.news", wamp.Args("it works"), wamp.PublishOptions{IncludeMe: true})
	fmt.Println(<-heard)

	if _, err := txaio.Await(ctx, session.Leave()); err != nil {
		log.Fatal(err)
	}
	// Output: com.example.news: it works
}

// The router chooses one of the offered serializers. CBOR and MessagePack carry binary
// data unchanged, JSON in base64. A program does not see the difference.
func ExampleConfig_serializers() {
	url, stop := startRouter()
	defer stop()
	ctx := context.Background()

	for _, serializer := range []wamp.Serializer{wamp.CBOR, wamp.MessagePack, wamp.JSON} {
		session, err := wamp.NewSession(wamp.Config{
			URL: url, Realm: "realm1",
			Serializers: []wamp.Serializer{serializer},
		})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := txaio.Await(ctx, session.Join()); err != nil {
			log.Fatal(err)
		}
		echo := func(inv *wamp.Invocation) (wamp.Payload, error) { return inv.Payload, nil }
		if _, err := txaio.Await(ctx, session.Register("com.example.echo", echo)); err != nil {
			log.Fatal(err)
		}
		result, err := txaio.Await(ctx, session.Call("com.example.echo", wamp.Args([]byte{0, 255}, uint64(1<<63))))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(serializer.Name(), result.Args)
		if _, err := txaio.Await(ctx, session.Leave()); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// cbor [[0 255] 9223372036854775808]
	// msgpack [[0 255] 9223372036854775808]
	// json [[0 255] 9223372036854775808]
}

// A session may offer several ways to authenticate. Here the router is on the same
// machine, on a Unix socket.
func ExampleCryptosign() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // a real one is secret
	_, err := wamp.NewSession(wamp.Config{
		URL:   "unix:///run/router.sock",
		Realm: "realm1",
		Auth:  []wamp.Authenticator{wamp.Cryptosign("joe", key), wamp.SCRAM("joe", "joe's password")},
	})
	fmt.Println(err)
	// Output: <nil>
}

// If an argument does not fit, a procedure can return the error of Scan unchanged.
func ExamplePayload_Scan() {
	payload := wamp.Args("Ada", map[string]any{"born": 1815})
	var (
		name   string
		person struct{ Born int }
	)
	fmt.Println(payload.Scan(&name, &person), name, person.Born)
	fmt.Println(payload.Scan(new(int)))
	// Output:
	// <nil> Ada 1815
	// wamp.error.invalid_argument: argument 1: json: cannot unmarshal string into Go value of type int
}
