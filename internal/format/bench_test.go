package format

import (
	"log/slog"
	"testing"

	"github.com/txaio-go/txaio/internal/logvalue"
)

var hopping = func(name string) (slog.Value, bool) {
	if name == "times" {
		return slog.IntValue(42), true
	}
	return slog.Value{}, false
}

// TestHitPathAllocates checks that a common message allocates nothing.
func TestHitPathAllocates(t *testing.T) {
	dst, walk := make([]byte, 0, 256), new(logvalue.Walk)
	attrs := []slog.Attr{slog.Int("times", 42), slog.String("name", "wombat"), slog.Float64("x", 1.5), slog.Bool("b", true)}
	lookup := LookupFunc(func(name string) (slog.Value, bool) {
		for i := range attrs {
			if attrs[i].Key == name {
				return attrs[i].Value, true
			}
		}
		return slog.Value{}, false
	})
	for _, f := range []string{"Hopping {times} times.", "{name} {x} {b}", "{times:>8} {name:>10}|{times:05d}"} {
		n := testing.AllocsPerRun(100, func() {
			tmpl, err := Cached(f)
			if err == nil {
				_, err = tmpl.Append(dst, lookup, walk)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%q: %v allocations", f, n)
		}
	}
}

func benchmark(b *testing.B, f string, v slog.Value) {
	dst, walk := make([]byte, 0, 256), new(logvalue.Walk)
	lookup := LookupFunc(func(string) (slog.Value, bool) { return v, true })
	b.ReportAllocs()
	for b.Loop() {
		tmpl, err := Cached(f)
		if err == nil {
			_, err = tmpl.Append(dst, lookup, walk)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInt(b *testing.B) {
	benchmark(b, "Hopping {times} times.", slog.IntValue(42))
}

func BenchmarkString(b *testing.B) {
	benchmark(b, "Hello {name}, welcome.", slog.StringValue("wombat"))
}

func BenchmarkIntSpec(b *testing.B) {
	benchmark(b, "{n:>+12,d}", slog.IntValue(1234567))
}

func BenchmarkFloatSpec(b *testing.B) {
	benchmark(b, "{x:.2f}", slog.Float64Value(1234.5678))
}

func BenchmarkField(b *testing.B) {
	benchmark(b, "{what.config[foo]}", slog.AnyValue(struct{ Config map[string]int }{map[string]int{"foo": 1}}))
}

func BenchmarkParallel(b *testing.B) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		dst, walk := make([]byte, 0, 256), new(logvalue.Walk)
		for pb.Next() {
			tmpl, err := Cached("Hopping {times} times.")
			if err == nil {
				_, err = tmpl.Append(dst, LookupFunc(hopping), walk)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMiss(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("Hopping {times} times."); err != nil {
			b.Fatal(err)
		}
	}
}
