//go:build deferred || future

package wamp_test

import (
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

// made lets a session subscribe to com.y and register com.x, once.
func made(t *testing.T, s *wamp.Session, p *wamptest.Peer, events chan<- any) (*wamp.Registration, *wamp.Subscription) {
	t.Helper()
	registering := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Args("x"), nil }, wamp.RegisterOptions{Invoke: "last"})
	subscribing := s.Subscribe("com.y", func(e *wamp.Event) error { events <- e.Args[0]; return nil })
	p.Expect(`[64, 1, {"invoke": "last"}, "com.x"]`)
	p.Expect(`[32, 2, {}, "com.y"]`)
	p.Send(`[65, 1, 7]`, `[33, 2, 8]`)
	return must(t, registering), must(t, subscribing)
}

func TestRegistrationsAndSubscriptionsComeBack(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		events := make(chan any, 10)
		s, p := joinedSession(t, server, wamp.Config{Reconnect: steady()})
		registration, subscription := made(t, s, p, events)
		for i := range 3 {
			p.Drop()
			p = server.Accept()
			p.Welcome()
			p.Expect(`[64, 1, {"invoke": "last"}, "com.x"]`)
			p.Expect(`[32, 2, {}, "com.y"]`)
			p.Send(fmt.Sprintf(`[65, 1, %d]`, i+70), fmt.Sprintf(`[33, 2, %d]`, i+80), fmt.Sprintf(`[36, %d, 1, {}, [%d]]`, i+80, i))
			if event := <-events; event != int64(i) {
				t.Error(event)
			}
			p.Send(fmt.Sprintf(`[68, 1, %d, {}]`, i+70))
			p.Expect(`[70, 1, {}, ["x"]]`)
		}
		registration.Unregister()
		p.Expect(`[66, 3, 72]`)
		p.Drop() // and the next time only the other one
		p = server.Accept()
		p.Welcome()
		p.Expect(`[32, 1, {}, "com.y"]`)
		must(t, subscription.Unsubscribe()) // before the answer
		p.Send(`[33, 1, 9]`)
		p.Expect(`[34, 2, 9]`)
		p.Drop()
		must(t, txaio.Sleep(time.Millisecond)) // of the bubble's time
		failure[*wamp.Error](t, subscription.Unsubscribe())
		p = server.Accept()
		p.Welcome()
		synctest.Wait()
		must(t, s.Publish("com.z", wamp.Payload{}))
		p.Expect(`[16, 1, {}, "com.z"]`)
	})
}

// A registration or subscription that is ended while there is no connection does not
// come back.
func TestTakenBackWhileDisconnected(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		gone := make(chan error, 10)
		s, p := joinedSession(t, server, wamp.Config{Reconnect: steady(), OnDisconnect: func(_ *wamp.Session, err error) { gone <- err }})
		registration, subscription := made(t, s, p, nil)
		p.Drop()
		<-gone
		must(t, registration.Unregister())
		must(t, subscription.Unsubscribe())
		p = server.Accept()
		p.Welcome()
		synctest.Wait()
		must(t, s.Publish("com.z", wamp.Payload{}))
		p.Expect(`[16, 1, {}, "com.z"]`)
	})
}

// Leave ends registrations and subscriptions. A lost connection does not, even without
// Reconnect.
func TestJoinAgain(t *testing.T) {
	for _, left := range []bool{false, true} {
		t.Run(fmt.Sprintf("left %t", left), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s, p := joinedSession(t, server, wamp.Config{})
				registration, _ := made(t, s, p, nil)
				done := s.Done()
				if left {
					gone := s.Leave()
					p.Goodbye()
					must(t, gone)
				} else {
					p.Drop()
				}
				<-done
				joined := s.Join()
				p = server.Accept()
				p.Welcome()
				must(t, joined)
				if left {
					failure[*wamp.Error](t, registration.Unregister())
				} else {
					p.Expect(`[64, 1, {"invoke": "last"}, "com.x"]`)
				}
			})
		})
	}
}

// A router that has not noticed that the session was lost may refuse.
func TestRestoringIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		logger, text := logged()
		backoff := steady()
		backoff.Growth = 2
		s, p := joinedSession(t, server, wamp.Config{Reconnect: backoff, Logger: logger})
		made(t, s, p, nil)
		p.Drop()
		p = server.Accept()
		p.Welcome()
		p.Expect(`[64, 1, {"invoke": "last"}, "com.x"]`)
		p.Expect(`[32, 2, {}, "com.y"]`)
		p.Send(`[33, 2, 8]`)
		request, start := 1, time.Now()
		for attempt := range 3 {
			p.Send(fmt.Sprintf(`[8, 64, %d, {}, "wamp.error.procedure_already_exists"]`, request))
			request = attempt + 3
			p.Expect(fmt.Sprintf(`[64, %d, {"invoke": "last"}, "com.x"]`, request))
		}
		if waited := time.Since(start); waited != 7*time.Second {
			t.Errorf("it took %v", waited)
		}
		p.Send(`[65, 5, 7]`, `[68, 1, 7, {}]`)
		p.Expect(`[70, 1, {}, ["x"]]`)
		if log := text(); strings.Count(log, "REGISTER com.x: wamp.error.procedure_already_exists") != 3 || !strings.Contains(log, "tried again in 4s") {
			t.Error(log)
		}
	})
}

// A router that does not answer may have made the registration with an id that the
// session does not know. So the session connects again.
func TestRestoringIsNotAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		gone := make(chan error, 10)
		s, p := joinedSession(t, server, wamp.Config{Reconnect: steady(), OnDisconnect: func(_ *wamp.Session, err error) { gone <- err }})
		made(t, s, p, nil)
		p.Drop()
		<-gone
		p = server.Accept()
		p.Welcome()
		err := <-gone
		if timeout, is := errors.AsType[*wamp.TimeoutError](err); !is || timeout.Procedure != "com.x" {
			t.Error(err)
		}
		p = server.Accept()
		p.Welcome()
		p.Expect(`[64, 1, {"invoke": "last"}, "com.x"]`)
	})
}

// If OnJoin registers or subscribes again, this replaces its earlier one. Its other
// entries, and other entries for the same topic, come back by themselves.
func TestOnJoinThatRegistersAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		events := make(chan string, 10)
		hears := func(name string) func(*wamp.Event) error {
			return func(*wamp.Event) error { events <- name; return nil }
		}
		joins := 0
		s, p := joinedSession(t, server, wamp.Config{Reconnect: steady(), OnJoin: func(s *wamp.Session, _ *wamp.JoinDetails) error {
			joins++
			s.Register("com.x", nothing)
			s.Subscribe("com.y", hears(fmt.Sprint("OnJoin ", joins)))
			if joins == 1 {
				s.Subscribe("com.once", hears("once"))
			}
			return nil
		}})
		p.Expect(`[64, 1, {}, "com.x"]`)
		p.Expect(`[32, 2, {}, "com.y"]`)
		p.Expect(`[32, 3, {}, "com.once"]`)
		p.Send(`[65, 1, 7]`, `[33, 2, 8]`, `[33, 3, 9]`)
		other := s.Subscribe("com.y", hears("other"))
		p.Expect(`[32, 4, {}, "com.y"]`)
		p.Send(`[33, 4, 8]`)
		must(t, other)
		p.Drop()
		p = server.Accept()
		p.Welcome()
		p.Expect(`[64, 1, {}, "com.x"]`)
		p.Expect(`[32, 2, {}, "com.y"]`)
		p.Expect(`[32, 3, {}, "com.once"]`)
		p.Expect(`[32, 4, {}, "com.y"]`)
		p.Send(`[65, 1, 7]`, `[33, 2, 8]`, `[33, 3, 9]`, `[33, 4, 8]`, `[36, 8, 1, {}]`, `[36, 9, 1, {}]`)
		if got := <-events + ", " + <-events + ", " + <-events; got != "OnJoin 2, other, once" {
			t.Error(got)
		}
		synctest.Wait()
		if len(events) > 0 {
			t.Error("and " + <-events)
		}
	})
}

func TestOnJoinLater(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		told := make(chan string, 10)
		s := newSession(t, server, wamp.Config{
			Reconnect: steady(),
			OnJoinLater: func(s *wamp.Session, _ *wamp.JoinDetails) (*txaio.Future[struct{}], error) {
				return txaio.Then(s.Register("com.x", nothing), func(*wamp.Registration) (struct{}, error) { return struct{}{}, nil }), nil
			},
			OnLeave: func(_ *wamp.Session, details *wamp.CloseDetails) { told <- details.Reason + " " + details.Message },
			OnRetry: func(_ int, _ time.Duration, err error) { told <- err.Error() },
		})
		joined := s.Join()
		p := server.Accept()
		p.Welcome()
		p.Expect(`[64, 1, {}, "com.x"]`)
		p.Send(`[8, 64, 1, {}, "com.error"]`)
		p.Goodbye()
		if left, retried := <-told, <-told; left != "wamp.close.normal com.error" || retried != "com.error" {
			t.Error(left, retried)
		}
		if txaio.IsCalled(joined) {
			t.Error("it has joined")
		}
		p = server.Accept()
		p.Welcome()
		p.Expect(`[64, 1, {}, "com.x"]`)
		synctest.Wait()
		if txaio.IsCalled(joined) {
			t.Error("it has joined")
		}
		p.Send(`[65, 1, 7]`)
		must(t, joined)
	})
}

// Without Reconnect, Join fails with the error of OnJoinLater.
func TestOnJoinLaterFails(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		logger, text := logged()
		s := newSession(t, server, wamp.Config{Logger: logger, OnJoinLater: func(*wamp.Session, *wamp.JoinDetails) (*txaio.Future[struct{}], error) {
			return nil, errors.New("no luck")
		}})
		joined := s.Join()
		p := server.Accept()
		p.Welcome()
		p.Expect(`[6, {}, "wamp.close.normal"]`)
		p.Close(1000)
		if _, err := await(t, joined); err == nil || !strings.Contains(err.Error(), "no luck") {
			t.Error(err)
		}
		if log := text(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `"The session's OnJoinLater failed: no luck"`) {
			t.Errorf("logged %q", log)
		}
	})
}

// What becomes of OnJoinLater's future when the session is another, or is being left,
// is no matter any more.
func TestOnJoinLaterTooLate(t *testing.T) {
	for name, settle := range map[string]func(f *txaio.Future[struct{}]){
		"success": func(f *txaio.Future[struct{}]) { txaio.Resolve(f, struct{}{}) },
		"failure": func(f *txaio.Future[struct{}]) { txaio.Reject(f, errors.New("too late")) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				asked := make(chan *txaio.Future[struct{}], 2)
				s := newSession(t, server, wamp.Config{
					Reconnect: steady(),
					OnJoinLater: func(*wamp.Session, *wamp.JoinDetails) (*txaio.Future[struct{}], error) {
						f := txaio.CreateFuture[struct{}]()
						asked <- f
						return f, nil
					},
				})
				joined := s.Join()
				p := server.Accept()
				p.Welcome()
				first := <-asked
				p.Drop()
				p = server.Accept()
				p.Welcome()
				second := <-asked
				settle(first)
				synctest.Wait()
				if txaio.IsCalled(joined) || !s.Connected() {
					t.Error("that of the first session decides on the second")
				}
				left := s.Leave()
				p.Expect(`[6, {}, "wamp.close.normal"]`)
				settle(second)
				synctest.Wait()
				p.Send(`[6, {}, "wamp.close.goodbye_and_out"]`)
				must(t, left)
				if _, err := await(t, joined); !errors.Is(err, wamp.ErrLeft) {
					t.Error(err)
				}
				closedWith(t, server, p, 1000)
			})
		})
	}
}

// A Join that is cancelled while it waits for OnJoinLater is the end, however the router
// takes it.
func TestCancelJoinThatWaitsForOnJoinLater(t *testing.T) {
	for name, end := range map[string]func(p *wamptest.Peer){
		"goodbye":    func(p *wamptest.Peer) { p.Send(`[6, {}, "wamp.close.goodbye_and_out"]`) },
		"abort":      func(p *wamptest.Peer) { p.Send(`[3, {}, "wamp.close.system_shutdown"]`) },
		"dropped":    (*wamptest.Peer).Drop,
		"no goodbye": func(*wamptest.Peer) {},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				retries := 0
				s := newSession(t, server, wamp.Config{
					Reconnect: steady(),
					OnRetry:   func(int, time.Duration, error) { retries++ },
					OnJoinLater: func(*wamp.Session, *wamp.JoinDetails) (*txaio.Future[struct{}], error) {
						return txaio.CreateFuture[struct{}](), nil
					},
				})
				joined := s.Join()
				p := server.Accept()
				p.Welcome()
				synctest.Wait()
				txaio.Cancel(joined)
				p.Expect(`[6, {}, "wamp.close.normal"]`)
				end(p)
				time.Sleep(time.Minute) // of the bubble's time
				must(t, s.Leave())
				if retries != 0 {
					t.Errorf("%d attempts to connect again", retries)
				}
			})
		})
	}
}
