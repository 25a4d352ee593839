package logvalue

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// TestAttrs checks slog's rules.
func TestAttrs(t *testing.T) {
	for _, c := range []struct {
		attrs []slog.Attr
		want  string
	}{
		{nil, "[]"},
		{[]slog.Attr{{}, slog.Int("a", 1), slog.Any("", nil), slog.Int("", 2)}, "[a=1 =2]"},
		{[]slog.Attr{slog.Group("g"), slog.Group("g", slog.Group("h"), slog.Attr{})}, "[]"},
		{[]slog.Attr{slog.Group("", slog.Int("a", 1), slog.Group("", slog.Int("b", 2))), slog.Group("g", slog.Int("c", 3))}, "[a=1 b=2 g=[c=3]]"},
		{[]slog.Attr{slog.Int("a", 1), slog.Int("b", 2), slog.Int("a", 3), slog.Group("g", slog.Int("c", 1), slog.Int("c", 2))}, "[b=2 a=3 g=[c=2]]"},
		{[]slog.Attr{slog.Any("v", valuer{slog.GroupValue(slog.Any("w", valuer{slog.IntValue(1)}))})}, "[v=[w=1]]"},
		{[]slog.Attr{slog.Any("e", errorValuer{})}, "[e=message]"},
	} {
		if got := fmt.Sprint(new(Walk).Attrs(nil, c.attrs)); got != c.want {
			t.Errorf("%v: %s, want %s", c.attrs, got, c.want)
		}
	}
	before := []slog.Attr{slog.Int("a", 0)}
	if got := fmt.Sprint(new(Walk).Attrs(before, []slog.Attr{slog.Int("a", 1)})); got != "[a=0 a=1]" {
		t.Errorf("what was there became %s", got)
	}
	var many []slog.Attr
	for i := range 1000 {
		many = append(many, slog.Int(fmt.Sprint(i%300), i))
	}
	if got := new(Walk).Attrs(nil, many); len(got) != 300 || got[0].Value.Int64() != 700 || got[299].Value.Int64() != 999 {
		t.Errorf("%d attributes: %v", len(got), got)
	}
}

type valuer struct{ value slog.Value }

func (v valuer) LogValue() slog.Value { return v.value }

type errorValuer struct{}

func (errorValuer) Error() string        { return "message" }
func (errorValuer) LogValue() slog.Value { return slog.StringValue("details") }

// TestUnchanged checks that a value that can be logged is left unchanged.
func TestUnchanged(t *testing.T) {
	type plain struct {
		A int
		B []string
		C *plain
		d any
	}
	err := errors.New("boom")
	for _, x := range []any{
		1, "text", true, nil, []int{1}, []string{"a"}, map[string]int{"a": 1}, map[int]any{1: nil}, &plain{1, nil, &plain{}, make(chan int)}, err, []byte{0xff},
		json.Number("1"), json.RawMessage(`{}`), [2]bool{}, struct{}{}, reflect.TypeFor[int](), []any{1, []any{"a"}},
	} {
		w := new(Walk)
		if got := w.Value(slog.AnyValue(x), false); !reflect.DeepEqual(got.Any(), slog.AnyValue(x).Any()) || w.Err != nil {
			t.Errorf("%#v became %#v, %v", x, got.Any(), w.Err)
		}
	}
}

// TestErrors checks that an error resolves to its details as an attribute, and is its
// message inside another value.
func TestErrors(t *testing.T) {
	if got := new(Walk).Value(slog.AnyValue(errorValuer{}), false).String(); got != "details" {
		t.Errorf("%q", got)
	}
	if got := fmt.Sprint(new(Walk).Value(slog.AnyValue([]error{errorValuer{}}), false)); got != "[message]" {
		t.Errorf("%q", got)
	}
	w := new(Walk)
	v := w.Value(slog.AnyValue(valuer2{}), false)
	if _, panicked := v.Any().(*PanicError); !panicked || w.Err == nil || !strings.Contains(v.String(), "LogValue") {
		t.Errorf("%v, %v", v, w.Err)
	}
}

type valuer2 struct{}

func (valuer2) LogValue() slog.Value { panic("boom") }

// TestBudget checks that the parts of one entry share its limits.
func TestBudget(t *testing.T) {
	w := new(Walk)
	if s, cut := w.String(strings.Repeat("é", maxText/2-1)); cut || len(s) != maxText-2 {
		t.Errorf("%d bytes, cut %v", len(s), cut)
	}
	if s, cut := w.String("aéb"); !cut || s != "a..." {
		t.Errorf("%q, %v", s, cut)
	}
	if s, cut := w.String("more"); !cut || s != "..." {
		t.Errorf("%q, %v", s, cut)
	}
	if w.Spend(1) {
		t.Error("there is something left")
	}
	list := make([]string, maxElements+10)
	if got := new(Walk).Value(slog.AnyValue(list), false).Any().([]any); len(got) > maxElements+1 || got[len(got)-1] != cut {
		t.Errorf("%d elements", len(got))
	}
}

// A value in an attribute in a value is as deep as it is, though its text begins
// anew.
func TestDepthOfTexts(t *testing.T) {
	var nested any = "leaf"
	for range 2 * maxDepth {
		nested = []any{slog.Any("a", nested)}
	}
	if n := strings.Count(Sprint(nested), "a="); n < maxDepth-1 || n > maxDepth+1 {
		t.Errorf("%d levels, not %d", n, maxDepth)
	}
}

type panicking struct{ A int }

func (panicking) String() string               { panic("boom") }
func (panicking) MarshalText() ([]byte, error) { panic("boom") }

type onlyMarshals struct{ A int }

func (onlyMarshals) MarshalText() ([]byte, error) { panic("boom") }

type syntax struct{}

func (syntax) GoString() string { return "syntax{}" }

// TestAppend checks which methods Append calls, and that a panic is an error.
func TestAppend(t *testing.T) {
	const boom = "the method String panicked: boom"
	loop := []any{1, nil}
	loop[1] = loop
	for _, c := range []struct {
		x               any
		value, asSyntax string
		err             string // of %v
	}{
		{1, "1", "1", ""},
		{syntax{}, "{}", "syntax{}", ""},
		{[]any{syntax{}}, "[{}]", "[]interface {}{syntax{}}", ""},
		{onlyMarshals{7}, "{7}", "logvalue.onlyMarshals{A:7}", ""},
		{panicking{7}, boom, "logvalue.panicking{A:7}", boom},
		{[]any{panicking{7}}, "[" + boom + "]", "[]interface {}{logvalue.panicking{A:7}}", boom},
		{(*panicking)(nil), "<nil>", "(*logvalue.panicking)(nil)", ""},
		{errorValuer{}, "message", "logvalue.errorValuer{}", ""},
		{loop, "[1 ...]", `[]interface {}{1, "..."}`, ""},
	} {
		w := &Walk{Text: true}
		value, err := w.Append(nil, "%v", c.x)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if string(value) != c.value || text != c.err {
			t.Errorf("%T: %s, %q, want %s, %q", c.x, value, text, c.value, c.err)
		}
		if syntax, err := new(Walk).Append(nil, "%#v", c.x); string(syntax) != c.asSyntax || err != nil {
			t.Errorf("%T: %s, %v, want %s", c.x, syntax, err, c.asSyntax)
		}
	}
}
