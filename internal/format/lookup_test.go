package format

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type base struct{ Number int }

type shape struct {
	base
	Sides  int
	hidden int
	Config map[string]int
	Next   *shape
	Any    any
	Inner  counter
	PtrPtr **counter
	Secret secret
}

func (shape) Name() string               { return "triangle" }
func (*shape) Perimeter() (int, error)   { return 12, nil }
func (*shape) Broken() (int, error)      { return 0, errors.New("it is broken") }
func (*shape) Explode() string           { panic("boom") }
func (*shape) With(int) string           { return "never" }
func (*shape) Some(...int) string        { return "never" }
func (*shape) Two() (int, int)           { return 1, 2 }
func (*shape) Nothing()                  {}
func (*shape) Err() error                { return errors.New("an error as a value") }
func (s *shape) Self() *shape            { return s }
func (*shape) Cyclic() string            { panic(cyclicSlice()) }
func (*shape) Nil() any                  { return nil }
func (s *shape) Deep() map[string]*shape { return map[string]*shape{"k": s} }

type counter struct{ N int }

func (c *counter) Count() int { return c.N }

type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("REDACTED") }

type person struct{ First, Last string }

func (p person) LogValue() slog.Value {
	return slog.GroupValue(slog.String("first", p.First), slog.Any("last", secret(p.Last)))
}

type coded struct{ Code int }

func (coded) Error() string        { return "an error" }
func (coded) LogValue() slog.Value { return slog.StringValue("not its text") }

type endless struct{}

func (endless) LogValue() slog.Value { return slog.AnyValue(endless{}) }

type explosive struct{}

func (explosive) LogValue() slog.Value { panic("no value") }

type key string
type index uint8

func (index) Method() string { return "method of a key type" }

type registry map[string]string

func (registry) Len() int { return 99 }

func TestLookup(t *testing.T) {
	c := &counter{7}
	s := &shape{base: base{3}, Sides: 3, hidden: 1, Config: map[string]int{"foo": 1, "Bar": 2}, Inner: counter{5}, PtrPtr: &c, Secret: "x"}
	s.Next, s.Any = s, s
	var nilShape *shape
	var nilMap map[string]int
	type loop *loop
	var round loop
	round = &round
	lookup := values(map[string]any{
		"what": s, "value": *s, "nil": nilShape, "nilMap": nilMap, "null": nil, "round": round,
		"l": []any{1, "two", []int{3, 4}}, "arr": [2]string{"a", "b"}, "s": "naïve", "bytes": []byte("hi"), "bad": "\xffb",
		"keys": map[key]int{"a": 1}, "ints": map[int]string{3: "three", -1: "minus"}, "bytesKeys": map[index]string{3: "three"},
		"mixed": map[any]any{"a": 1, key("k"): 2, 3: "three", uint8(4): "four", nil: 0}, "both": map[any]any{int8(1): "int8", int16(1): "int16", "1": "text"},
		"registry": registry{"len": "a key", "Name": "upper"}, "errs": []error{errors.New("one"), nil},
		"group": slog.GroupValue(slog.Int("a", 1), slog.Group("g", slog.String("b", "two")), slog.Any("p", person{"Ada", "L."})),
		"attrs": []slog.Attr{slog.Int("a", 1)}, "wrapped": []slog.Value{slog.IntValue(5), slog.AnyValue(s)},
		"person": person{"Ada", "L."}, "people": map[string]any{"ada": person{"Ada", "L."}}, "secret": secret("x"),
		"coded":   coded{4},
		"codes":   []slog.Value{slog.AnyValue(coded{5})},
		"endless": endless{}, "explosive": explosive{}, "d": 90 * time.Second, "when": time.Date(2016, 1, 21, 1, 2, 3, 0, time.UTC),
		"floats": []float32{0.1},
	})
	for _, c := range []struct{ format, want, err string }{
		{"{what.Sides}{what.sides}{what[sides]}{value.sides}", "3333", ""},
		{"{what.config[foo]}{what.config.foo}{what.Config[bar]}{what.number}{what.base}", "", `has no part "base"`},
		{"{what.config[foo]}{what.config.foo}{what.Config[bar]}{what.number}", "1123", ""},
		{"{what.name} {value.name} {what.perimeter} {what.err}", "triangle triangle 12 an error as a value", ""},
		{"{what.next.any.self.deep[k].sides}", "3", ""},
		{"{what.inner.count} {what.ptrPtr.count} {what.ptrPtr.n}", "5 7 7", ""},
		{"{value.inner.count}", "", `a value of type format.counter has no part "count"`},
		{"{what.nil}", "<nil>", ""},
		{"{what.nil.x}", "", `nil has no part "x"`},
		{"{what.secret} {secret} {secret:>10} {secret!s:.3} {secret!r}", `REDACTED REDACTED   REDACTED RED "REDACTED"`, ""},
		{"{what.hidden}", "", `a value of type *format.shape has no part "hidden"`},
		{"{what.with}", "", `has no part "with"`},
		{"{what.some}", "", `has no part "some"`},
		{"{what.two}", "", `has no part "two"`},
		{"{what.nothing}", "", `has no part "nothing"`},
		{"{what.perimeter.x}", "", `a value of type int has no part "x"`},
		{"{what.broken}", "", "the method Broken failed: it is broken"},
		{"{what.explode}", "", "the method Explode panicked: boom"},
		{"{what.cyclic}", "", "the method Cyclic panicked: [1 ...]"},
		{"{what.config[nope]}", "", `a value of type map[string]int has no part "nope"`},
		{"{nil.sides}", "", `a nil *format.shape has no part "sides"`},
		{"{nil.name}", "", "the method Name panicked"},
		{"{nil.perimeter} {nil}", "12 <nil>", ""},
		{"{nilMap[x]}", "", `a value of type map[string]int has no part "x"`},
		{"{null}", "<nil>", ""},
		{"{null.x}", "", `nil has no part "x"`},
		{"{round.x}", "", "contains itself"},

		{"{l[0]}{l[1]}{l[2][1]}{arr[1]}", "1two4b", ""},
		{"{l[3]}", "", "the index 3 is out of range: there are 3 elements"},
		{"{arr[2]}", "", "the index 2 is out of range"},
		{"{l[-1]}", "", `has no part "-1"`},
		{"{l[x]}", "", `has no part "x"`},
		{"{l.0}", "", `has no part "0"`},
		{"{s[2]}{s[4]}{bytes[0]}{bad[1]}", "ïe104b", ""},
		{"{s[5]}", "", "the index 5 is out of range of the string"},
		{"{s[99]}", "", "the index 99 is out of range of the string"},
		{"{s[x]}", "", `has no part "x"`},

		{"{keys[a]}{keys.a}{ints[3]}{bytesKeys[3]}", "11threethree", ""},
		{"{keys[b]}", "", `has no part "b"`},
		{"{ints[4]}", "", `has no part "4"`},
		{"{ints[-1]}", "", `has no part "-1"`},
		{"{bytesKeys[259]}", "", `has no part "259"`},
		{"{mixed[a]}{mixed[k]}{mixed[3]}{mixed[4]}", "12threefour", ""},
		{"{mixed[5]}", "", `has no part "5"`},
		{"{both[1]}", "text", ""},
		{"{registry.len} {registry.Len} {registry.name}", "a key 99 upper", ""},
		{"{errs[0]} {errs[1]}", "one <nil>", ""},

		{"{group.a}{group[a]}{group.g.b}{group.p.first}", "11twoAda", ""},
		{"{group.x}", "", `has no part "x"`},
		{"{group}", "[a=1 g=[b=two] p=[first=Ada last=REDACTED]]", ""},
		{"{group:>50}", "       [a=1 g=[b=two] p=[first=Ada last=REDACTED]]", ""},
		{"{group:d}", "", "Unknown format code 'd' for object of type 'group'"},
		{"{attrs[a]}{wrapped[0]}{wrapped[1].sides}", "153", ""},
		{"{person.first} {person.last} {people[ada].first}", "Ada REDACTED Ada", ""},
		{"{person.First}", "", `has no part "First"`},
		{"{coded} {coded.code} {codes[0].code}", "an error 4 5", ""},
		{"{endless}", "...", ""},
		{"{endless.x}", "", "has no part"},
		{"{explosive}", "", "the method LogValue panicked: no value"},
		{"{explosive.x}", "", "the method LogValue panicked: no value"},
		{"{d.seconds} {d} {when.year} {when.year:06d} {when:>10}", "90 1m30s 2016 002016 2016-01-21 01:02:03 +0000 UTC", ""},
		{"{floats[0]}", "0.1", ""},
	} {
		expect(t, c.format, lookup, c.want, c.err)
	}
}

// TestEmbeddedNil checks fields and methods of an embedded nil pointer.
func TestEmbeddedNil(t *testing.T) {
	type outer struct{ *counter }
	type Counter counter
	type exported struct{ *Counter }
	lookup := values(map[string]any{"a": outer{}, "b": exported{}})
	expect(t, "{a.n}", lookup, "", `the field "N" is in an embedded pointer that is nil`)
	expect(t, "{a.count}", lookup, "", "the method Count panicked")
	expect(t, "{b.n}", lookup, "", `the field "N" is in an embedded pointer that is nil`)
}

// TestLookupWork checks that searching the keys of a map or the characters of a text
// counts against the limits.
func TestLookupWork(t *testing.T) {
	m := map[any]int{}
	for i := range 2000 {
		m[i] = i
	}
	f := ""
	for i := range 600 {
		f += fmt.Sprintf("{m[%d]}", i)
	}
	expect(t, f, values(map[string]any{"m": m}), "", "the values are too large to print")
	text := values(map[string]any{"s": fmt.Sprintf("%200000d", 7)})
	expect(t, strings.Repeat("{s[199999]}", 5), text, "77777", "")
	expect(t, strings.Repeat("{s[199999]}", 6), text, "", "the values are too large to print")
	expect(t, "{m[1999]}", values(map[string]any{"m": m}), "1999", "")
}
