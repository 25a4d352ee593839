package format

import (
	"errors"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio/internal/logvalue"
)

// use formats values and checks the rules that hold for all formats and values.
func use(t *testing.T, format string, lookup LookupFunc) {
	tmpl, err := Cached(format)
	if err != nil {
		return
	}
	dst := []byte("before")
	out, err := tmpl.Append(dst, lookup, new(logvalue.Walk))
	if !strings.HasPrefix(string(out), "before") {
		t.Errorf("%q: what was there became %.20q", format, out)
	}
	if err != nil && (len(out) != len(dst) || err.Error() == "") {
		t.Errorf("%q: %d bytes, error %v", format, len(out), err)
	}
	if len(out) > len(dst)+maxOutput {
		t.Errorf("%q: %d bytes", format, len(out))
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{
		"Hopping {times} times.", "{what.config[foo]} {nouns[2]}", "{n:>+#012_x} {x:é^20,.3g} {s:*<9.2}", "{{{n!r:{w}.{p}}}}",
		"{cycle}", "{vast:d}", "{bomb} {error!r} {group.k}", "{what.next.next.sides}", "{n:c}", "{s:\n>3}", "{n!", "{l[", "{x:{x:{x}}}",
		"{big:,} {u:o} {inf:010} {nan:+%} {b:z.1f}", "{keys[3]} {keys.a} {t.year} {d.seconds:.2e}",
	} {
		f.Add(s)
	}
	s := &shape{Sides: 3, Config: map[string]int{"foo": 1}}
	s.Next, s.Any = s, cyclicSlice()
	lookup := values(map[string]any{
		"times": 3, "n": -123456, "w": 12, "p": 3, "u": uint64(math.MaxUint64), "big": new(big.Int).Lsh(big.NewInt(-3), 100), "vast": new(big.Int).Lsh(big.NewInt(1), logvalue.MaxBits+1),
		"x": 1234.5678, "inf": math.Inf(-1), "nan": math.NaN(), "zero": math.Copysign(0, -1), "b": true, "c": complex(1, 2), "e": "e", "f": ".3f",
		"s": "na\u00efve\n\x1b[0m\xff\u202e", "l": []any{1, "two", []any{3, "four"}}, "nouns": []string{"a", "b", "c"}, "what": s, "value": *s, "null": nil, "nil": (*shape)(nil),
		"keys": map[any]any{"a": 1, 3: "three"}, "cycle": cyclicSlice(), "bomb": bomb{}, "error": errors.New("an error"), "explosive": explosive{}, "endless": endless{},
		"group": slog.GroupValue(slog.Int("k", 1), slog.Any("p", person{"Ada", "L."})), "t": time.Unix(1453338123, 0).UTC(), "d": 90 * time.Second, "bytes": []byte("hi\n"),
	})
	f.Fuzz(func(t *testing.T, format string) {
		if len(format) < 4096 {
			use(t, format, lookup)
		}
	})
}

// builder makes values from bytes, including cycles and methods that misbehave.
type builder struct {
	data []byte
	made []any
	left int
}

func (b *builder) next() int {
	if len(b.data) == 0 {
		return 0
	}
	c := b.data[0]
	b.data = b.data[1:]
	return int(c)
}

func (b *builder) text() string {
	n := min(b.next()%8, len(b.data))
	s := string(b.data[:n])
	b.data = b.data[n:]
	return s
}

func (b *builder) value() (v any) {
	if b.left--; b.left < 0 {
		return nil
	}
	switch kind := b.next() % 28; kind {
	case 0:
		return b.next() - 128
	case 1:
		return b.text()
	case 2:
		return float64(b.next()-128) * math.Pow(10, float64(b.next()-128))
	case 3:
		return b.next()%2 == 0
	case 4:
		list := make([]any, b.next()%5)
		b.made = append(b.made, list)
		for i := range list {
			list[i] = b.value()
		}
		return list
	case 5:
		table := map[string]any{}
		b.made = append(b.made, table)
		for range b.next() % 4 {
			table[b.text()] = b.value()
		}
		return table
	case 6:
		table := map[any]any{}
		b.made = append(b.made, table)
		for range b.next() % 4 {
			if k := b.value(); k == nil || reflect.ValueOf(k).Comparable() {
				table[k] = b.value()
			}
		}
		return table
	case 7:
		s := &shape{Sides: b.next()}
		b.made = append(b.made, s)
		s.Any = b.value()
		s.Next, _ = b.value().(*shape)
		return s
	case 8:
		if s, ok := b.value().(*shape); ok && s != nil {
			return *s
		}
		return shape{}
	case 9:
		if len(b.made) > 0 {
			return b.made[b.next()%len(b.made)]
		}
	case 10:
		p := new(any)
		b.made = append(b.made, p)
		*p = b.value()
		return p
	case 11:
		return slog.AnyValue(b.value())
	case 12:
		attrs := make([]slog.Attr, b.next()%4)
		b.made = append(b.made, attrs)
		for i := range attrs {
			attrs[i] = slog.Any(b.text(), b.value())
		}
		return attrs
	case 13:
		return []slog.Attr{{Key: b.text(), Value: slog.AnyValue(b.value())}}[0]
	case 14:
		return reflect.ValueOf(b.value())
	case 15:
		return []any{bomb{}, &errorBomb{}, formatBomb{}, syntaxBomb{}, explosive{}, endless{}, (*shape)(nil), (*errorBomb)(nil)}[b.next()%8]
	case 16:
		return person{b.text(), b.text()}
	case 17:
		return new(big.Int).Lsh(big.NewInt(int64(b.next()-128)), uint(b.next()))
	case 18:
		return []byte(b.text())
	case 19:
		return innocent{b.text()}
	case 20:
		return struct {
			A any
			b any
		}{b.value(), b.value()}
	case 21:
		return [2]any{b.value(), b.value()}
	case 22:
		return time.Duration(b.next()) * time.Millisecond
	case 23:
		return complex(float64(b.next()), 1)
	case 24:
		p := new(slog.Value)
		b.made = append(b.made, p)
		*p = slog.AnyValue(b.value())
		return p
	case 25:
		p := new(slog.Attr)
		b.made = append(b.made, p)
		p.Value = slog.AnyValue(b.value())
		return p
	case 26:
		return map[index]any{index(b.next()): b.value()}
	}
	return nil
}

func FuzzLookup(f *testing.F) {
	for _, seed := range []struct{ data, path string }{
		{"\x04\x02\x00\x05\x09\x00", "[1][1]!r:>9"},
		{"\x05\x01\x01k\x09\x00", "[k].k"},
		{"\x07\x03\x09\x00", ".any.sides:04d"},
		{"\x0c\x02\x01a\x00\x07\x01b\x09\x00", "[b]"},
		{"\x18\x18\x09\x00", ""},
		{"\x19\x09\x00", "!r"},
		{"\x0e\x04\x01\x09\x00", ""},
		{"\x0f\x01", "!a"},
		{"\x06\x01\x01\x01x\x00\x00", "[x]"},
		{"\x10\x03abc\x03\n\n\n", ".last"},
	} {
		f.Add([]byte(seed.data), seed.path)
	}
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		if len(data) > 1024 || len(path) > 256 {
			return
		}
		b := &builder{data: data, left: 200}
		v := slog.AnyValue(b.value())
		lookup := func(string) (slog.Value, bool) { return v, true }
		use(t, "{v"+path+"}", lookup)
		use(t, "{v}", lookup)
	})
}
