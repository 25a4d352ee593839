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

// A demo takes one step after the other. Each begins in the callback of the
// one before, and a failure anywhere ends it.
type demo struct {
	session *wamp.Session
	done    *txaio.Future[struct{}]
	event   *txaio.Future[string]
}

// show returns a future that is settled when everything has been shown.
func show(url, realm string, timeout time.Duration) (*txaio.Future[struct{}], error) {
	d := &demo{done: txaio.CreateFuture[struct{}](), event: txaio.CreateFuture[string]()}
	session, err := wamp.NewSession(wamp.Config{
		URL:   url,
		Realm: realm,
		OnLeave: func(_ *wamp.Session, details *wamp.CloseDetails) {
			fmt.Println("Left:", details.Reason)
		},
		OnDisconnect: func(_ *wamp.Session, err error) {
			fmt.Println("Disconnected")
			if err != nil {
				_ = txaio.Reject(d.done, err) // refused where something failed before
			}
		},
	})
	if err != nil {
		return nil, err
	}
	d.session = session
	txaio.CallLater(timeout, func() {
		_ = txaio.Reject(d.done, fmt.Errorf("the router at %s took longer than %v", url, timeout)) // refused at the end
	})
	then(d, session.Join(), d.register)
	return d.done, nil
}

// then goes on with next when f succeeds.
func then[T any](d *demo, f *txaio.Future[T], next func(T)) {
	txaio.AddCallbacks(f,
		func(value T) (T, error) {
			next(value)
			return value, nil
		},
		func(fail *txaio.Failure) (T, error) {
			_ = txaio.Reject(d.done, fail) // refused where something failed before
			return *new(T), fail
		})
}

func (d *demo) register(details *wamp.JoinDetails) {
	fmt.Println("Joined", details.Realm)
	then(d, d.session.Register("com.example.add", add), d.call)
}

func add(inv *wamp.Invocation) (wamp.Payload, error) {
	var a, b int
	if err := inv.Scan(&a, &b); err != nil {
		return wamp.Payload{}, err
	}
	return wamp.Args(a + b), nil
}

func (d *demo) call(registration *wamp.Registration) {
	fmt.Println("Registered", registration.Procedure)
	then(d, d.session.Call("com.example.add", wamp.Args(2, 3)), d.subscribe)
}

func (d *demo) subscribe(result *wamp.Result) {
	fmt.Println("com.example.add(2, 3) =", result.Args[0])
	then(d, d.session.Subscribe("com.example.news", func(e *wamp.Event) error {
		var news string
		if err := e.Scan(&news); err != nil {
			return err
		}
		return txaio.Resolve(d.event, news)
	}), d.publish)
}

func (d *demo) publish(subscription *wamp.Subscription) {
	fmt.Println("Subscribed to", subscription.Topic)
	published := d.session.Publish(subscription.Topic, wamp.Args("it works"),
		wamp.PublishOptions{Acknowledge: true, IncludeMe: true})
	then(d, published, func(*wamp.Publication) {
		fmt.Println("Published")
		then(d, d.event, d.leave)
	})
}

func (d *demo) leave(news string) {
	fmt.Println("Received an event:", news)
	then(d, d.session.Leave(), func(struct{}) { _ = txaio.Resolve(d.done, struct{}{}) }) // refused after the timeout
}
