//go:build deferred || future

package wamp_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func TestPublish(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		must(t, s.Publish("com.x", wamp.Args(1)))
		p.Expect(`[16, 1, {}, "com.x", [1]]`)

		f := s.Publish("com.x", wamp.Payload{}.With(map[string]any{"k": "v"}),
			wamp.PublishOptions{Acknowledge: true, IncludeMe: true, Exclude: []uint64{5}, Eligible: []uint64{6, 7},
				ExcludeAuthID: []string{"a"}, EligibleAuthID: []string{"b"}, ExcludeAuthRole: []string{"c"}, EligibleAuthRole: []string{},
				Retain: true, Options: map[string]any{"x_added": true}})
		p.Expect(`[16, 2, {"acknowledge": true, "exclude_me": false, "exclude": [5], "eligible": [6, 7], "exclude_authid": ["a"], "eligible_authid": ["b"],
			"exclude_authrole": ["c"], "eligible_authrole": [], "retain": true, "x_added": true}, "com.x", [], {"k": "v"}]`)
		p.Send(`[17, 2, 99]`)
		if published := must(t, f); published.ID != 99 {
			t.Error(published.ID)
		}

		f = s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true})
		p.Expect(`[16, 3, {"acknowledge": true}, "com.x"]`)
		p.Send(`[17, 3, null]`) // a broker that keeps no ids
		must(t, f)

		f = s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true})
		p.Next()
		p.Send(`[8, 16, 4, {}, "wamp.error.not_authorized"]`)
		if failed := failure[*wamp.Error](t, f); failed.URI != "wamp.error.not_authorized" {
			t.Error(failed)
		}

		// Some routers send an ERROR even if no acknowledgement was asked for.
		must(t, s.Publish("com.x", wamp.Payload{}))
		p.Next()
		p.Send(`[8, 16, 5, {}, "wamp.error.not_authorized"]`)
		s.Publish("com.y", wamp.Payload{})
		p.Expect(`[16, 6, {}, "com.y"]`)
	})
}

func TestSubscribe(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		events := make(chan string, 10)
		handler := func(name string) func(*wamp.Event) error {
			return func(e *wamp.Event) error {
				events <- fmt.Sprint(name, " ", e.Topic, " ", e.Publication, " ", e.Publisher, " ", e.Args, " ", e.Kwargs)
				return errors.New("which is logged")
			}
		}
		first := s.Subscribe("com.x.", handler("first"), wamp.SubscribeOptions{Match: "prefix"})
		p.Expect(`[32, 1, {"match": "prefix"}, "com.x."]`)
		second := s.SubscribeLater("com.x.", func(e *wamp.Event) (*txaio.Future[struct{}], error) {
			return txaio.CreateFutureError[struct{}](handler("second")(e)), nil
		}, wamp.SubscribeOptions{Match: "prefix"})
		p.Next()
		p.Send(`[33, 1, 7]`, `[33, 2, 7]`) // the same topic: the same subscription
		must(t, first)
		must(t, second)

		p.Send(`[36, 7, 100, {"topic": "com.x.y", "publisher": 55}, [1, "a"], {"k": true}]`)
		for _, name := range []string{"first", "second"} {
			if got := <-events; got != name+" com.x.y 100 55 [1 a] map[k:true]" {
				t.Error(got)
			}
		}
		must(t, must(t, first).Unsubscribe()) // the router is not told
		p.Send(`[36, 7, null, {}, null, null]`)
		if got := <-events; got != "second com.x. 0 0 [] map[]" {
			t.Error(got)
		}
		gone := must(t, second).Unsubscribe()
		p.Expect(`[34, 3, 7]`)
		p.Send(`[36, 7, 101, {}]`) // sent before the router got it
		p.Send(`[35, 3]`)
		must(t, gone)
		if failed := failure[*wamp.Error](t, must(t, second).Unsubscribe()); failed.URI != "wamp.error.no_such_subscription" {
			t.Error(failed)
		}
		if len(events) > 0 {
			t.Error("an event without a handler: " + <-events)
		}
	})
}

func TestCancelSubscribe(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Subscribe("com.x", func(*wamp.Event) error { t.Error("called"); return nil })
		p.Next()
		txaio.Cancel(f)
		p.Send(`[33, 1, 7]`)
		p.Expect(`[34, 2, 7]`)
		p.Send(`[36, 7, 1, {}]`, `[35, 2]`)
		synctest.Wait()
	})
}

func TestRetainedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		retained := make(chan bool, 2)
		f := s.Subscribe("com.x", func(e *wamp.Event) error { retained <- e.Retained; return nil },
			wamp.SubscribeOptions{GetRetained: true, Options: map[string]any{"x_added": "y"}})
		p.Expect(`[32, 1, {"get_retained": true, "x_added": "y"}, "com.x"]`)
		p.Send(`[33, 1, 7]`, `[36, 7, 1, {"retained": true}]`, `[36, 7, 2, {}]`)
		must(t, f)
		if first, second := <-retained, <-retained; !first || second {
			t.Error(first, second)
		}
	})
}
