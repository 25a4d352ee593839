// Command wamp shows the WAMP client at a router: it registers a procedure and
// calls it, subscribes to a topic and publishes to it, and leaves.
//
//	go run -tags future . -url ws://127.0.0.1:9000/ -realm realm1
//	go run -tags deferred . -url ws://127.0.0.1:9000/ -realm realm1
package main

import (
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func main() {
	url := flag.String("url", "ws://127.0.0.1:9000/", "the router's URL")
	realm := flag.String("realm", "realm1", "the realm to join")
	timeout := flag.Duration("timeout", 10*time.Second, "give up after this time")
	flag.Parse()

	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	shown, err := show(*url, *realm, *timeout)
	if err != nil {
		log.Fatal(err)
	}
	if err := loop.RunUntilComplete(shown); err != nil {
		log.Fatal(err)
	}
}

// show returns a future that is settled at the end. Each step begins when the one
// before it has succeeded, and a failure skips the rest.
func show(url, realm string, timeout time.Duration) (*txaio.Future[struct{}], error) {
	event := txaio.CreateFuture[string]()
	session, err := wamp.NewSession(wamp.Config{
		URL:   url,
		Realm: realm,
		OnLeave: func(_ *wamp.Session, details *wamp.CloseDetails) {
			fmt.Println("Left:", details.Reason)
		},
		OnDisconnect: func(_ *wamp.Session, err error) {
			fmt.Println("Disconnected")
			if err != nil {
				_ = txaio.Reject(event, err) // refused if the event came before
			}
		},
	})
	if err != nil {
		return nil, err
	}
	registered := txaio.ThenOf(session.Join(), func(details *wamp.JoinDetails) (*txaio.Future[*wamp.Registration], error) {
		fmt.Println("Joined", details.Realm)
		return session.Register("com.example.add", add), nil
	})
	called := txaio.ThenOf(registered, func(registration *wamp.Registration) (*txaio.Future[*wamp.Result], error) {
		fmt.Println("Registered", registration.Procedure)
		return session.Call("com.example.add", wamp.Args(2, 3)), nil
	})
	subscribed := txaio.ThenOf(called, func(result *wamp.Result) (*txaio.Future[*wamp.Subscription], error) {
		fmt.Println("com.example.add(2, 3) =", result.Args[0])
		return session.Subscribe("com.example.news", func(e *wamp.Event) error {
			var news string
			if err := e.Scan(&news); err != nil {
				return err
			}
			return txaio.Resolve(event, news)
		}), nil
	})
	published := txaio.ThenOf(subscribed, func(subscription *wamp.Subscription) (*txaio.Future[*wamp.Publication], error) {
		fmt.Println("Subscribed to", subscription.Topic)
		return session.Publish(subscription.Topic, wamp.Args("it works"),
			wamp.PublishOptions{Acknowledge: true, IncludeMe: true}), nil
	})
	received := txaio.ThenOf(published, func(*wamp.Publication) (*txaio.Future[string], error) {
		fmt.Println("Published")
		return event, nil
	})
	left := txaio.ThenOf(received, func(news string) (*txaio.Future[struct{}], error) {
		fmt.Println("Received an event:", news)
		return session.Leave(), nil
	})
	return txaio.AddTimeout(left, timeout), nil
}

func add(inv *wamp.Invocation) (wamp.Payload, error) {
	var a, b int
	if err := inv.Scan(&a, &b); err != nil {
		return wamp.Payload{}, err
	}
	return wamp.Args(a + b), nil
}
