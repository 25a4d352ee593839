//go:build deferred || future

package wamp_test

import (
	"strings"
	"testing"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// violations are messages that a router must not send to a session with the
// registration 7, the subscription 8, and the pending CALL 3, SUBSCRIBE 4 and
// PUBLISH 5.
var violations = []struct{ name, frame, says string }{
	{"no JSON", `[36, `, "not a JSON list"},
	{"no list", `{"a": 1}`, "not a JSON list"},
	{"null", `null`, "empty message"},
	{"nothing", `[]`, "empty message"},
	{"two lists", `[50, 3, {}] [50, 3, {}]`, "not a JSON list"},
	{"code of a wrong type", `["50", 3, {}]`, "message code"},
	{"code that is no integer", `[50.5, 3, {}]`, "message code"},
	{"code that nobody knows", `[77, 3, {}]`, "message 77"},
	{"huge code", `[99999999999999999999, 3, {}]`, "message code"},
	{"negative code", `[-50, 3, {}]`, "message -50"},
	{"a client's message", `[48, 3, {}, "com.x"]`, "CALL, which no router sends"},
	{"too short", `[50, 3]`, "RESULT with 1 elements"},
	{"EVENT too short", `[36]`, "EVENT with 0 elements"},
	{"ERROR too short", `[8, 48, 3]`, "ERROR with 2 elements"},
	{"id of a wrong type", `[50, "3", {}]`, "integer from 1 to 2^53"},
	{"id null", `[50, null, {}]`, "integer from 1 to 2^53"},
	{"id 0", `[50, 0, {}]`, "integer from 1 to 2^53"},
	{"negative id", `[50, -3, {}]`, "integer from 1 to 2^53"},
	{"huge id", `[50, 9007199254740993, {}]`, "integer from 1 to 2^53"},
	{"gigantic id", `[50, 1e300, {}]`, "integer from 1 to 2^53"},
	{"id with a fraction", `[50, 3.5, {}]`, "integer from 1 to 2^53"},
	{"negative registration", `[65, 3, -7]`, "integer from 1 to 2^53"},
	{"details of a wrong type", `[50, 3, []]`, "element 2"},
	{"arguments of a wrong type", `[50, 3, {}, {}]`, "element 3"},
	{"arguments that are a text", `[50, 3, {}, "x"]`, "element 3"},
	{"keyword arguments of a wrong type", `[50, 3, {}, [], []]`, "element 4"},
	{"URI of a wrong type", `[8, 48, 3, {}, 5]`, "element 4"},
	{"URI null", `[8, 48, 3, {}, null]`, "element 4"},
	{"error without a URI", `[8, 48, 3, {}, ""]`, "not a URI"},
	{"answer to no request", `[50, 99, {}]`, "CALL request 99, which is not pending"},
	{"answer of another kind", `[33, 3, 9]`, "SUBSCRIBE request 3, which is not pending"},
	{"error of another kind", `[8, 32, 3, {}, "com.error"]`, "SUBSCRIBE request 3, which is not pending"},
	{"error for nothing that is known", `[8, 99, 3, {}, "com.error"]`, "message 99 request 3"},
	{"answer to an answered request", `[65, 1, 7]`, "REGISTER request 1, which is not pending"},
	{"revocation of nothing", `[67, 0]`, "does not say for which registration"},
	{"revocation of a subscription 0", `[35, 0, {"subscription": 0}]`, "does not say for which subscription"},
	{"WELCOME twice", `[2, 1, {}]`, "WELCOME to a session that is joined"},
	{"CHALLENGE after WELCOME", `[4, "ticket", {}]`, "CHALLENGE to a session that is joined"},
	{"message too deep", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "not a JSON list: it is more than 1000 levels deep"},
}

func TestViolations(t *testing.T) {
	for _, v := range violations {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				left := make(chan *wamp.CloseDetails, 1)
				s, p := joinedSession(t, server, wamp.Config{
					OnLeave:   func(_ *wamp.Session, details *wamp.CloseDetails) { left <- details },
					Reconnect: &wamp.Backoff{}, // not used after a violation
				})
				pending := makePending(t, s, p)
				p.Send(v.frame)
				abort := p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
				message := abort[1].(map[string]any)["message"].(string)
				if says := inWordsOf(server, v.says); !strings.Contains(message, says) {
					t.Errorf("the session says %q, and was to say %q", message, says)
				}
				closedWith(t, server, p, 1002)
				for _, f := range pending {
					if _, err := await(t, f); err == nil || err.Error() != message {
						t.Errorf("a pending call: %v", err)
					}
					failure[*wamp.ProtocolError](t, f)
				}
				if details := <-left; details.Reason != wamp.ProtocolViolation {
					t.Errorf("left: %+v", details)
				}
			})
		})
	}
}

// inWordsOf puts the name of the server's serializer into a text about JSON.
func inWordsOf(server *wamptest.Server, says string) string {
	names := map[string]string{"wamp.2.json": "JSON", "wamp.2.msgpack": "MessagePack", "wamp.2.cbor": "CBOR"}
	says = strings.ReplaceAll(says, "JSON", names[server.Protocol])
	if server.Protocol != "wamp.2.json" {
		says, _, _ = strings.Cut(says, ": ") // the libraries have texts of their own
	}
	return says
}

// makePending brings the session into the state that violations describes.
func makePending(t *testing.T, s *wamp.Session, p *wamptest.Peer) []*txaio.Future[*wamp.Result] {
	t.Helper()
	registered := s.Register("com.x", func(*wamp.Invocation) (wamp.Payload, error) { return wamp.Payload{}, nil })
	p.Next()
	p.Send(`[65, 1, 7]`)
	must(t, registered)
	subscribed := s.Subscribe("com.x", func(*wamp.Event) error { return nil })
	p.Next()
	p.Send(`[33, 2, 8]`)
	must(t, subscribed)
	call := s.Call("com.x", wamp.Payload{})
	p.Next()
	s.Subscribe("com.y", func(*wamp.Event) error { return nil })
	p.Next()
	s.Publish("com.x", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true})
	p.Next()
	return []*txaio.Future[*wamp.Result]{call}
}

func TestDuplicateAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Call("com.x", wamp.Payload{})
		p.Next()
		p.Send(`[50, 1, {}, [1]]`, `[50, 1, {}, [2]]`)
		if result := must(t, f); result.Args[0] != int64(1) {
			t.Error(result.Args)
		}
		p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
		p.ExpectClosed()
	})
}

func TestSecondAnswerToACancelledCall(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Call("com.x", wamp.Payload{})
		p.Next()
		txaio.Cancel(f)
		p.Next()
		p.Send(`[50, 1, {}]`, `[50, 1, {}]`) // the first is allowed
		p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
		p.ExpectClosed()
	})
}

func TestInvocationTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		answer, _ := registered(t, s, p)
		p.Send(`[68, 1, 7, {}]`, `[68, 1, 7, {}]`)
		p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
		p.ExpectClosed()
		await(t, answer) // the work has been cancelled
	})
}

func TestMessageOfTheOtherKind(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Raw = false // a RawSocket has one kind
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Call("com.x", wamp.Payload{})
		p.Next()
		if server.Protocol == "wamp.2.json" {
			p.SendBinary([]byte(`[50, 1, {}]`))
		} else {
			p.SendText(`[50, 1, {}]`)
		}
		if broken := failure[*wamp.ProtocolError](t, f); !strings.Contains(broken.Error(), "the wrong type") {
			t.Error(broken)
		}
		p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
		p.ExpectClosed()
	})
}

func TestMessageTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{MaxMessage: 1000})
		f := s.Call("com.x", wamp.Payload{})
		p.Next()
		p.Send(`[50, 1, {}, ["` + strings.Repeat("x", 1000) + `"]]`)
		failure[*wamp.TransportError](t, f)
		closedWith(t, server, p, 1009)
	})
}

// Before WELCOME a router may send few messages.
func TestViolationsWhileJoining(t *testing.T) {
	for _, frame := range []string{`[36, 1, 1, {}]`, `[6, {}, "wamp.close.normal"]`, `[2, -1, {}]`, `[2]`, `[4, "ticket", {}]`, `nonsense`} {
		t.Run(frame, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				s := newSession(t, server, wamp.Config{})
				f := s.Join()
				p := server.Accept()
				p.Next()
				p.Send(frame)
				failure[*wamp.ProtocolError](t, f)
				p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
				p.ExpectClosed()
			})
		})
	}
}

// The session accepts some messages that the protocol does not quite allow, because
// routers send them, and some that later versions may add.
func TestTolerant(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s := newSession(t, server, wamp.Config{})
		joined := s.Join()
		p := server.Accept()
		p.Next()
		p.Send(` [2 , 1.0, null, "more"] `)
		must(t, joined)
		for i, answer := range []string{
			`[50, 1.0, null, null, null]`,
			`[50, 2, {}, [], {}, "more"]`,
			`[50, 3e0, {}, null, {"k": 1}]`,
			`[50, 4, {}, [123456789012345678901234567890, 1e400, -0]]`,
		} {
			f := s.Call("com.x", wamp.Payload{})
			p.Next()
			p.Send(answer)
			if _, err := await(t, f); err != nil {
				t.Errorf("answer %d: %v", i, err)
			}
		}
	})
}
