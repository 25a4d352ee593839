//go:build deferred || future

package wamp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func TestCallFails(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Call("com.x", wamp.Payload{})
		p.Expect(`[48, 1, {}, "com.x"]`)
		p.Send(`[8, 48, 1, {}, "com.error", ["no luck", 3], {"code": 7}]`)
		failed := failure[*wamp.Error](t, f)
		if got := fmt.Sprint(failed.URI, failed.Args, failed.Kwargs); got != "com.error[no luck 3] map[code:7]" {
			t.Error(got)
		}
		if failed.Error() != "com.error: no luck, 3 map[code:7]" {
			t.Error(failed)
		}
	})
}

func TestProgressiveResults(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		var got []any
		f := s.Call("com.x", wamp.Payload{}, wamp.CallOptions{OnProgress: func(r *wamp.Result) {
			got = append(got, r.Args...)
			panic("the session goes on") // and this is logged
		}})
		p.Expect(`[48, 1, {"receive_progress": true}, "com.x"]`)
		p.Send(`[50, 1, {"progress": true}, [1]]`, `[50, 1, {"progress": true}, [2]]`, `[50, 1, {}, [3]]`)
		if result := must(t, f); result.Args[0] != int64(3) || fmt.Sprint(got) != "[1 2]" {
			t.Errorf("got %v, then %v", got, result.Args)
		}
	})
}

func TestCancelCall(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		for i, mode := range []string{"", "skip", "kill"} {
			f := s.Call("com.x", wamp.Payload{}, wamp.CallOptions{CancelMode: mode})
			request := p.Next()[1]
			txaio.Cancel(f)
			if mode == "" {
				mode = "killnowait"
			}
			p.Expect(fmt.Sprintf(`[49, %v, {"mode": %q}]`, request, mode))
			if _, err := await(t, f); !errors.Is(err, txaio.ErrCancelled) {
				t.Error(err)
			}
			// Any answer of the router is allowed.
			if i == 0 {
				p.Send(fmt.Sprintf(`[50, %v, {"progress": true}, [1]]`, request), fmt.Sprintf(`[50, %v, {}, [2]]`, request))
			} else {
				p.Send(fmt.Sprintf(`[8, 48, %v, {}, "wamp.error.canceled"]`, request))
			}
		}
		f := s.Call("com.x", wamp.Payload{})
		p.Expect(`[48, 4, {}, "com.x"]`)
		p.Send(`[50, 4, {}]`)
		must(t, f)
	})
}

// A call is sent at once, also on the loop, unless an earlier request still waits
// for the loop.
func TestOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		cancelled := make(chan *txaio.Future[*wamp.Result], 1)
		txaio.CallLater(0, func() {
			s.Call("com.first", wamp.Payload{})
			p.Expect(`[48, 1, {}, "com.first"]`)
			s.Subscribe("com.x", func(*wamp.Event) error { return nil })
			s.Publish("com.x", wamp.Payload{})
			f := s.Call("com.never", wamp.Payload{})
			txaio.Cancel(f)
			s.Call("com.second", wamp.Payload{})
			cancelled <- f
		})
		if _, err := await(t, <-cancelled); !errors.Is(err, txaio.ErrCancelled) {
			t.Error(err)
		}
		p.Expect(`[32, 2, {}, "com.x"]`)
		p.Expect(`[16, 3, {}, "com.x"]`)
		p.Expect(`[48, 4, {}, "com.second"]`)
	})
}

// The session sends no CANCEL to a router that says that it does not support it.
func TestRouterWithoutCancel(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		joined := s.Join()
		p := server.Accept()
		p.Next()
		p.Send(`[2, 1, {"roles": {"dealer": {"features": {"call_canceling": false}}}}]`)
		must(t, joined)
		f := s.Call("com.x", wamp.Payload{})
		p.Expect(`[48, 1, {}, "com.x"]`)
		txaio.Cancel(f)
		s.Call("com.y", wamp.Payload{})
		p.Expect(`[48, 2, {}, "com.y"]`)
	})
}

func TestCallTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		answered := s.Call("com.quick", wamp.Payload{}, wamp.CallOptions{Timeout: 2 * time.Second})
		p.Next()
		p.Send(`[50, 1, {}]`)
		must(t, answered)
		start := time.Now()
		f := s.Call("com.slow", wamp.Payload{}, wamp.CallOptions{Timeout: 3 * time.Second})
		p.Expect(`[48, 2, {}, "com.slow"]`)
		timeout := failure[*wamp.TimeoutError](t, f)
		if !errors.Is(timeout, context.DeadlineExceeded) || !timeout.Timeout() || timeout.After != 3*time.Second {
			t.Error(timeout)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("it took %v", waited)
		}
		p.Expect(`[49, 2, {"mode": "killnowait"}]`)
		p.Send(`[8, 48, 2, {}, "wamp.error.canceled"]`)
		synctest.Wait()
		s.Call("com.x", wamp.Payload{})
		p.Expect(`[48, 3, {}, "com.x"]`)
	})
}

// A program may give up more calls than the session remembers, and the router may
// still answer them.
func TestManyAbandonedCalls(t *testing.T) {
	inOneBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		const n = 10_050
		for range n {
			f := s.Call("com.x", wamp.Payload{})
			p.Next()
			txaio.Cancel(f)
			p.Next()
		}
		for i := range n {
			p.Send(fmt.Sprintf(`[50, %d, {}]`, i+1))
		}
		f := s.Call("com.x", wamp.Payload{})
		p.Expect(fmt.Sprintf(`[48, %d, {}, "com.x"]`, n+1))
		p.Send(fmt.Sprintf(`[50, %d, {}]`, n+1))
		must(t, f)
	})
}

func TestCallOptions(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		s.Call("com.x", wamp.Payload{}, wamp.CallOptions{RouterTimeout: 1500 * time.Millisecond, Options: map[string]any{"runmode": "partition", "rkey": []byte{1}}})
		p.Expect(`[48, 1, {"timeout": 1500, "runmode": "partition", "rkey": "\u0000AQ=="}, "com.x"]`)
		if _, err := await(t, s.Call("com.x", wamp.Payload{}, wamp.CallOptions{Options: map[string]any{"x": make(chan int)}})); err == nil {
			t.Error("options that cannot be encoded are sent")
		}
	})
}
