//go:build deferred || future

package wamp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// unfit has a MarshalJSON that panics or fails.
type unfit struct{ panics bool }

func (u unfit) MarshalJSON() ([]byte, error) {
	if u.panics {
		panic("oops")
	}
	return nil, errors.New("no luck")
}

// answers registers endpoint, calls it n times over each wire, and returns its
// answers.
func answers(t *testing.T, n int, endpoint func(*wamp.Invocation) (wamp.Payload, error), later bool) (got [][]any) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		var f *txaio.Future[*wamp.Registration]
		if later {
			f = s.RegisterLater("com.x", func(inv *wamp.Invocation) (*txaio.Future[wamp.Payload], error) {
				return txaio.AsFuture(func() (wamp.Payload, error) { return endpoint(inv) }), nil
			})
		} else {
			f = s.Register("com.x", endpoint)
		}
		p.Next()
		p.Send(`[65, 1, 7]`)
		must(t, f)
		for i := range n {
			p.Send(fmt.Sprintf(`[68, %d, 7, {}]`, i+1))
		}
		for range n {
			got = append(got, p.Next())
		}
	})
	return got
}

func TestResultThatCannotBeEncodedIsAnError(t *testing.T) {
	for name, answer := range map[string]func() (wamp.Payload, error){
		"result panics": func() (wamp.Payload, error) { return wamp.Args(unfit{panics: true}), nil },
		"result fails":  func() (wamp.Payload, error) { return wamp.Args(unfit{}), nil },
		"error panics": func() (wamp.Payload, error) {
			return wamp.Payload{}, &wamp.Error{URI: "com.x", Payload: wamp.Args(unfit{panics: true})}
		},
		"error fails": func() (wamp.Payload, error) {
			return wamp.Payload{}, &wamp.Error{URI: "com.x", Payload: wamp.Args(unfit{})}
		},
		"not UTF-8": func() (wamp.Payload, error) { return wamp.Args("a\xff"), nil },
	} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, later %t", name, later), func(t *testing.T) {
				for _, got := range answers(t, 1, func(*wamp.Invocation) (wamp.Payload, error) { return answer() }, later) {
					if got[0] != 8.0 || got[4] != wamp.RuntimeError || !strings.Contains(fmt.Sprint(got[5]), "cannot be sent") {
						t.Errorf("the answer is %v", got)
					}
				}
			})
		}
	}
}

func TestArgumentsThatCannotBeSent(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, _ := joinedSession(t, server, wamp.Config{})
		type cyclic struct{ Next *cyclic }
		circle := &cyclic{}
		circle.Next = circle
		list := []any{nil}
		list[0] = list
		for _, arg := range []any{unfit{}, unfit{panics: true}, "a\xff", map[string]any{"k\xff": 1}, []any{struct{ A string }{"\xc0"}}, json.RawMessage("\"\xff\""), circle, list} {
			if _, err := await(t, s.Call("com.x", wamp.Args(arg))); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
				t.Errorf("%T: %v", arg, err)
			}
			if _, err := await(t, s.Publish("com.x", wamp.Payload{}.With(map[string]any{"k": arg}))); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
				t.Errorf("%T: %v", arg, err)
			}
		}
	})
}

func TestUTF8IsSentAsItIs(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		s.Call("com.x", wamp.Args("\uFFFD", `\ufffd`, `\\ufffd`))
		if args := p.Next()[4].([]any); args[0] != "\uFFFD" || args[1] != `\ufffd` || args[2] != `\\ufffd` {
			t.Errorf("got %q", args)
		}
	})
}

func TestReceivedTextThatIsNotUTF8(t *testing.T) {
	for _, frame := range []string{"[50, 1, {}, [\"a\xff\"]]", "[50, 1, {}, [], {\"a\xff\": 1}]", "[50, 1, {}, [[{\"a\": \"\xff\"}]]]"} {
		receiveNotUTF8(t, frame)
	}
}

func receiveNotUTF8(t *testing.T, frame string) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Call("com.x", wamp.Payload{})
		p.Next()
		p.Send(frame)
		failure[*wamp.ProtocolError](t, f)
		if server.Raw { // its end has no status
			p.Expect(`[3, {"message": "*"}, "wamp.error.protocol_violation"]`)
		}
		closedWith(t, server, p, 1007)
	})
}

// An endpoint may change a result after it has returned it.
func TestResultIsEncodedAtOnce(t *testing.T) {
	counts := map[string]any{}
	n := 0
	got := answers(t, 20, func(*wamp.Invocation) (wamp.Payload, error) {
		n++
		counts["n"] = n
		txaio.CallSoon(func() { counts["n"] = -1 })
		return wamp.Args(counts), nil
	}, false)
	for i, answer := range got {
		if want := map[string]any{"n": float64(i + 1)}; !reflect.DeepEqual(answer[3], []any{want}) {
			t.Errorf("answer %d is %v", i+1, answer)
		}
	}
}

type hasBytes struct {
	Data  []byte `json:"data"`
	Empty []byte `json:"empty,omitempty"`
	None  []byte
	Named named
	N     int `json:"n,string"`
	inner
	Time json.RawMessage `json:"raw"`
}

type named []byte

type inner struct {
	Deep map[int][]byte
	hide []byte
}

func TestBinaryDataIsSentInWAMPsWay(t *testing.T) {
	const hi = "\x00aGk=" // "hi"
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		data := []byte("hi")
		s.Call("com.x", wamp.Args(data, []any{data}, [][]byte{data}, map[string][]byte{"k": data}, &data, [1][]byte{data}, []byte(nil), []byte{},
			hasBytes{Data: data, Named: named(data), N: 7, inner: inner{Deep: map[int][]byte{1: data}, hide: data}, Time: json.RawMessage("[1]")},
		).With(map[string]any{"k": map[string]any{"d": data}}))
		call := p.Next()
		want := []any{hi, []any{hi}, []any{hi}, map[string]any{"k": hi}, hi, []any{hi}, nil, "\x00",
			map[string]any{"data": hi, "None": nil, "Named": hi, "n": "7", "Deep": map[string]any{"1": hi}, "raw": []any{1.0}}}
		if !reflect.DeepEqual(call[4], want) {
			t.Errorf("got  %q\nwant %q", call[4], want)
		}
		if want := map[string]any{"k": map[string]any{"d": hi}}; !reflect.DeepEqual(call[5], want) {
			t.Errorf("got %q", call[5])
		}
	})
}

func TestBinaryDataIsReceivedInWAMPsWay(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Call("com.x", wamp.Payload{})
		p.Next()
		p.Send(`[50, 1, {}, ["\u0000aGk=", {"k": ["\u0000aGk="]}, {"data": "\u0000aGk="}, "\u0000?", "\u0000"], {"k": "\u0000aGk="}]`)
		result := must(t, f)
		data := []byte("hi")
		want := []any{data, map[string]any{"k": []any{data}}, map[string]any{"data": data}, "\x00?", []byte{}}
		if !reflect.DeepEqual(result.Args, want) || !reflect.DeepEqual(result.Kwargs, map[string]any{"k": data}) {
			t.Errorf("got %q %q", result.Args, result.Kwargs)
		}
		var (
			first  []byte
			second map[string]any
			third  struct{ Data []byte }
		)
		if err := result.Scan(&first, &second, &third); err != nil || string(first) != "hi" || string(third.Data) != "hi" || !reflect.DeepEqual(second, want[1]) {
			t.Error(first, second, third, err)
		}
	})
}
