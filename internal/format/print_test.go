package format

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio/internal/logvalue"
)

func cyclicSlice() []any {
	s := []any{1, nil}
	s[1] = s
	return s
}

type bomb struct{ A int }

func (bomb) String() string { panic("boom") }

type errorBomb struct{ A int }

func (*errorBomb) Error() string { panic(errors.New("boom")) }

type formatBomb struct{}

func (formatBomb) Format(fmt.State, rune) { panic("boom") }

type syntaxBomb struct{}

func (syntaxBomb) GoString() string { panic("boom") }

type innocent struct{ Text string }

func (i innocent) String() string { return i.Text }

type tree []tree

// TestPlain checks that a value prints as %v without a specification, and as %#v with
// !r.
func TestPlain(t *testing.T) {
	n := 5
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	for _, x := range []any{
		ring, []*node{ring},
		nil, 1, int8(-1), uint(7), uint8(8), uintptr(9), "text", "", true, false, 'x',
		0.0, math.Copysign(0, -1), 1.0, 1e6, 123456789.0, 1e20, 1e21, 1e-4, 1e-5, math.Pi, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64,
		complex(1, -2), 90 * time.Second, time.Duration(0), time.Unix(0, 0), time.Date(3000, 1, 2, 3, 4, 5, 6, time.UTC), time.Time{},
		[]int{1, 2}, [2]bool{true}, []string(nil), map[string]int{"b": 1, "a": 2}, map[string]int(nil),
		struct {
			A int
			b string
			c any
		}{1, "b", []any{1}},
		&struct{ A []int }{[]int{1}}, &[]int{1}, &map[string]int{"a": 1}, []*int{nil}, &n,
		errors.New("an error"), fmt.Errorf("wrapped: %w", errors.New("error")), innocent{"text"}, []any{innocent{"a"}, nil, 1.5, "x"},
		big.NewInt(5), *big.NewInt(6), (*big.Int)(nil), big.NewFloat(1.5), big.NewRat(1, 2), (*errorBomb)(nil),
		color(1), []color{0, 1}, kilograms(1e10), reflect.ValueOf(n), reflect.ValueOf([]int{1}), reflect.TypeFor[int](),
		slog.Int("a", 1), []slog.Value{slog.IntValue(1)}, map[any]any{1: 2, "a": "b"}, make(chan int), func() {}, struct{}{}, tree{{}, {{}}},
	} {
		expect(t, "{x}", values(map[string]any{"x": x}), fmt.Sprint(slog.AnyValue(x).Any()), "")
		expect(t, "{x!s}", values(map[string]any{"x": x}), fmt.Sprint(slog.AnyValue(x).Any()), "")
		// slog's own types print the value they hold.
		if syntax := fmt.Sprintf("%#v", slog.AnyValue(x).Any()); !strings.Contains(syntax, "PANIC") && !strings.Contains(syntax, "slog.") {
			expect(t, "{x!r}", values(map[string]any{"x": x}), syntax, "")
		}
	}
}

// TestEndless prints values that contain themselves. fmt would overflow the stack on
// them and end the program.
func TestEndless(t *testing.T) {
	slice := cyclicSlice()
	table := map[string]any{}
	table["self"] = table
	self := tree{nil}
	self[0] = self
	var face any
	face = []any{&face}
	type record struct {
		Any  any
		Attr slog.Attr
	}
	inAttr := &record{}
	inAttr.Attr = slog.Any("x", inAttr)
	attrs := []slog.Attr{{}}
	attrs[0] = slog.Attr{Key: "k", Value: slog.GroupValue(attrs...)}
	pointer := &slog.Value{}
	*pointer = slog.AnyValue(pointer)
	attr := &slog.Attr{}
	attr.Value = slog.AnyValue(attr)
	deep := any(1)
	for range maxDepth * 2 {
		deep = []any{deep}
	}
	x := map[string]any{
		"slice": slice, "table": table, "tree": self, "struct": record{Any: slice}, "ptr": &record{Any: slice},
		"inAttr": inAttr, "attr": slog.Any("k", slice), "attrs": attrs, "ptrAttr": attr, "ptrValue": pointer, "deep": deep,
		"reflect": reflect.ValueOf(slice), "keys": map[any]int{[1]any{table["self"] != nil}: 1, &slice: 2}, "hidden": struct{ a any }{slice},
		"values": []slog.Value{slog.AnyValue(slice)}, "group": slog.GroupValue(slog.Any("k", slice)), "array": [1]any{slice},
	}
	for name := range x {
		if name == "keys" {
			continue // pointers are not followed
		}
		for _, f := range []string{"{" + name + "}", "{" + name + ":>10}", "{" + name + "!r}"} {
			if out, err := render(t, f, values(x)); err != nil || !strings.Contains(f, "!r") && !strings.Contains(out, "...") || len(out) > 10_000 {
				t.Errorf("%s: %.1000q, %v", f, out, err)
			}
		}
	}
	expect(t, "{slice} {table} {ptr}", values(x), "[1 ...] map[self:...] map[Any:[1 ...] Attr:=<nil>]", "")
	for _, f := range []string{"{keys}", "{face}"} {
		x["face"] = face
		if out, err := render(t, f, values(x)); err != nil || !strings.Contains(out, "0x") {
			t.Errorf("%q: %q, %v", f, out, err)
		}
	}
}

// TestVast prints small values that contain many others.
func TestVast(t *testing.T) {
	wide := any("leaf")
	for range 40 {
		wide = []any{wide, wide}
	}
	attrs := []slog.Attr{slog.Int("k", 1)}
	for range 40 {
		attrs = []slog.Attr{{Key: "k", Value: slog.GroupValue(attrs...)}, {Key: "k", Value: slog.GroupValue(attrs...)}}
	}
	large := new(big.Int).Lsh(big.NewInt(1), logvalue.MaxBits-1)
	x := values(map[string]any{
		"wide": wide, "attrs": attrs, "zeroes": [1 << 30]struct{}{}, "bytes": make([]byte, maxOutput+1), "text": []string{strings.Repeat("x", maxOutput)},
		"half": strings.Repeat("x", maxOutput/2), "halves": innocent{strings.Repeat("x", maxOutput*3/4)}, "big": large, "bigs": []*big.Int{large, large, large, large, large, large, large, large, large}, "stringer": innocent{strings.Repeat("x", maxOutput+1)},
	})
	for _, f := range []string{"{wide}", "{wide!r}", "{wide:5}", "{zeroes}", "{zeroes!r}", "{attrs}"} {
		if out, err := render(t, f, x); err != nil || !strings.Contains(out, "...") || len(out) > maxOutput {
			t.Errorf("%s: %d bytes, %v", f, len(out), err)
		}
	}
	for _, f := range []string{strings.Repeat("{half!s:.1}", 3), strings.Repeat("{halves:.1}", 2)} {
		expect(t, f, x, "", "the values are too large to print")
	}
	for _, f := range []string{"{stringer}", "{bytes}", "{text}"} {
		expect(t, f, x, "", "the formatted text is longer")
	}
}

func TestPanics(t *testing.T) {
	x := values(map[string]any{
		"string": bomb{}, "error": &errorBomb{}, "format": formatBomb{}, "syntax": syntaxBomb{},
		"strings": []bomb{{}}, "errors": map[string]error{"a": &errorBomb{}}, "formats": []any{1, formatBomb{}}, "field": struct{ A bomb }{},
		"reflect": reflect.ValueOf(bomb{}), "group": slog.GroupValue(slog.Any("k", bomb{})), "groupValuer": slog.GroupValue(slog.Any("k", explosive{})),
		"innocent": innocent{"%!v(PANIC=String method: boom)"}, "texts": []string{"%!v(PANIC=String method: boom)"}, "mixed": []any{innocent{"a"}, "v(PANIC=x"},
		"hidden": struct{ a bomb }{bomb{3}},
	})
	for _, c := range []struct{ format, want, err string }{
		{"{string}", "", "the method String panicked: boom"},
		{"{string:>5}", "", "the method String panicked: boom"},
		{"{string!s}", "", "the method String panicked: boom"},
		{"{string!r}", "format.bomb{A:0}", ""},
		{"{error}", "", "the method Error panicked: boom"},
		{"{format}", "", "the method Format panicked: boom"},
		{"{format!r}", "", "the method Format panicked: boom"},
		{"{syntax!r}", "", "the method GoString panicked: boom"},
		{"{syntax!a:5}", "", "the method GoString panicked: boom"},
		{"{syntax}", "{}", ""},
		{"{strings}", "", "the method String panicked: boom"},
		{"{errors}", "", "the method Error panicked: boom"},
		{"{formats}", "", "the method Format panicked: boom"},
		{"{field}", "", "the method String panicked: boom"},
		{"{reflect}", "", "the method String panicked: boom"},
		{"{group}", "", "the method String panicked: boom"},
		{"{groupValuer}", "", "the method LogValue panicked: no value"},
		{"{hidden}", "{{3}}", ""},
		{"{innocent}", "%!v(PANIC=String method: boom)", ""},
		{"{texts}", "[%!v(PANIC=String method: boom)]", ""},
		{"{mixed}", "[a v(PANIC=x]", ""},
	} {
		expect(t, c.format, x, c.want, c.err)
	}
}
