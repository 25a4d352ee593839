//go:build deferred || future

package wamp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// Messages that the session sends are lost, or cannot be sent, while events keep
// coming.
func TestDeadSendingSide(t *testing.T) {
	for _, test := range []struct {
		name, says string
		kill       func(*wamptest.Link)
	}{
		{"lost", "did not answer a ping", (*wamptest.Link).Swallow},
		{"stuck", "takes nothing", (*wamptest.Link).Stall},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s, p := joinedSession(t, server, wamp.Config{PingInterval: 10 * time.Second})
				f := s.Subscribe("com.x", func(*wamp.Event) error { return nil })
				p.Next()
				p.Send(`[33, 1, 7]`)
				must(t, f)
				test.kill(&server.Link)
				call := s.Call("com.slow", wamp.Payload{})
				for range 40 {
					time.Sleep(time.Second)
					p.Send(`[36, 7, 1, {}]`)
				}
				if !txaio.IsCalled(call) {
					t.Fatal("nobody notices")
				}
				if lost := failure[*wamp.TransportError](t, call); !strings.Contains(lost.Error(), test.says) {
					t.Error(lost)
				}
			})
		})
	}
}

// The session notices that its pings cannot be sent.
func TestStuckPing(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		lost := make(chan error, 1)
		joinedSession(t, server, wamp.Config{
			PingInterval: 10 * time.Second,
			OnDisconnect: func(_ *wamp.Session, err error) { lost <- err },
		})
		server.Link.Stall()
		if err := <-lost; !strings.Contains(err.Error(), "takes nothing") {
			t.Error(err)
		}
	})
}

// A message may take longer than a pong is allowed to. It shows that the connection
// works, and the pong after it gets more time.
func TestSlowLink(t *testing.T) {
	const long = 1 << 20
	t.Run("result", func(t *testing.T) {
		inBubble(t, func(t *testing.T, server *wamptest.Server) {
			s, p := joinedSession(t, server, wamp.Config{PingInterval: 10 * time.Second})
			f := s.Call("com.x", wamp.Payload{})
			p.Next()
			p.Mute() // the pong would be sent after the result
			server.Link.SetSpeed(20_000)
			p.Send(`[50, 1, {}, ["` + strings.Repeat("x", long) + `"]]`)
			if text := must(t, f).Args[0].(string); len(text) != long {
				t.Errorf("got %d bytes", len(text))
			}
		})
	})
	for speed, long := range map[int]int{20_000: long, 2000: long / 8} { // at 2,000, a ping behind a fragment takes longer than it may
		t.Run(fmt.Sprint("argument at ", speed), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s, p := joinedSession(t, server, wamp.Config{PingInterval: 10 * time.Second, Timeout: -1})
				server.Link.SetSpeed(int64(speed))
				f := s.Call("com.x", wamp.Args(strings.Repeat("x", long)))
				call := p.Next()
				if text := call[4].([]any)[0].(string); len(text) != long {
					t.Errorf("sent %d bytes", len(text))
				}
				p.Send(`[50, 1, {}]`)
				must(t, f)
			})
		})
	}
	t.Run("many arguments", func(t *testing.T) {
		inBubble(t, func(t *testing.T, server *wamptest.Server) {
			s, p := joinedSession(t, server, wamp.Config{PingInterval: 10 * time.Second})
			server.Link.SetSpeed(20_000)
			f := s.Call("com.x", wamp.Payload{})
			for range 100 {
				s.Call("com.y", wamp.Args(strings.Repeat("x", long/100)))
			}
			for range 101 {
				p.Next()
			}
			p.Send(`[50, 1, {}]`)
			must(t, f)
		})
	})
}

func TestShortPingIntervals(t *testing.T) {
	for _, interval := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, 900 * time.Millisecond, 1500 * time.Millisecond} {
		for name, pings := range map[string]func() txaio.DelayedCaller{
			"its own":      func() txaio.DelayedCaller { return nil },
			"rounded down": func() txaio.DelayedCaller { return txaio.MakeBatchedTimer(time.Second, 0) },
			"rounded up":   func() txaio.DelayedCaller { return txaio.MakeBatchedTimer(time.Second, 0, txaio.RoundUp()) },
		} {
			t.Run(interval.String()+" "+name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, server *wamptest.Server) {
					lost := make(chan error, 1)
					_, p := joinedSession(t, server, wamp.Config{
						PingInterval: interval, Pings: pings(),
						OnDisconnect: func(_ *wamp.Session, err error) { lost <- err },
					})
					for range 20 {
						select {
						case <-p.Pings:
						case err := <-lost:
							t.Fatal(err)
						}
					}
					server.Link.Swallow()
					died := time.Now()
					<-lost
					if took := time.Since(died); name == "its own" && interval < time.Second && took > 3*interval {
						t.Errorf("noticed after %v", took)
					}
				})
			})
		}
	}
}
