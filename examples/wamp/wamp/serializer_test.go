//go:build deferred || future

package wamp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var serializers = []Serializer{JSON, MessagePack, CBOR}

// sent encodes and decodes a value.
func sent(s Serializer, v any) (any, error) {
	made, err := plain(v)
	if err != nil {
		return nil, err
	}
	frame, err := s.encode([]any{int64(1), made})
	if err != nil {
		return nil, err
	}
	list, err := s.decode(frame)
	if err != nil {
		return nil, err
	}
	return list[1], nil
}

type smallInt int8

type textual struct{ a int }

func (t textual) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "text %d", t.a), nil }

func (t *textual) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "text %d", &t.a)
	return err
}

// A value arrives with the same types through each serializer.
func TestValues(t *testing.T) {
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	for _, test := range []struct{ give, want any }{
		{nil, nil}, {true, true}, {"", ""}, {"täxt\u2028\"\\/\x00\x1f\x7f😀", "täxt\u2028\"\\/\x00\x1f\x7f😀"},
		{0, int64(0)}, {-1, int64(-1)}, {smallInt(-7), int64(-7)}, {uint8(200), int64(200)},
		{23, int64(23)}, {24, int64(24)}, {127, int64(127)}, {128, int64(128)}, {-32, int64(-32)}, {-33, int64(-33)}, {-129, int64(-129)},
		{uint16(65535), int64(65535)}, {int64(1 << 53), int64(1 << 53)}, {int64(1<<53 + 1), int64(1<<53 + 1)},
		{int64(math.MinInt64), int64(math.MinInt64)}, {int64(math.MaxInt64), int64(math.MaxInt64)},
		{uint64(math.MaxInt64), int64(math.MaxInt64)}, {uint64(math.MaxInt64 + 1), uint64(math.MaxInt64 + 1)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{1.5, 1.5}, {float32(0.5), 0.5}, {-1e-300, -1e-300}, {1e21, 1e21}, {math.MaxFloat64, math.MaxFloat64}, {5e-324, 5e-324},
		{[]byte("hi"), []byte("hi")}, {[]byte{}, []byte{}}, {[]byte(nil), nil}, {bytes.Repeat([]byte{0xff}, 70_000), bytes.Repeat([]byte{0xff}, 70_000)},
		{[]any(nil), nil}, {[]any{}, []any{}}, {map[string]any(nil), nil}, {map[string]any{}, map[string]any{}},
		{[]int{1, 2}, []any{int64(1), int64(2)}}, {[2]bool{true}, []any{true, false}}, {(*int)(nil), nil},
		{map[int]string{-1: "a"}, map[string]any{"-1": "a"}}, {map[textual]int{{1}: 2}, map[string]any{"text 1": int64(2)}},
		{textual{3}, "text 3"}, {&textual{3}, "text 3"}, {json.RawMessage(`{"a":[1,1.5,"x"]}`), map[string]any{"a": []any{int64(1), 1.5, "x"}}},
		{json.Number("7"), int64(7)}, {json.Number("7.5"), 7.5}, {json.Number(""), int64(0)},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05Z"},
		{strings.Repeat("x", 300), strings.Repeat("x", 300)}, {make([]bool, 20), slicesOf(20, false)}, {make([]bool, 140_000), slicesOf(140_000, false)},
		{manyKeys(20), manyKeys(20)}, {manyKeys(300), manyKeys(300)},
		{hasFields{A: 1, Zero: 1, Data: []byte{1}, Text: never{1}}, map[string]any{"a": int64(1), "B": nil, "Zero": int64(1), "Data": []byte{1}}},
		{huge, json.Number(huge.String())},
	} {
		for _, s := range serializers {
			got, err := sent(s, test.give)
			if _, big := test.give.(*big.Int); big && s == MessagePack {
				if err == nil || !strings.Contains(err.Error(), "no number -1234") {
					t.Errorf("MessagePack, of %v: %v, %v", test.give, got, err)
				}
				continue
			}
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s, of %.100v: got %.100v (%T) and %v, want %.100v", s.Name(), test.give, got, got, err, test.want)
			}
		}
	}
}

type hasFields struct {
	A     int `json:"a"`
	B     *int
	Left  []int `json:",omitempty"`
	Zero  int   `json:",omitzero"`
	Never int   `json:"-"`
	Text  never `json:",omitzero"`
	Data  []byte
}

// never says that it is zero, so it is always left out.
type never struct{ int }

func (never) IsZero() bool                 { return true }
func (never) MarshalJSON() ([]byte, error) { return nil, errors.New("not called") }

func slicesOf(n int, value any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = value
	}
	return list
}

func manyKeys(n int) map[string]any {
	dict := make(map[string]any, n)
	for i := range n {
		dict[fmt.Sprint("key", i)] = int64(i)
	}
	return dict
}

func TestValuesThatCannotBeSent(t *testing.T) {
	deep := any(1)
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	type link struct{ Next any }
	circle := &link{}
	circle.Next = circle
	for _, v := range []any{
		math.NaN(), math.Inf(1), float32(math.Inf(-1)), struct{ X float64 }{math.NaN()},
		make(chan int), func() {}, 1i, map[float64]int{1: 1}, map[any]int{1: 1},
		"\xff", []string{"\xff"}, map[string]int{"\xff": 1}, json.RawMessage(`{`), json.RawMessage(`"\ufffd"`), json.RawMessage("\"\xff\""),
		json.Number("x"), json.Number(" 1"), json.Number("null"), deep, circle,
	} {
		if made, err := plain(v); err == nil {
			t.Errorf("%T %.100v is sent as %v", v, v, made)
		}
	}
}

// plain treats tags, embedded structs and methods as encoding/json does.
func TestPlainIsLikeJSON(t *testing.T) {
	type Inner struct {
		A, B int
		C    string `json:"c,omitempty"`
	}
	type inner struct {
		A, D int
		e    int
	}
	type Other struct{ B, F int }
	type Named struct{ G int }
	type Recursive struct {
		*Recursive
		H int
	}
	type outer struct {
		Inner
		inner
		*Other
		Named `json:"named"`
		A     float64
		S     string             `json:"s,string"`
		N     int64              `json:",string"`
		T     bool               `json:"t,string"`
		P     *float64           `json:"p,string"`
		U     *uint8             `json:"u,omitempty"`
		Z     time.Time          `json:"z,omitzero"`
		L     [2]int             `json:",omitempty"`
		Empty [0]int             `json:",omitempty"`
		M     map[string][]Inner `json:"m,omitempty"`
		I     any                `json:"i,omitempty"`
		X     textual
		Y     *textual
		V     []textual
		R     json.RawMessage `json:"r,omitempty"`
	}
	half := 0.5
	for _, v := range []any{
		outer{}, &outer{P: &half}, outer{Other: &Other{1, 2}, inner: inner{1, 2, 3}, M: map[string][]Inner{"k": {{A: 1}}}, I: []any{1}, Z: time.Unix(0, 0).UTC(), R: json.RawMessage("[1]")},
		[]outer{{A: 1}}, map[string]*outer{"a": {S: `x"y`, N: -5}}, &Recursive{H: 1}, struct{}{}, []any{Inner{}, &Inner{}},
		struct {
			Inner
			Other
		}{},
	} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := decodeJSON(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sent(JSON, v); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%T:\ngot  %v, %v\nwant %v", v, got, err, want)
		}
	}
}

// plain shares nothing with the value that it is given.
func TestPlainIsACopy(t *testing.T) {
	data, list, dict := []byte("a"), []any{1, []byte("b")}, map[string]any{"k": []int{1}}
	made, err := plain([]any{data, list, dict})
	if err != nil {
		t.Fatal(err)
	}
	data[0], list[0], list[1].([]byte)[0], dict["k"].([]int)[0], dict["l"] = 'x', 'x', 'x', 'x', 'x'
	want := []any{[]byte("a"), []any{int64(1), []byte("b")}, map[string]any{"k": []any{int64(1)}}}
	if !reflect.DeepEqual(made, want) {
		t.Errorf("got %v", made)
	}
}

// hostile are frames with which a router might attack a session.
var hostile = []struct {
	name       string
	serializer Serializer
	frame      string
	err        string
}{
	{"no list", MessagePack, "\x81\xa1a\x01", "not a MessagePack list"},
	{"nothing", MessagePack, "", "not a MessagePack list"},
	{"truncated", MessagePack, "\x92\x01", "not a MessagePack list"},
	{"more", MessagePack, "\x91\x01\x01", "more follows it"},
	{"a long list that is not there", MessagePack, "\xdd\xff\xff\xff\xff\x01", "not a MessagePack list"},
	{"lists that lie, in each other", MessagePack, strings.Repeat("\xdd\x00\x00\xff\xff", 20_000), "not a MessagePack list"},
	{"maps that lie, in each other", MessagePack, strings.Repeat("\xdf\x00\x00\xff\xff\xa0", 20_000), "not a MessagePack list"},
	{"a long text that is not there", MessagePack, "\x91\xdb\xff\xff\xff\xffx", "not a MessagePack list"},
	{"long data that are not there", MessagePack, "\x91\xc6\xff\xff\xff\xffx", "not a MessagePack list"},
	{"deep", MessagePack, strings.Repeat("\x91", 2000) + "\x01", "levels deep"},
	{"very deep", MessagePack, strings.Repeat("\x91", 5_000_000) + "\x01", "not a MessagePack list"},
	{"not UTF-8", MessagePack, "\x91\xa1\xff", "not UTF-8"},
	{"a key that is not UTF-8", MessagePack, "\x91\x81\xa1\xff\x01", "not UTF-8"},
	{"a key that is no text", MessagePack, "\x91\x81\x01\x01", "not a MessagePack list"},
	{"a time of no known length", MessagePack, "\x91\xd4\xff\x01", "a time of 1 bytes"},
	{"a byte that means nothing", MessagePack, "\x91\xc1", "not a MessagePack list"},

	{"no list", CBOR, "\xa1\x61a\x01", "not a CBOR list"},
	{"nothing", CBOR, "", "not a CBOR list"},
	{"truncated", CBOR, "\x82\x01", "not a CBOR list"},
	{"more", CBOR, "\x81\x01\x01", "not a CBOR list"},
	{"a long list that is not there", CBOR, "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\x01", "not a CBOR list"},
	{"lists that lie, in each other", CBOR, strings.Repeat("\x9a\x00\x00\xff\xff", 900), "not a CBOR list"},
	{"a long text that is not there", CBOR, "\x81\x7a\xff\xff\xff\xffx", "not a CBOR list"},
	{"deep", CBOR, strings.Repeat("\x81", 2000) + "\x01", "not a CBOR list"},
	{"tags in each other", CBOR, "\x81" + strings.Repeat("\xd9\xff\xfe", 5000) + "\x01", "not a CBOR list"},
	{"very deep", CBOR, strings.Repeat("\x81", 5_000_000) + "\x01", "not a CBOR list"},
	{"not UTF-8", CBOR, "\x81\x61\xff", "not UTF-8"},
	{"a key that is not UTF-8", CBOR, "\x81\xa1\x61\xff\x01", "not UTF-8"},
	{"pieces of text that are not UTF-8", CBOR, "\x81\x7f\x61\xff\xff", "not UTF-8"},
	{"a key that is no text", CBOR, "\x81\xa1\x01\x01", "not a CBOR list"},
	{"a huge integer", CBOR, "\x81\xc2\x5a\x00\x10\x00\x00" + strings.Repeat("\xff", 1<<20), "an integer of"},
	{"a simple value", CBOR, "\x81\xf0", "which WAMP does not have"},
	{"an end of nothing", CBOR, "\x81\xff", "not a CBOR list"},

	{"nothing", JSON, "", "not a JSON list"},
	{"deep", JSON, strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "levels deep"},
	{"very deep", JSON, strings.Repeat("[", 5_000_000), "not a JSON list"},
	{"not UTF-8", JSON, "[\"\xff\"]", "not UTF-8"},
	{"more", JSON, "[1] [", "more follows it"},
}

func TestHostileFrames(t *testing.T) {
	for _, test := range hostile {
		t.Run(test.serializer.Name()+"/"+test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			list, err := test.serializer.decode([]byte(test.frame))
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %.100v and %v, want an error with %q", list, err, test.err)
			}
			if _, is := errors.AsType[*ProtocolError](err); !is {
				t.Errorf("%T is no ProtocolError", err)
			}
			if took, limit := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+20*len(test.frame)); took > limit {
				t.Errorf("it took %d bytes of memory for a frame of %d", took, len(test.frame))
			}
		})
	}
}

// The serializers decode frames that libraries for Python and JavaScript send, and
// those for Go do not.
func TestForeignFrames(t *testing.T) {
	for _, test := range []struct {
		serializer Serializer
		frame      string
		want       any
	}{
		{MessagePack, "\x91\xca\x3f\x00\x00\x00", 0.5},
		{MessagePack, "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", uint64(math.MaxUint64)},
		{MessagePack, "\x91\xd6\xff\x00\x00\x00\x01", time.Unix(1, 0)},
		{MessagePack, "\x91\xd7\xff\x00\x00\x00\x08\x00\x00\x00\x01", time.Unix(1, 2)},
		{MessagePack, "\x91\xc7\x0c\xff\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff", time.Unix(-1, 2)},
		{MessagePack, "\x91\xd4\x63\x01", []byte{1}},
		{CBOR, "\x81\xf9\x38\x00", 0.5},
		{CBOR, "\x9f\x01\xff", int64(1)},
		{CBOR, "\x81\x7f\x61a\x61b\xff", "ab"},
		{CBOR, "\x81\x5f\x41a\x41b\xff", []byte("ab")},
		{CBOR, "\x81\xbf\x61a\x01\xff", map[string]any{"a": int64(1)}},
		{CBOR, "\x81\xf7", nil},
		{CBOR, "\x81\xc1\x01", time.Unix(1, 0)},
		{CBOR, "\x81\xd9\xd9\xf7\x01", int64(1)},
		{CBOR, "\x81\x1b\xff\xff\xff\xff\xff\xff\xff\xff", uint64(math.MaxUint64)},
		{CBOR, "\x81\x3b\xff\xff\xff\xff\xff\xff\xff\xff", json.Number("-18446744073709551616")},
		{CBOR, "\x81\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", json.Number("18446744073709551616")},
		{JSON, "[18446744073709551615]", uint64(math.MaxUint64)},
		{JSON, "[18446744073709551616]", json.Number("18446744073709551616")},
		{JSON, "[1e400]", json.Number("1e400")},
	} {
		list, err := test.serializer.decode([]byte(test.frame))
		if err != nil || len(list) != 1 {
			t.Errorf("%s %x: %v, %v", test.serializer.Name(), test.frame, list, err)
			continue
		}
		if at, is := list[0].(time.Time); is {
			if want, _ := test.want.(time.Time); !at.Equal(want) {
				t.Errorf("%s %x: got %v", test.serializer.Name(), test.frame, at)
			}
		} else if !reflect.DeepEqual(list[0], test.want) {
			t.Errorf("%s %x: got %v (%T)", test.serializer.Name(), test.frame, list[0], list[0])
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[1, "a\u0000", "\u0000aGk=", {"k": [1.5, -0, 1e400, 18446744073709551615, null, true]}]`))
	fuzzDecoder(f, JSON)
}

func FuzzMessagePack(f *testing.F) {
	f.Add([]byte("\x96\x01\xa1a\xc4\x01\xff\x81\xa1k\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc0"))
	fuzzDecoder(f, MessagePack)
}

func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\x86\x01\x61a\x41\xff\xa1\x61k\xf9\x3c\x00\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00\xf6"))
	fuzzDecoder(f, CBOR)
}

// fuzzDecoder decodes any frame. If it is a message, it has only the types of Payload,
// and is the same after encoding and decoding.
func fuzzDecoder(f *testing.F, s Serializer) {
	for _, test := range hostile {
		if test.serializer == s && len(test.frame) < 10_000 {
			f.Add([]byte(test.frame))
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		list, err := s.decode(frame)
		if err != nil {
			if _, is := errors.AsType[*ProtocolError](err); !is {
				t.Fatalf("%T is no ProtocolError", err)
			}
			return
		}
		if !known(list) {
			return // it has a NaN or an infinity, or a time, which is sent as text
		}
		made, err := plain(list)
		if err != nil {
			t.Fatalf("%v cannot be sent again: %v", list, err)
		}
		if made == nil {
			return // it was null
		}
		again, err := s.encode(made.([]any))
		if err != nil {
			t.Fatalf("%v cannot be encoded again: %v", list, err)
		}
		if got, err := s.decode(again); err != nil || !reflect.DeepEqual(got, list) && s != JSON { // which has one kind of number
			t.Fatalf("%v is %v when it is sent again, %v", list, got, err)
		}
	})
}

// known reports whether a value can be sent unchanged. It panics if the value has a type
// that decoding must not produce.
func known(value any) bool {
	switch value := value.(type) {
	case nil, bool, int64, []byte, json.Number:
		return true
	case uint64:
		if value <= math.MaxInt64 {
			panic("a uint64 that is an int64")
		}
		return true
	case float64:
		return !math.IsNaN(value) && !math.IsInf(value, 0)
	case string:
		if !utf8.ValidString(value) {
			panic("text that is not UTF-8")
		}
		return true
	case []any:
		for _, element := range value {
			if !known(element) {
				return false
			}
		}
		return true
	case map[string]any:
		for _, element := range value {
			if !known(element) {
				return false
			}
		}
		return true
	case time.Time:
		return false
	}
	panic(fmt.Sprintf("a %T", value))
}

// A decoded message does not refer to the frame, which the connection overwrites.
func TestDecodedIsACopy(t *testing.T) {
	value := []any{int64(1), "a string", []byte("data"), map[string]any{"key": []any{"nested", []byte("deep")}}}
	for _, s := range serializers {
		frame, err := s.encode(value)
		if err != nil {
			t.Fatal(err)
		}
		checkDecodedIsACopy(t, s, frame)
	}
	checkDecodedIsACopy(t, MessagePack, []byte("\x91\xd5\x07ex")) // an extension
}

func checkDecodedIsACopy(t *testing.T, s Serializer, frame []byte) {
	t.Helper()
	want, err := s.decode(bytes.Clone(frame))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.decode(frame)
	for i := range frame {
		frame[i] = '?'
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v %v, which was %v", s.Name(), got, err, want)
	}
}
