//go:build deferred || future

package wamp_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// steady always tries again after a second.
func steady() *wamp.Backoff { return &wamp.Backoff{InitialDelay: time.Second, Growth: 1, Jitter: -1} }

// A session that has joined before tries again if the router says that it restarts, or
// is not ready yet.
func TestSessionThatHasJoinedGoesOn(t *testing.T) {
	const abort = `[3, {}, "%s"]`
	for _, frame := range []string{
		fmt.Sprintf(abort, "wamp.error.system_shutdown"), fmt.Sprintf(abort, "wamp.close.system_shutdown"),
		fmt.Sprintf(abort, wamp.NoSuchRealm), fmt.Sprintf(abort, "wamp.error.unavailable"), fmt.Sprintf(abort, "wamp.error.timeout"),
		`[6, {}, "wamp.close.system_shutdown"]`,
	} {
		for _, inSession := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s in a session %t", frame, inSession), func(t *testing.T) {
				inBubble(t, func(t *testing.T, server *wamptest.Server) {
					joins := make(chan bool, 10)
					_, p := joinedSession(t, server, wamp.Config{
						Reconnect: steady(),
						OnJoin:    func(*wamp.Session, *wamp.JoinDetails) error { joins <- true; return nil },
					})
					<-joins
					if !inSession {
						p.Drop()
						p = server.Accept()
						p.Expect(`[1, "realm1", "*"]`)
					}
					p.Send(frame)
					p = server.Accept()
					p.Welcome()
					<-joins
				})
			})
		}
	}
}

func TestFinalRefusals(t *testing.T) {
	for _, uri := range []string{"wamp.error.authentication_failed", "wamp.error.not_authorized", "wamp.error.no_such_role", wamp.ProtocolViolation} {
		t.Run(uri, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				retries := 0
				s, p := joinedSession(t, server, wamp.Config{
					Reconnect: steady(),
					OnRetry:   func(int, time.Duration, error) { retries++ },
				})
				p.Drop()
				p = server.Accept()
				p.Next()
				p.Send(`[3, {}, "` + uri + `"]`)
				p.ExpectClosed()
				time.Sleep(time.Hour) // of the bubble's time
				must(t, s.Leave())
				if retries != 1 {
					t.Errorf("%d attempts", retries)
				}
			})
		})
	}
}

func TestBackoffDecidesByURI(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		backoff := steady()
		backoff.Retry = func(reason string, joined bool) bool {
			if joined {
				t.Error("it has not joined")
			}
			return reason == wamp.NoSuchRealm
		}
		s := newSession(t, server, wamp.Config{Reconnect: backoff})
		f := s.Join()
		p := server.Accept()
		p.Next()
		p.Send(`[3, {}, "wamp.error.no_such_realm"]`)
		p = server.Accept()
		p.Next()
		p.Send(`[3, {}, "com.example.never"]`)
		if reason := failure[*wamp.Error](t, f); reason.URI != "com.example.never" {
			t.Error(reason)
		}
	})
}

// The Backoff also decides after the router has broken the protocol.
func TestBackoffDecidesAfterAViolation(t *testing.T) {
	for _, retry := range []bool{false, true} {
		t.Run(fmt.Sprint(retry), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				backoff := steady()
				if retry {
					backoff.Retry = func(reason string, joined bool) bool { return joined && reason == wamp.ProtocolViolation }
				}
				s, p := joinedSession(t, server, wamp.Config{Reconnect: backoff})
				p.Send(`nonsense`)
				p.Expect(`[3, "*", "wamp.error.protocol_violation"]`)
				if retry {
					p.Close(1000)
					server.Accept().Welcome()
				} else {
					<-s.Done()
				}
			})
		})
	}
}

// A session that is dropped as soon as it has joined counts as a failed attempt.
func TestDroppedRightAfterWelcome(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		var delays []time.Duration
		var attempts []int
		gone := make(chan error, 10)
		s, p := joinedSession(t, server, wamp.Config{
			Reconnect: &wamp.Backoff{InitialDelay: time.Second, Growth: 2, Jitter: -1, MaxRetries: 3},
			OnRetry: func(attempt int, delay time.Duration, err error) {
				attempts, delays = append(attempts, attempt), append(delays, delay)
				if _, lost := errors.AsType[*wamp.TransportError](err); !lost {
					t.Error(err)
				}
			},
			OnDisconnect: func(_ *wamp.Session, err error) { gone <- err },
		})
		for range 3 {
			p.Drop()
			<-gone
			p = server.Accept()
			p.Welcome()
		}
		p.Drop()
		<-gone
		time.Sleep(time.Hour) // of the bubble's time
		must(t, s.Leave())
		if got := fmt.Sprint(attempts, delays); got != "[1 2 3] [1s 2s 4s]" {
			t.Error(got)
		}
	})
}

// The sessions of a restarted router come back spread over the whole delay.
func TestSessionsDoNotComeBackAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Refuse = 503
		const n = 300
		delays := make(chan time.Duration, n)
		for range n {
			s := newSession(t, server, wamp.Config{
				Reconnect: &wamp.Backoff{InitialDelay: 10 * time.Second, MaxRetries: 1},
				OnRetry:   func(_ int, delay time.Duration, _ error) { delays <- delay },
			})
			s.Join()
		}
		var parts [5]int
		for range n {
			delay := <-delays
			if delay < 0 || delay > 10*time.Second {
				t.Fatalf("a delay of %v", delay)
			}
			parts[min(4, delay/(2*time.Second))]++
		}
		for i, sessions := range parts {
			if sessions < n/15 { // a fifth is expected
				t.Errorf("%d sessions in part %d of the delay: %v", sessions, i, parts)
			}
		}
	})
}

// If the router closes the connection after our GOODBYE, Leave succeeds.
func TestLostGoodbye(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		told := make(chan string, 2)
		s, p := joinedSession(t, server, wamp.Config{
			OnLeave:      func(_ *wamp.Session, details *wamp.CloseDetails) { told <- details.Reason },
			OnDisconnect: func(_ *wamp.Session, err error) { told <- fmt.Sprint(err) },
		})
		left := s.Leave()
		p.Expect(`[6, {}, "wamp.close.normal"]`)
		p.Close(1000)
		must(t, left)
		if reason, err := <-told, <-told; reason != wamp.CloseNormal || err != "<nil>" {
			t.Error(reason, err)
		}
	})
}

func TestURLs(t *testing.T) {
	for _, url := range []string{"127.0.0.1:9000", "tcp://host/", "ws:///ws", "ws://host:port/", "wss://joe:sec%ret@host/", "router"} {
		_, err := wamp.NewSession(wamp.Config{URL: url, Realm: "realm1", Reconnect: steady()})
		if err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A failingTransport makes no connections.
type failingTransport struct{}

func (failingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route")
}

func TestSecretsAreNotShown(t *testing.T) {
	for name, client := range map[string]func(*wamptest.Server) *http.Client{
		"no connection":     func(*wamptest.Server) *http.Client { return &http.Client{Transport: failingTransport{}} },
		"other subprotocol": (*wamptest.Server).Client,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				server.Protocol = "mqtt"
				var log bytes.Buffer
				logger := logrus.New()
				logger.Out = &log
				s, err := wamp.NewSession(wamp.Config{
					URL: "ws://joe:hush1@router.test/?token=hush2", Realm: "realm1", HTTPClient: client(server),
					Logger:    txaio.MakeLogger(txaio.WithLogrus(logger)),
					Reconnect: &wamp.Backoff{MaxRetries: 1},
				})
				if err != nil {
					t.Fatal(err)
				}
				lost := failure[*wamp.TransportError](t, s.Join())
				if text := lost.Error() + log.String(); strings.Contains(text, "hush") || !strings.Contains(text, "router.test") || log.Len() == 0 {
					t.Error(text)
				}
			})
		})
	}
}
