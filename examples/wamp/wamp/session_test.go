//go:build deferred || future

package wamp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func TestJoinTellsWhatTheRouterSaid(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		joined := make(chan *wamp.JoinDetails, 1)
		s := newSession(t, server, wamp.Config{OnJoin: func(_ *wamp.Session, details *wamp.JoinDetails) error {
			joined <- details
			return nil
		}})
		f := s.Join()
		p := server.Accept()
		hello := p.Next()
		roles, _ := hello[2].(map[string]any)["roles"].(map[string]any)
		for _, role := range []string{"caller", "callee", "publisher", "subscriber"} {
			if roles[role] == nil {
				t.Errorf("HELLO has no role %s: %v", role, hello)
			}
		}
		p.Send(`[2, 9007199254740992, {"authid": "joe", "authrole": "user", "authmethod": "ticket", "realm": "other"}]`)
		details := must(t, f)
		if details != <-joined {
			t.Error("OnJoin got other details than Join")
		}
		want := wamp.JoinDetails{Realm: "other", Session: 1 << 53, AuthID: "joe", AuthRole: "user", AuthMethod: "ticket"}
		got := *details
		got.Details = nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v", details)
		}
	})
}

func TestLeave(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		var told []string
		s, p := joinedSession(t, server, wamp.Config{
			OnLeave: func(_ *wamp.Session, details *wamp.CloseDetails) { told = append(told, "left: "+details.Reason) },
			OnDisconnect: func(_ *wamp.Session, err error) {
				told = append(told, fmt.Sprint("disconnected: ", err))
			},
			Reconnect: steady(),
		})
		call := s.Call("com.slow", wamp.Payload{})
		p.Expect(`[48, 1, {}, "com.slow"]`)
		left := s.Leave("com.example.bye")
		p.Expect(`[6, {}, "com.example.bye"]`)
		p.Send(`[50, 1, {}]`) // not handled any more
		p.Send(`[6, {"message": "bye"}, "wamp.close.goodbye_and_out"]`)
		must(t, left)
		if _, err := await(t, call); !errors.Is(err, wamp.ErrLeft) {
			t.Errorf("the pending call: %v", err)
		}
		closedWith(t, server, p, 1000)
		if got := strings.Join(told, "; "); got != "left: wamp.close.normal; disconnected: <nil>" {
			t.Errorf("got %s", got)
		}

		// After Leave, the session can join again, and then reconnects as before.
		must(t, s.Leave())
		again := s.Join()
		p = server.Accept()
		p.Welcome()
		must(t, again)
		p.Drop()
		server.Accept().Welcome()
	})
}

func TestLeaveWithoutGoodbye(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{CloseTimeout: 3 * time.Second})
		start := time.Now()
		left := s.Leave()
		p.Expect(`[6, {}, "wamp.close.normal"]`)
		if lost := failure[*wamp.TransportError](t, left); !strings.Contains(lost.Error(), "did not say goodbye within 3s") {
			t.Error(lost)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestLeaveWhileJoining(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		joined := s.Join()
		p := server.Accept()
		p.Expect(`[1, "realm1", "*"]`)
		must(t, s.Leave())
		if _, err := await(t, joined); !errors.Is(err, wamp.ErrLeft) {
			t.Error(err)
		}
		p.ExpectClosed()
	})
}

func TestLeaveWhileConnecting(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{Reconnect: steady()})
		var joined *txaio.Future[*wamp.JoinDetails]
		var left *txaio.Future[struct{}]
		txaio.CallSoon(func() { joined, left = s.Join(), s.Leave() }) // the loop does both in one turn
		synctest.Wait()
		must(t, left)
		_, err := await(t, joined)
		if _, lost := errors.AsType[*wamp.TransportError](err); lost || !errors.Is(err, wamp.ErrLeft) {
			t.Error(err)
		}
	})
}

func TestCancelJoin(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		joined := s.Join()
		p := server.Accept()
		p.Expect(`[1, "realm1", "*"]`)
		txaio.Cancel(joined)
		if _, err := await(t, joined); !errors.Is(err, txaio.ErrCancelled) {
			t.Error(err)
		}
		p.ExpectClosed()
	})
}

// A Join that is cancelled before it has begun leaves the session as it was.
func TestCancelJoinAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		atOnce := func() {
			txaio.CallSoon(func() { txaio.Cancel(s.Join()) })
			synctest.Wait()
		}
		atOnce()
		select {
		case <-s.Done():
		default:
			t.Error("a session that is offline has not ended")
		}
		f := s.Join()
		server.Accept().Welcome()
		must(t, f)
		atOnce()
		select {
		case <-s.Done():
			t.Error("a session that is joined has ended")
		default:
		}
	})
}

// A Join that is cancelled when it is about to succeed ends the session all the same.
func TestCancelJoinInTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		prepared := txaio.CreateFuture[struct{}]()
		s := newSession(t, server, wamp.Config{
			OnJoinLater: func(*wamp.Session, *wamp.JoinDetails) (*txaio.Future[struct{}], error) { return prepared, nil },
		})
		joined := s.Join()
		p := server.Accept()
		p.Welcome()
		synctest.Wait()
		txaio.CallSoon(func() {
			txaio.Resolve(prepared, struct{}{})
			txaio.Cancel(joined)
		})
		synctest.Wait()
		if _, err := await(t, joined); !errors.Is(err, txaio.ErrCancelled) {
			t.Error(err)
		}
		p.Goodbye()
		<-s.Done()
	})
}

// A session has not ended if it is to join again by the time the loop sees the end.
func TestJoinAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(s *wamp.Session){
		"left":      func(s *wamp.Session) { s.Leave() },
		"cancelled": func(s *wamp.Session) { txaio.Cancel(s.Join()) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s := newSession(t, server, wamp.Config{})
				var joined *txaio.Future[*wamp.JoinDetails]
				txaio.CallSoon(func() {
					end(s)
					joined = s.Join()
				})
				synctest.Wait()
				p := server.Accept()
				p.Welcome()
				must(t, joined)
				select {
				case <-s.Done():
					t.Error("a session that is joined has ended")
				default:
				}
				left := s.Leave()
				p.Goodbye()
				must(t, left)
				<-s.Done()
			})
		})
	}
}

func TestJoinTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, _ := joinedSession(t, server, wamp.Config{})
		if _, err := await(t, s.Join()); !errors.Is(err, wamp.ErrAlreadyJoined) {
			t.Error(err)
		}
	})
}

func TestRouterAborts(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{Reconnect: &wamp.Backoff{}})
		joined := s.Join()
		p := server.Accept()
		p.Next()
		p.Send(`[3, {"message": "there is none"}, "wamp.error.no_such_realm"]`)
		reason := failure[*wamp.Error](t, joined)
		if reason.URI != wamp.NoSuchRealm || reason.Args[0] != "there is none" {
			t.Error(reason)
		}
		p.ExpectClosed()
	})
}

func TestRouterSaysGoodbye(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		left := make(chan *wamp.CloseDetails, 1)
		s, p := joinedSession(t, server, wamp.Config{OnLeave: func(_ *wamp.Session, d *wamp.CloseDetails) { left <- d }})
		call := s.Call("com.slow", wamp.Payload{})
		p.Next()
		p.Send(`[6, {"message": "maintenance"}, "wamp.close.system_shutdown"]`)
		p.Expect(`[6, {}, "wamp.close.goodbye_and_out"]`)
		if reason := failure[*wamp.Error](t, call); reason.URI != wamp.CloseSystemShutdown {
			t.Error(reason)
		}
		if details := <-left; *details != (wamp.CloseDetails{Reason: wamp.CloseSystemShutdown, Message: "maintenance"}) {
			t.Errorf("got %+v", details)
		}
		p.ExpectClosed()
	})
}

// On a session that is not joined, the error of each operation says what to do.
func TestNotJoined(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		check := func(name string, err error) {
			if !errors.Is(err, wamp.ErrNotJoined) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := await(t, s.Call("com.x", wamp.Payload{}))
		check("Call", err)
		_, err = await(t, s.Publish("com.x", wamp.Payload{}))
		check("Publish", err)
		_, err = await(t, s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true}))
		check("Publish, acknowledged", err)
		_, err = await(t, s.Subscribe("com.x", func(*wamp.Event) error { return nil }))
		check("Subscribe", err)
		_, err = await(t, s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil }))
		check("Register", err)
	})
}

// The session refuses to send messages that the protocol does not allow.
func TestStrict(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, _ := joinedSession(t, server, wamp.Config{})
		for _, uri := range []string{"", "a b", "a..b", ".a", "a.", "a#b", "a\xff"} {
			if failed := failure[*wamp.Error](t, s.Call(uri, wamp.Payload{})); failed.URI != wamp.InvalidURI {
				t.Errorf("%q: %v", uri, failed)
			}
		}
		handler := func(*wamp.Event) error { return nil }
		if failed := failure[*wamp.Error](t, s.Subscribe("a.b", handler, wamp.SubscribeOptions{Match: "fuzzy"})); failed.URI != wamp.InvalidURI {
			t.Error(failed)
		}
		if failed := failure[*wamp.Error](t, s.Call("a.b", wamp.Payload{}, wamp.CallOptions{CancelMode: "soon"})); failed.URI != wamp.InvalidArgument {
			t.Error(failed)
		}
		if _, err := await(t, s.Call("a.b", wamp.Args(make(chan int)))); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
			t.Error(err)
		}
		if _, err := await(t, s.Publish("a.b", wamp.Payload{}.With(map[string]any{"f": func() {}}))); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
			t.Error(err)
		}
	})
}

func TestNewSessionRefuses(t *testing.T) {
	for _, config := range []wamp.Config{{Realm: "realm1"}, {URL: wamptest.URL}, {URL: wamptest.URL, Realm: "a realm"}} {
		if _, err := wamp.NewSession(config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
}

func TestLostConnectionFailsEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		var pending []txaio.AnyFuture
		var calls []*txaio.Future[*wamp.Result]
		for range 10 {
			calls = append(calls, s.Call("com.x", wamp.Payload{}))
		}
		subscribed := s.Subscribe("com.x", func(*wamp.Event) error { return nil })
		registered := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil })
		published := s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true})
		for range 13 {
			p.Next()
		}
		p.Drop()
		for _, call := range calls {
			failure[*wamp.TransportError](t, call)
			pending = append(pending, call)
		}
		failure[*wamp.TransportError](t, subscribed)
		failure[*wamp.TransportError](t, registered)
		failure[*wamp.TransportError](t, published)
		for _, f := range append(pending, subscribed, registered, published) {
			if !txaio.IsCalled(f) {
				t.Error("a future is pending")
			}
		}
	})
}

func TestNoWebSocket(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Refuse = 404
		says := "404"
		if server.Raw {
			says = "too many connections"
		}
		s := newSession(t, server, wamp.Config{})
		if lost := failure[*wamp.TransportError](t, s.Join()); !strings.Contains(lost.Error(), says) {
			t.Error(lost)
		}
	})
}

func TestOtherSubprotocol(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Protocol = "mqtt"
		says := "wamp.2.json"
		if server.Raw {
			says = "does not know the serializer"
		}
		s := newSession(t, server, wamp.Config{})
		if lost := failure[*wamp.TransportError](t, s.Join()); !strings.Contains(lost.Error(), says) {
			t.Error(lost)
		}
	})
}

func TestJoinTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{JoinTimeout: 7 * time.Second})
		start := time.Now()
		failure[*wamp.TransportError](t, s.Join())
		if waited := time.Since(start); waited != 7*time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestReconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		joins := make(chan time.Time, 10)
		s, p := joinedSession(t, server, wamp.Config{
			Reconnect: &wamp.Backoff{InitialDelay: time.Second, Growth: 2, Jitter: -1},
			OnJoin:    func(*wamp.Session, *wamp.JoinDetails) error { joins <- time.Now(); return nil },
		})
		<-joins
		for range 2 { // a session that lasts begins the delays anew
			time.Sleep(2 * time.Second) // of the bubble's time
			lost := time.Now()
			p.Drop()
			p = server.Accept()
			p.Expect(`[1, "realm1", "*"]`)
			p.Drop() // before it has joined: the next attempt waits longer
			p = server.Accept()
			p.Welcome()
			if waited := (<-joins).Sub(lost); waited != 3*time.Second {
				t.Errorf("it took %v", waited)
			}
		}
		f := s.Call("com.x", wamp.Payload{})
		p.Expect(`[48, 1, {}, "com.x"]`)
		p.Send(`[50, 1, {}]`)
		must(t, f)
	})
}

func TestReconnectGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Refuse = 503
		s := newSession(t, server, wamp.Config{Reconnect: &wamp.Backoff{InitialDelay: time.Second, MaxDelay: 3 * time.Second, Growth: 2, Jitter: -1, MaxRetries: 4}})
		start := time.Now()
		failure[*wamp.TransportError](t, s.Join())
		if waited := time.Since(start); waited != (1+2+3+3)*time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestLeaveWhileWaitingToReconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Refuse = 503
		retries := 0
		s := newSession(t, server, wamp.Config{
			Reconnect: &wamp.Backoff{},
			OnRetry:   func(int, time.Duration, error) { retries++ },
		})
		joined := s.Join()
		synctest.Wait()
		must(t, s.Leave())
		if _, err := await(t, joined); !errors.Is(err, wamp.ErrLeft) {
			t.Error(err)
		}
		time.Sleep(time.Hour) // of the bubble's time
		synctest.Wait()
		if retries != 1 {
			t.Errorf("%d attempts", retries)
		}
		server.Refuse = 0
		joined = s.Join()
		server.Accept().Welcome()
		must(t, joined)
	})
}

func TestPings(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{PingInterval: 10 * time.Second})
		<-p.Pings // the router answers it
		<-p.Pings
		p.Mute()
		call := s.Call("com.slow", wamp.Payload{})
		<-p.Pings
		if lost := failure[*wamp.TransportError](t, call); !strings.Contains(lost.Error(), "ping") {
			t.Error(lost)
		}
	})
}

// A session that receives messages sends no pings.
func TestTrafficReplacesPings(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{PingInterval: 10 * time.Second})
		f := s.Subscribe("com.x", func(*wamp.Event) error { return nil })
		p.Next()
		p.Send(`[33, 1, 7]`)
		must(t, f)
		for range 30 {
			time.Sleep(4 * time.Second) // of the bubble's time
			p.Send(`[36, 7, 1, {}]`)
		}
		if n := len(p.Pings); n != 0 {
			t.Errorf("%d pings", n)
		}
	})
}

// Any goroutine may start operations, while the loop is busy.
func TestManyGoroutines(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		const n = 200
		go func() {
			for range n {
				call := p.Next()
				p.Send(fmt.Sprintf(`[50, %v, {}, [%v]]`, call[1], call[4].([]any)[0]))
			}
		}()
		errs := make(chan error, n)
		for i := range n {
			go func() {
				result, err := txaio.Await(context.Background(), s.Call("com.echo", wamp.Args(i)))
				if err == nil && result.Args[0] != int64(i) {
					err = fmt.Errorf("got %v, want %d", result.Args, i)
				}
				errs <- err
			}()
		}
		for range n {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}
