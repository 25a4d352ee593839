//go:build deferred || future

package wamp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// logged returns a logger, and a function that waits and returns its output.
func logged() (*txaio.Logger, func() string) {
	var out bytes.Buffer
	logger := logrus.New()
	logger.Out = &out
	return txaio.MakeLogger(txaio.WithLogrus(logger)), func() string { synctest.Wait(); return out.String() }
}

func nothing(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil }

func TestStrayMessages(t *testing.T) {
	for frame, says := range map[string]string{
		`[36, 99, 1, {}]`:                  "subscription 99",
		`[68, 1, 99, {}]`:                  "registration 99",
		`[67, 0, {"registration": 99}]`:    "registration 99",
		`[35, 0, {"subscription": 99.0}]`:  "",
		`[35, 0, {"subscription": 99}, 1]`: "subscription 99",
	} {
		t.Run(frame, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				logger, text := logged()
				s, p := joinedSession(t, server, wamp.Config{Logger: logger})
				p.Send(frame)
				if says == "" { // an invalid id
					p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
					return
				}
				if log := text(); !strings.Contains(log, says) {
					t.Errorf("logged %q", log)
				}
				must(t, s.Publish("com.x", wamp.Payload{}))
				p.Expect(`[16, 1, {}, "com.x"]`)
			})
		})
	}
}

func TestRevocation(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		joined := s.Join()
		p := server.Accept()
		hello := fmt.Sprint(p.Next())
		for _, feature := range []string{"registration_revocation", "subscription_revocation"} {
			if !strings.Contains(hello, feature+":true") {
				t.Errorf("%s is not announced", feature)
			}
		}
		p.Send(`[2, 1, {}]`)
		must(t, joined)

		told := make(chan string, 10)
		tell := func(reason string) { told <- reason }
		registering := s.Register("com.x", nothing, wamp.RegisterOptions{OnRevoked: tell})
		subscribing := s.Subscribe("com.y", func(*wamp.Event) error { t.Error("called"); return nil }, wamp.SubscribeOptions{OnRevoked: tell})
		p.Next()
		p.Next()
		p.Send(`[65, 1, 7]`, `[33, 2, 8]`)
		registration, subscription := must(t, registering), must(t, subscribing)
		p.Send(`[67, 0, {"registration": 7, "reason": "com.r"}]`, `[35, 0, {"subscription": 8, "reason": "com.s"}]`, `[36, 8, 1, {}]`)
		if first, second := <-told, <-told; first != "com.r" || second != "com.s" {
			t.Error(first, second)
		}
		failure[*wamp.Error](t, registration.Unregister())
		failure[*wamp.Error](t, subscription.Unsubscribe())
	})
}

// A broker has one subscription for a topic. If one is ended while another is being
// made, the new one must stay.
func TestUnsubscribeWhileSubscribing(t *testing.T) {
	for _, refused := range []bool{false, true} {
		t.Run(fmt.Sprintf("refused %t", refused), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s, p := joinedSession(t, server, wamp.Config{})
				events := make(chan bool, 1)
				first := s.Subscribe("com.x", func(*wamp.Event) error { t.Error("called"); return nil })
				p.Next()
				p.Send(`[33, 1, 7]`)
				must(t, first)
				second := s.Subscribe("com.x", func(*wamp.Event) error { events <- true; return nil })
				p.Expect(`[32, 2, {}, "com.x"]`)
				must(t, must(t, first).Unsubscribe())
				if refused {
					p.Send(`[8, 32, 2, {}, "wamp.error.not_authorized"]`)
					failure[*wamp.Error](t, second)
					p.Expect(`[34, 3, 7]`)
					return
				}
				p.Send(`[33, 2, 7]`, `[36, 7, 1, {}]`)
				subscription := must(t, second)
				<-events
				subscription.Unsubscribe()
				p.Expect(`[34, 3, 7]`) // and nothing before
			})
		})
	}
}

// A router that shares registrations answers the second one of a session with the id
// of the first. Both get invocations.
func TestRegisterTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		shared := wamp.RegisterOptions{Invoke: "roundrobin"}
		answer := func(text string) func(*wamp.Invocation) (wamp.Payload, error) {
			return func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Args(text), nil }
		}
		first, second := s.Register("com.x", answer("first"), shared), s.Register("com.x", answer("second"), shared)
		p.Next()
		p.Next()
		p.Send(`[65, 1, 7]`, `[65, 2, 7]`)
		must(t, first)
		must(t, second)
		answers := make(map[any]int)
		for i := range 4 {
			p.Send(fmt.Sprintf(`[68, %d, 7, {}]`, i+1))
			answers[p.Next()[3].([]any)[0]]++
		}
		if answers["first"] != 2 || answers["second"] != 2 {
			t.Error(answers)
		}
		must(t, must(t, first).Unregister()) // the router is not told
		p.Send(`[68, 5, 7, {}]`, `[68, 6, 7, {}]`)
		p.Expect(`[70, 5, {}, ["second"]]`)
		p.Expect(`[70, 6, {}, ["second"]]`)
		must(t, second).Unregister()
		p.Expect(`[66, 3, 7]`)
	})
}

func TestDisclosing(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		joined := s.Join()
		p := server.Accept()
		roles := p.Next()[2].(map[string]any)["roles"].(map[string]any)
		for role, feature := range map[string]string{"caller": "caller_identification", "callee": "caller_identification",
			"publisher": "publisher_identification", "subscriber": "publisher_identification"} {
			if roles[role].(map[string]any)["features"].(map[string]any)[feature] != true {
				t.Errorf("%s does not announce %s", role, feature)
			}
		}
		p.Send(`[2, 1, {}]`)
		must(t, joined)
		callers := make(chan uint64, 1)
		f := s.Register("com.x", func(inv *wamp.Invocation) (wamp.Payload, error) {
			callers <- inv.Caller
			return wamp.Payload{}, nil
		}, wamp.RegisterOptions{DiscloseCaller: true})
		p.Expect(`[64, 1, {"disclose_caller": true}, "com.x"]`)
		p.Send(`[65, 1, 7]`)
		must(t, f)
		for details, want := range map[string]uint64{`{"caller": 55}`: 55, `{}`: 0, `{"caller": -1}`: 0, `{"caller": "x"}`: 0} {
			p.Send(`[68, 1, 7, ` + details + `]`)
			if caller := <-callers; caller != want {
				t.Errorf("%s: %d", details, caller)
			}
			p.Expect(`[70, 1, {}]`)
		}
		s.Call("com.x", wamp.Payload{}, wamp.CallOptions{DiscloseMe: true})
		p.Expect(`[48, 2, {"disclose_me": true}, "com.x"]`)
		s.Call("com.x", wamp.Payload{}, wamp.CallOptions{DiscloseMe: true, OnProgress: func(*wamp.Result) {}})
		p.Expect(`[48, 3, {"disclose_me": true, "receive_progress": true}, "com.x"]`)
		s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{DiscloseMe: true})
		p.Expect(`[16, 4, {"disclose_me": true}, "com.x"]`)
	})
}

// If OnJoin drops the future of a registration, a refusal is still logged.
func TestRefusalsAreLoggedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		logger, text := logged()
		_, p := joinedSession(t, server, wamp.Config{Logger: logger, OnJoin: func(s *wamp.Session, _ *wamp.JoinDetails) error {
			s.Register("com.x", nothing)
			s.Subscribe("com.y", func(*wamp.Event) error { return nil })
			return nil
		}})
		p.Next()
		p.Next()
		p.Send(`[8, 64, 1, {}, "com.error.a"]`, `[8, 32, 2, {}, "com.error.b"]`)
		log := text()
		for _, says := range []string{"REGISTER com.x: com.error.a", "SUBSCRIBE com.y: com.error.b"} {
			if !strings.Contains(log, says) {
				t.Errorf("%q is not in the log: %s", says, log)
			}
		}
	})
}

func TestEveryRequestHasATimeout(t *testing.T) {
	for _, config := range []wamp.Config{{}, {Timeout: 3 * time.Second}} {
		want := config.Timeout
		if want == 0 {
			want = 30 * time.Second
		}
		t.Run(want.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s, p := joinedSession(t, server, config)
				registering, subscribing := s.Register("com.x", nothing), s.Subscribe("com.x", func(*wamp.Event) error { return nil })
				p.Next()
				p.Next()
				p.Send(`[65, 1, 7]`, `[33, 2, 8]`)
				registration, subscription := must(t, registering), must(t, subscribing)
				start := time.Now()
				timedOut := func(name string, err error) {
					t.Helper()
					timeout, is := errors.AsType[*wamp.TimeoutError](err)
					if !is || timeout.Request != name || timeout.After != want || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v", name, err)
					}
					if waited := time.Since(start); waited != want {
						t.Errorf("%s: it took %v", name, waited)
					}
				}
				unregister, unsubscribe := registration.Unregister(), subscription.Unsubscribe()
				publish := s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true})
				register, subscribe := s.Register("com.y", nothing), s.Subscribe("com.y", func(*wamp.Event) error { return nil })
				call := s.Call("com.x", wamp.Payload{})
				_, err := await(t, unregister)
				timedOut("UNREGISTER", err)
				_, err = await(t, unsubscribe)
				timedOut("UNSUBSCRIBE", err)
				_, err = await(t, publish)
				timedOut("PUBLISH", err)
				_, err = await(t, register)
				timedOut("REGISTER", err)
				_, err = await(t, subscribe)
				timedOut("SUBSCRIBE", err)
				for range 6 {
					p.Next()
				}
				id := 9
				if config.Timeout == 0 { // calls have no limit
					synctest.Wait()
					if txaio.IsCalled(call) {
						t.Error("the call has a limit")
					}
				} else {
					_, err = await(t, call)
					timedOut("CALL", err)
					p.Expect(`[49, 8, "*"]`)
				}
				// If the router answers later, the session ends the registration and the
				// subscription.
				p.Send(`[65, 6, 71]`, `[33, 7, 81]`)
				p.Expect(fmt.Sprintf(`[66, %d, 71]`, id))
				p.Expect(fmt.Sprintf(`[34, %d, 81]`, id+1))
			})
		})
	}
}

// An error of a handler is logged without a stack, which would be this package's own.
// A panic is logged with its stack.
func TestOrdinaryErrorsAreOneLine(t *testing.T) {
	for _, panics := range []bool{false, true} {
		inBubble(t, func(t *testing.T, server *wamptest.Server) {
			logger, text := logged()
			s, p := joinedSession(t, server, wamp.Config{Logger: logger})
			fail := func() error {
				if panics {
					panic("no luck")
				}
				return errors.New("no luck")
			}
			subscribing := s.Subscribe("com.y", func(*wamp.Event) error { return fail() })
			registering := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, fail() })
			p.Next()
			p.Next()
			p.Send(`[33, 1, 8]`, `[65, 2, 7]`)
			must(t, subscribing)
			must(t, registering)
			p.Send(`[36, 8, 1, {}]`, `[68, 1, 7, {}]`)
			p.Next()
			log := text()
			if strings.Count(log, "no luck") < 2 || strings.Contains(log, "Traceback") != panics {
				t.Errorf("panics %t: logged %s", panics, log)
			}
		})
	}
}
