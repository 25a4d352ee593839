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

// registered returns the future that the procedure of the registration 7
// answers with.
func registered(t *testing.T, s *wamp.Session, p *wamptest.Peer) (answer *txaio.Future[wamp.Payload], invocations <-chan *wamp.Invocation) {
	t.Helper()
	answer = txaio.CreateFuture[wamp.Payload]()
	called := make(chan *wamp.Invocation, 10)
	f := s.RegisterLater("com.x", func(inv *wamp.Invocation) (*txaio.Future[wamp.Payload], error) {
		called <- inv
		return answer, nil
	})
	p.Expect(`[64, "*", {}, "com.x"]`)
	p.Send(`[65, 1, 7]`)
	must(t, f)
	return answer, called
}

func TestProcedures(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		for i, test := range []struct {
			procedure func(*wamp.Invocation) (wamp.Payload, error)
			want      string
		}{
			{func(inv *wamp.Invocation) (wamp.Payload, error) { return inv.Payload, nil },
				`[70, 1, {}, [1, 2.5, "x", null, true, [1], {"k": 12345678901234567}], {"unit": "m"}]`},
			{func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil }, `[70, 2, {}]`},
			{func(*wamp.Invocation) (wamp.Payload, error) {
				return wamp.Payload{}, fmt.Errorf("wrapped: %w", &wamp.Error{URI: "com.error", Payload: wamp.Args(1).With(map[string]any{"a": 2})})
			}, `[8, 68, 3, {}, "com.error", [1], {"a": 2}]`},
			{func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, errors.New("no luck") },
				`[8, 68, 4, {}, "wamp.error.runtime_error", ["no luck"]]`},
			{func(*wamp.Invocation) (wamp.Payload, error) { panic("oops") },
				`[8, 68, 5, {}, "wamp.error.runtime_error", ["oops"]]`},
			{func(inv *wamp.Invocation) (wamp.Payload, error) {
				var text string
				return wamp.Payload{}, inv.Scan(&text)
			}, `[8, 68, 6, {}, "wamp.error.invalid_argument", "*"]`},
			{func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Args(make(chan int)), nil },
				`[8, 68, 7, {}, "wamp.error.runtime_error", "*"]`},
			{func(*wamp.Invocation) (wamp.Payload, error) {
				return wamp.Payload{}, &wamp.Error{URI: "not a uri", Payload: wamp.Args(1)}
			}, `[8, 68, 8, {}, "wamp.error.runtime_error", ["not a uri: 1"]]`},
			{func(*wamp.Invocation) (wamp.Payload, error) {
				return wamp.Payload{}, &wamp.Error{URI: "com.error", Payload: wamp.Args(make(chan int))}
			}, `[8, 68, 9, {}, "wamp.error.runtime_error", "*"]`},
		} {
			f := s.Register(fmt.Sprint("com.x", i), test.procedure)
			p.Expect(fmt.Sprintf(`[64, %d, {}, "com.x%d"]`, i+1, i))
			p.Send(fmt.Sprintf(`[65, %d, %d]`, i+1, i+100))
			if registration := must(t, f); registration.ID != uint64(i+100) {
				t.Errorf("the registration is %d", registration.ID)
			}
			p.Send(fmt.Sprintf(`[68, %d, %d, {}, [1, 2.5, "x", null, true, [1], {"k": 12345678901234567}], {"unit": "m"}]`, i+1, i+100))
			p.Expect(test.want)
		}
	})
}

func TestRegisterOptions(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		uris := make(chan string, 1)
		f := s.Register("com.x.", func(inv *wamp.Invocation) (wamp.Payload, error) {
			uris <- inv.Procedure
			return wamp.Payload{}, nil
		}, wamp.RegisterOptions{Match: "prefix", Invoke: "roundrobin", Concurrency: 3, ForceReregister: true, ForwardTimeout: true, Options: map[string]any{"x_added": 1}})
		p.Expect(`[64, 1, {"match": "prefix", "invoke": "roundrobin", "concurrency": 3, "force_reregister": true, "forward_timeout": true, "x_added": 1}, "com.x."]`)
		p.Send(`[65, 1, 7]`)
		must(t, f)
		p.Send(`[68, 1, 7, {"procedure": "com.x.y"}]`)
		p.Expect(`[70, 1, {}]`)
		if uri := <-uris; uri != "com.x.y" {
			t.Error(uri)
		}
	})
}

func TestProcedureThatAnswersLater(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		answer, invocations := registered(t, s, p)
		p.Send(`[68, 1, 7, {"receive_progress": true}]`)
		inv := <-invocations
		if err := inv.Progress(wamp.Args(50)); err != nil {
			t.Error(err)
		}
		p.Expect(`[70, 1, {"progress": true}, [50]]`)
		go txaio.Resolve(answer, wamp.Args(100)) // from any goroutine
		p.Expect(`[70, 1, {}, [100]]`)
		if err := inv.Progress(wamp.Args(150)); err != nil {
			t.Error(err)
		}
		p.Send(`[68, 2, 7, {}]`) // the answer is there already
		if err := (<-invocations).Progress(wamp.Args(1)); err != wamp.ErrNotAsked {
			t.Error(err)
		}
		p.Expect(`[70, 2, {}, [100]]`)
	})
}

func TestInterrupt(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		answer, invocations := registered(t, s, p)
		p.Send(`[68, 1, 7, {}]`)
		<-invocations
		p.Send(`[69, 1, {"mode": "kill"}]`)
		p.Expect(`[8, 68, 1, {}, "wamp.error.canceled", "*"]`)
		if _, err := await(t, answer); !errors.Is(err, txaio.ErrCancelled) {
			t.Error(err)
		}
		p.Send(`[69, 1, {}]`, `[69, 99, {}]`) // late ones harm nobody
		f := s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true})
		p.Next()
		p.Send(`[17, 2, 1]`)
		must(t, f)
	})
}

// An answer to a call from a lost connection is dropped.
func TestAnswerAfterTheConnectionWasLost(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		joins := make(chan bool, 10)
		s, p := joinedSession(t, server, wamp.Config{
			Reconnect: &wamp.Backoff{},
			OnJoin:    func(*wamp.Session, *wamp.JoinDetails) error { joins <- true; return nil },
		})
		<-joins
		answer, invocations := registered(t, s, p)
		p.Send(`[68, 1, 7, {"receive_progress": true}]`)
		inv := <-invocations
		p.Drop()
		if _, err := await(t, answer); !errors.Is(err, txaio.ErrCancelled) {
			t.Errorf("the work goes on: %v", err)
		}
		p = server.Accept()
		p.Welcome()
		<-joins
		if err := inv.Progress(wamp.Args(1)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		p.Expect(`[64, 1, {}, "com.x"]`)
		s.Publish("com.x", wamp.Payload{})
		p.Expect(`[16, 2, {}, "com.x"]`)
	})
}

func TestUnregister(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil })
		p.Next()
		p.Send(`[65, 1, 7]`)
		registration := must(t, f)
		gone := registration.Unregister()
		p.Expect(`[66, 2, 7]`)
		p.Send(`[68, 1, 7, {}]`) // sent before the router got it
		p.Expect(`[70, 1, {}]`)
		if failed := failure[*wamp.Error](t, registration.Unregister()); failed.URI != "wamp.error.no_such_registration" {
			t.Error(failed)
		}
		p.Send(`[67, 2]`)
		must(t, gone)
		if failed := failure[*wamp.Error](t, registration.Unregister()); failed.URI != "wamp.error.no_such_registration" {
			t.Error(failed)
		}
	})
}

// If Register is cancelled and the router makes the registration, the session ends
// the registration.
func TestCancelRegister(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil })
		p.Next()
		txaio.Cancel(f)
		p.Send(`[65, 1, 7]`)
		p.Expect(`[66, 2, 7]`)
	})
}

func TestRegisterRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil })
		p.Next()
		p.Send(`[8, 64, 1, {}, "wamp.error.procedure_already_exists"]`)
		if failed := failure[*wamp.Error](t, f); failed.URI != "wamp.error.procedure_already_exists" {
			t.Error(failed)
		}
	})
}

// Progress is sent before the answer, also by an endpoint that answers at once.
func TestProgressOfAnEndpointThatAnswersAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Register("com.x", func(inv *wamp.Invocation) (wamp.Payload, error) {
			return wamp.Args(2), errors.Join(inv.Progress(wamp.Args(0)), inv.Progress(wamp.Args(1)))
		})
		p.Expect(`[64, 1, {}, "com.x"]`)
		p.Send(`[65, 1, 7]`)
		must(t, f)
		p.Send(`[68, 1, 7, {"receive_progress": true}]`)
		for i := range 2 {
			p.Expect(fmt.Sprintf(`[70, 1, {"progress": true}, [%d]]`, i))
		}
		p.Expect(`[70, 1, {}, [2]]`)
	})
}
