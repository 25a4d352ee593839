//go:build deferred || future

package wamp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func TestCallContext(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		go func() {
			p.Expect(`[48, 1, {}, "com.x", [1]]`)
			p.Send(`[50, 1, {}, ["a"]]`)
			p.Expect(`[48, 2, {}, "com.x"]`)
			p.Send(`[8, 48, 2, {}, "com.error", ["no luck"]]`)
		}()
		ctx := context.Background()
		result, err := s.CallContext(ctx, "com.x", wamp.Args(1))
		if err != nil || result.Args[0] != "a" {
			t.Error(result, err)
		}
		_, err = s.CallContext(ctx, "com.x", wamp.Payload{})
		if failed, is := err.(*wamp.Error); !is || failed.URI != "com.error" {
			t.Errorf("%T %v", err, err)
		}
		if _, err := s.CallContext(ctx, "a b", wamp.Payload{}); err == nil {
			t.Error("no URI, and no error")
		}
		onLoop := make(chan error, 1)
		txaio.CallLater(0, func() { _, err := s.CallContext(ctx, "com.x", wamp.Payload{}); onLoop <- err })
		if err := <-onLoop; !errors.Is(err, txaio.ErrAwaitOnLoop) {
			t.Error(err)
		}
		p.Expect(`[48, 3, {}, "com.x"]`)
		p.Expect(`[49, 3, "*"]`)
	})
}

func TestCallContextEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.CallContext(ctx, "com.x", wamp.Payload{}, wamp.CallOptions{CancelMode: "kill"}); err != context.DeadlineExceeded {
			t.Error(err)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("it took %v", waited)
		}
		p.Expect(`[48, 1, {}, "com.x"]`)
		p.Expect(`[49, 1, {"mode": "kill"}]`)
		if _, err := s.CallContext(ctx, "com.x", wamp.Payload{}); err != context.DeadlineExceeded {
			t.Error(err)
		}
		must(t, s.Publish("com.z", wamp.Payload{})) // and nothing was sent before
		p.Expect(`[16, 2, {}, "com.z"]`)
	})
}

func TestCallAs(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		go func() {
			p.Next()
			p.Send(`[50, 1, {}, [{"X": 1, "Y": [2.5]}]]`)
			p.Next()
			p.Send(`[50, 2, {}, ["text"]]`)
			p.Next()
			p.Send(`[50, 3, {}]`)
			p.Next()
			p.Send(`[8, 48, 4, {}, "com.error"]`)
		}()
		ctx := context.Background()
		point, err := wamp.CallAs[struct {
			X int
			Y []float64
		}](ctx, s, "com.x", wamp.Payload{})
		if got := fmt.Sprint(point, err); got != "{1 [2.5]} <nil>" {
			t.Error(got)
		}
		for _, uri := range []string{wamp.InvalidArgument, wamp.InvalidArgument, "com.error"} {
			n, err := wamp.CallAs[int](ctx, s, "com.x", wamp.Payload{})
			if failed, is := errors.AsType[*wamp.Error](err); !is || failed.URI != uri || n != 0 {
				t.Error(n, err)
			}
		}
	})
}

// handling lets a session handle com.x as the registration 7.
func handling(t *testing.T, s *wamp.Session, p *wamptest.Peer, handler func(context.Context, *wamp.Invocation) (wamp.Payload, error), options ...wamp.RegisterOptions) {
	t.Helper()
	f := s.Handle("com.x", handler, options...)
	p.Expect(`[64, 1, "*", "com.x"]`)
	p.Send(`[65, 1, 7]`)
	must(t, f)
}

// Handlers run at once, up to the number of slots.
func TestHandlersRunAtOnce(t *testing.T) {
	for _, test := range []struct {
		concurrency, calls int
		want               time.Duration
	}{
		{0, 4, 300 * time.Millisecond},
		{1, 4, 1200 * time.Millisecond},
		{3, 10, 1200 * time.Millisecond},
		{0, 150, 600 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s, p := joinedSession(t, server, wamp.Config{})
				handling(t, s, p, func(_ context.Context, inv *wamp.Invocation) (wamp.Payload, error) {
					time.Sleep(300 * time.Millisecond) // of the bubble's time
					return inv.Payload, nil
				}, wamp.RegisterOptions{Concurrency: test.concurrency})
				start := time.Now()
				for i := range test.calls {
					p.Send(fmt.Sprintf(`[68, %d, 7, {}, [%d]]`, i+1, i))
				}
				for range test.calls {
					if answer := p.Next(); answer[0] != 70.0 || answer[1].(float64) != answer[3].([]any)[0].(float64)+1 {
						t.Error(answer)
					}
				}
				if took := time.Since(start); took != test.want {
					t.Errorf("it took %v, want %v", took, test.want)
				}
			})
		})
	}
}

func TestHandlerFails(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		var do func() (wamp.Payload, error)
		handling(t, s, p, func(context.Context, *wamp.Invocation) (wamp.Payload, error) { return do() })
		for i, test := range []struct {
			do   func() (wamp.Payload, error)
			want string
		}{
			{func() (wamp.Payload, error) { return wamp.Payload{}, &wamp.Error{URI: "com.error"} }, `"com.error"]`},
			{func() (wamp.Payload, error) { return wamp.Payload{}, errors.New("no luck") }, `"wamp.error.runtime_error", ["no luck"]]`},
			{func() (wamp.Payload, error) { panic("oops") }, `"wamp.error.runtime_error", ["oops"]]`},
			{func() (wamp.Payload, error) { return wamp.Args(make(chan int)), nil }, `"wamp.error.runtime_error", "*"]`},
		} {
			do = test.do
			p.Send(fmt.Sprintf(`[68, %d, 7, {}]`, i+1))
			p.Expect(fmt.Sprintf(`[8, 68, %d, {}, %s`, i+1, test.want))
		}
	})
}

// A handler's context ends with INTERRUPT, the caller's time and the session. A handler
// that ignores this keeps its slot.
func TestHandlersContext(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{Reconnect: steady()})
		ended := make(chan error, 10)
		var stubborn atomic.Bool
		handling(t, s, p, func(ctx context.Context, _ *wamp.Invocation) (wamp.Payload, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			if stubborn.Load() {
				time.Sleep(time.Minute) // of the bubble's time
			}
			return wamp.Payload{}, ctx.Err()
		}, wamp.RegisterOptions{Concurrency: 1, ForwardTimeout: true})
		p.Send(`[68, 1, 7, {}]`)
		p.Send(`[69, 1, {}]`)
		p.Expect(`[8, 68, 1, {}, "wamp.error.canceled", "*"]`)
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}

		start := time.Now()
		p.Send(`[68, 2, 7, {"timeout": 2500}]`)
		p.Expect(`[8, 68, 2, {}, "wamp.error.timeout", "*"]`)
		if err := <-ended; err != context.DeadlineExceeded {
			t.Error(err)
		}
		if took := time.Since(start); took != 2500*time.Millisecond {
			t.Errorf("it took %v", took)
		}

		stubborn.Store(true)
		p.Send(`[68, 3, 7, {}]`, `[68, 4, 7, {}]`, `[69, 3, {}]`)
		p.Expect(`[8, 68, 3, {}, "wamp.error.canceled", "*"]`)
		<-ended
		p.Send(`[69, 4, {}]`) // while it waits: it is never called
		p.Expect(`[8, 68, 4, {}, "wamp.error.canceled", "*"]`)
		p.Send(`[68, 5, 7, {"timeout": 1}]`)
		start = time.Now()
		p.Expect(`[8, 68, 5, {}, "wamp.error.timeout", "*"]`)
		<-ended
		if took := time.Since(start); took < time.Minute {
			t.Errorf("it took %v", took)
		}

		stubborn.Store(false)
		p.Send(`[68, 6, 7, {}]`)
		synctest.Wait()
		p.Drop()
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	})
}

func TestHandleEvents(t *testing.T) {
	for _, concurrency := range []int{0, 4} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				logger, text := logged()
				s, p := joinedSession(t, server, wamp.Config{Logger: logger})
				var mu sync.Mutex
				var got []any
				var group sync.WaitGroup
				group.Add(4)
				ended := make(chan bool, 1)
				f := s.HandleEvents("com.x", func(ctx context.Context, e *wamp.Event) error {
					if e.Args == nil {
						<-ctx.Done()
						ended <- true
						return nil
					}
					defer group.Done()
					time.Sleep(time.Second) // of the bubble's time
					mu.Lock()
					defer mu.Unlock()
					got = append(got, e.Args...)
					return errors.New("no luck")
				}, wamp.SubscribeOptions{Concurrency: concurrency})
				p.Expect(`[32, 1, {}, "com.x"]`)
				p.Send(`[33, 1, 7]`)
				must(t, f)
				start := time.Now()
				for i := range 4 {
					p.Send(fmt.Sprintf(`[36, 7, %d, {}, [%d]]`, i+1, i))
				}
				group.Wait()
				took := time.Since(start)
				if concurrency == 0 {
					if fmt.Sprint(got) != "[0 1 2 3]" || took != 4*time.Second {
						t.Error(got, took)
					}
				} else if took != time.Second {
					t.Errorf("it took %v", took)
				}
				if log := text(); log == "" {
					t.Error("no line in the log")
				}
				p.Send(`[36, 7, 9, {}]`)
				synctest.Wait()
				p.Drop()
				<-ended
			})
		})
	}
}

func TestState(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		retried := make(chan error, 1)
		s := newSession(t, server, wamp.Config{Reconnect: steady(), OnRetry: func(_ int, _ time.Duration, err error) { retried <- err }})
		check := func(when string, id uint64, over bool) {
			t.Helper()
			isOver := false
			select {
			case <-s.Done():
				isOver = true
			default:
			}
			if s.ID() != id || s.Connected() != (id != 0) || isOver != over {
				t.Errorf("%s: id %d, connected %t, over %t", when, s.ID(), s.Connected(), isOver)
			}
		}
		check("before Join", 0, false)
		joined := s.Join()
		p := server.Accept()
		p.Welcome()
		must(t, joined)
		check("joined", 4711, false)
		p.Drop()
		<-retried
		check("lost", 0, false)
		p = server.Accept()
		p.Next()
		p.Send(`[2, 99, {}]`)
		synctest.Wait()
		check("back", 99, false)
		done, left := s.Done(), s.Leave()
		p.Goodbye()
		must(t, left)
		<-done
		check("left", 0, true)
		joined = s.Join()
		check("joining", 0, false)
		p = server.Accept()
		p.Welcome()
		must(t, joined)
		check("joined again", 4711, false)
	})
}

// A session runs on the loop that it is given.
func TestConfigLoop(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		loop := &countingLoop{Loop: txaio.NewLoop()}
		restore := testutil.ReplaceLoop(loop)
		if txaio.UsingDeferred { // it has one loop for the whole program
			defer restore()
		} else {
			restore()
		}
		s, p := joinedSession(t, server, wamp.Config{Loop: loop})
		if loop.timers.Load() == 0 {
			t.Error("it has no timers there")
		}
		left := s.Leave()
		p.Goodbye()
		must(t, left)
	})
}

func TestProgressiveCall(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		c := s.CallProgressively("com.x", wamp.Args(1), wamp.CallOptions{DiscloseMe: true})
		p.Expect(`[48, 1, {"progress": true, "disclose_me": true}, "com.x", [1]]`)
		if err := c.Send(wamp.Args(make(chan int))); err == nil {
			t.Error("no error")
		}
		if err := c.Send(wamp.Args(2)); err != nil {
			t.Error(err)
		}
		p.Expect(`[48, 1, {"progress": true, "disclose_me": true}, "com.x", [2]]`)
		if err := errors.Join(c.Finish(wamp.Args(3)), c.Send(wamp.Args(4))); err != nil {
			t.Error(err)
		}
		p.Expect(`[48, 1, {"disclose_me": true}, "com.x", [3]]`)
		p.Send(`[50, 1, {}, [6]]`)
		if result := must(t, c.Result); result.Args[0] != int64(6) {
			t.Error(result)
		}
		must(t, s.Publish("com.z", wamp.Payload{}))
		p.Expect(`[16, 2, {}, "com.z"]`)

		c = s.CallProgressively("com.x", wamp.Args(1))
		p.Expect(`[48, 3, {"progress": true}, "com.x", [1]]`)
		p.Send(`[50, 3, {}, [7]]`)
		must(t, c.Result)
		if err := c.Send(wamp.Args(2)); err != nil {
			t.Error(err)
		}
		must(t, s.Publish("com.z", wamp.Payload{}))
		p.Expect(`[16, 4, {}, "com.z"]`)
	})
}

// If arguments are too long for the router, the call ends. Otherwise the callee would
// get the next ones, and not know that some are missing.
func TestProgressiveCallWithTooLongArguments(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.RawLength = 1 // 1024 bytes
		s, p := joinedSession(t, server, wamp.Config{})
		c := s.CallProgressively("com.x", wamp.Args(1))
		p.Expect(`[48, 1, {"progress": true}, "com.x", [1]]`)
		if err := errors.Join(c.Send(wamp.Args(strings.Repeat("x", 2000))), c.Send(wamp.Args(2))); err != nil {
			t.Error(err)
		}
		if failed := failure[*wamp.Error](t, c.Result); failed.URI != wamp.PayloadSizeExceeded {
			t.Error(failed)
		}
		p.Expect(`[49, 1, {"mode": "killnowait"}]`)
	})
}

// A Receive that was cancelled takes nothing, and one after the answer gets nothing.
func TestReceive(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		invocations := make(chan *wamp.Invocation, 1)
		handling(t, s, p, func(ctx context.Context, inv *wamp.Invocation) (wamp.Payload, error) {
			txaio.Cancel(inv.Receive())
			invocations <- inv
			return txaio.Await(ctx, inv.Receive())
		})
		p.Send(`[68, 1, 7, {"progress": true}, [1]]`)
		inv := <-invocations
		p.Send(`[68, 1, 7, {"progress": true}, [2]]`)
		p.Expect(`[70, 1, {}, [2]]`)
		if _, err := await(t, inv.Receive()); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestProgressiveInvocation(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		handling(t, s, p, func(ctx context.Context, inv *wamp.Invocation) (wamp.Payload, error) {
			sum := inv.Args[0].(int64)
			for {
				next, err := txaio.Await(ctx, inv.Receive())
				switch {
				case errors.Is(err, io.EOF):
					return wamp.Args(sum), nil
				case err != nil:
					return wamp.Payload{}, err
				case next.Args[0] == "enough":
					return wamp.Args("stopped"), nil
				}
				sum += next.Args[0].(int64)
			}
		})
		p.Send(`[68, 1, 7, {"progress": true}, [1]]`, `[68, 2, 7, {}, [100]]`, `[68, 1, 7, {"progress": true}, [2]]`)
		p.Expect(`[70, 2, {}, [100]]`)
		p.Send(`[68, 1, 7, {}, [3]]`)
		p.Expect(`[70, 1, {}, [6]]`)

		// Arguments that come after the answer are no new call.
		p.Send(`[68, 3, 7, {"progress": true}, [1]]`, `[68, 3, 7, {"progress": true}, ["enough"]]`)
		p.Expect(`[70, 3, {}, ["stopped"]]`)
		p.Send(`[68, 3, 7, {"progress": true}, [3]]`, `[68, 3, 7, {}, [4]]`)
		p.Send(`[68, 3, 7, {}, [5]]`) // it is forgotten by now
		p.Expect(`[70, 3, {}, [5]]`)
		p.Send(`[68, 4, 7, {"progress": true}, [1]]`, `[69, 4, {}]`)
		p.Expect(`[8, 68, 4, {}, "wamp.error.canceled", "*"]`)
		p.Send(`[68, 5, 7, {}, [1]]`)
		p.Expect(`[70, 5, {}, [1]]`)
	})
}
