package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio/internal/logvalue"
)

// LookupFunc is a function that implements Values.
type LookupFunc func(name string) (slog.Value, bool)

// Lookup implements [Values].
func (f LookupFunc) Lookup(name string) (slog.Value, bool) { return f(name) }

// values is a LookupFunc over a map.
func values(m map[string]any) LookupFunc {
	return func(name string) (slog.Value, bool) {
		v, ok := m[name]
		return slog.AnyValue(v), ok
	}
}

// render formats values and checks that Append keeps dst.
func render(t testing.TB, format string, lookup LookupFunc) (string, error) {
	t.Helper()
	tmpl, err := Parse(format)
	if err != nil {
		return "", err
	}
	out, err := tmpl.Append([]byte("before "), lookup, new(logvalue.Walk))
	text, ok := strings.CutPrefix(string(out), "before ")
	if !ok || err != nil && text != "" {
		t.Errorf("%q: Append made %q of what it was given to append to", format, out)
	}
	return text, err
}

// expect checks a text, or an error that contains wantErr.
func expect(t *testing.T, format string, lookup LookupFunc, want, wantErr string) {
	t.Helper()
	got, err := render(t, format, lookup)
	switch {
	case wantErr == "" && err != nil:
		t.Errorf("%.200q: error %q, want %q", format, err, want)
	case wantErr == "" && got != want:
		t.Errorf("%.200q: %q, want %q", format, got, want)
	case wantErr != "" && err == nil:
		t.Errorf("%.200q: %q, want the error %q", format, got, wantErr)
	case wantErr != "" && !strings.Contains(err.Error(), wantErr):
		t.Errorf("%.200q: error %q, want %q", format, err, wantErr)
	}
}

// TestPython compares texts with the results of Python's str.format.
func TestPython(t *testing.T) {
	file, err := os.Open("testdata/format.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		var c struct {
			ID, Format string
			Args       map[string]any
			Want       *string
			Error      string
		}
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&c); err != nil {
			t.Fatal(err)
		}
		got, err := render(t, c.Format, values(numbers(t, c.Args).(map[string]any)))
		switch {
		case c.Want != nil && (err != nil || got != *c.Want):
			t.Errorf("%s %q %v: %q, %v, want %q", c.ID, c.Format, c.Args, got, err, *c.Want)
		case c.Want == nil && err == nil:
			t.Errorf("%s %q %v: %q, want a %s", c.ID, c.Format, c.Args, got, c.Error)
		}
	}
	if count != 600 {
		t.Errorf("%d cases, want 600", count)
	}
}

// numbers converts JSON numbers as Python does.
func numbers(t *testing.T, v any) any {
	var err error
	switch x := v.(type) {
	case json.Number:
		if strings.ContainsAny(x.String(), ".eE") {
			v, err = x.Float64()
		} else {
			v, err = x.Int64()
		}
	case []any:
		for i := range x {
			x[i] = numbers(t, x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = numbers(t, x[k])
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSyntax(t *testing.T) {
	lookup := values(map[string]any{
		"n": 5, "w": 8, "p": 2, "x": 1.5, "s": "naïve", "empty": "", "fill": "*<",
		"l": []any{1, 2, 3},
		"d": map[string]any{"k": "v", "a:b": 1, "a!b": 2, "a.b": 3, "a[b": 4, "}": 6, "{}": 7, "]": 8},
	})
	for _, c := range []struct{ format, want, err string }{
		{"", "", ""},
		{"{{}}", "{}", ""},
		{"{{{n}}}", "{5}", ""},
		{"a{n}b{n}c", "a5b5c", ""},
		{"{n:}", "5", ""},
		{"{n!s}{n!s:}{n!s:3}|", "555  |", ""},
		{"{s!r} {s!a} {n!r}", `"naïve" "na\u00efve" 5`, ""},
		{"{s!r:>10}", `   "naïve"`, ""},
		{"{d[a:b]}{d[a!b]}{d[a.b]}{d[a[b]}{d[}]}{d[{}]}", "123467", ""},
		{"{l[00]}{l[2]}", "13", ""},
		{"{n:{w}}|{n:>{w}}|{n:{w}{w}}|{n:{fill}{w}}", "       5|       5|" + strings.Repeat(" ", 87) + "5|5*******", ""},
		{"{x:{w}.{p}f}", "    1.50", ""},
		{"{n:{empty}}", "5", ""},
		{"{n:{w!r}}{n:{w:d}}", "       5       5", ""},

		{"{", "", "Single '{' encountered in format string"},
		{"a}b", "", "Single '}' encountered in format string"},
		{"}", "", "Single '}' encountered in format string"},
		{"{n:d}}", "", "Single '}' encountered in format string"},
		{"{n", "", "expected '}' before end of string"},
		{"{n[}", "", "expected '}' before end of string"},
		{"{n{w}}", "", "unexpected '{' in field name"},
		{"{n:", "", "unmatched '{' in format spec"},
		{"{n:{w}", "", "unmatched '{' in format spec"},
		{"{n!r", "", "unmatched '{' in format spec"},
		{"{n!}", "", "unmatched '{' in format spec"},
		{"{n!", "", "end of string while looking for conversion specifier"},
		{"{n!rr}", "", "expected ':' after conversion specifier"},
		{"{n!x}", "", "Unknown conversion specifier x"},
		{"{n!é}", "", `Unknown conversion specifier \xe9`},
		{"{n.}", "", "Empty attribute in format string"},
		{"{n..a}", "", "Empty attribute in format string"},
		{"{n[]}", "", "Empty attribute in format string"},
		{"{l[0]x}", "", "Only '.' or '[' may follow ']' in format field specifier"},
		{"{d[]]}", "", "Empty attribute in format string"},
		{"{l[99999999999999999999]}", "", "Too many decimal digits in format string"},
		{"{99999999999999999999}", "", "Too many decimal digits in format string"},
		{"{n:{w:{p}}}", "", "Max string recursion exceeded"},
		{"{n:{w:{{}}}}", "", "Max string recursion exceeded"},
		{"{}", "", "Replacement index 0 out of range"},
		{"{:>3}", "", "Replacement index 0 out of range"},
		{"{3}", "", "Replacement index 3 out of range"},
		{"{.a}", "", "Replacement index 0 out of range"},
		{"{n:{}}", "", "Replacement index 0 out of range"},
		{"{missing}", "", `there is no value named "missing"`},
		{"{ n }", "", `there is no value named " n "`},
		{"{n:{missing}}", "", `there is no value named "missing"`},
		{"{n:{{w}}}", "", "Invalid format specifier '{w}' for object of type 'int'"},
		{"{n:!r}", "", "Invalid format specifier '!r' for object of type 'int'"},
	} {
		expect(t, c.format, lookup, c.want, c.err)
	}
}

type kilograms float64

type color int

func (c color) String() string { return [...]string{"red", "green"}[c] }

func TestSpecifications(t *testing.T) {
	wide, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	huge := new(big.Int).Lsh(big.NewInt(1), 1025)
	vast := new(big.Int).Lsh(big.NewInt(1), logvalue.MaxBits+1)
	lookup := values(map[string]any{
		"n": 1234567, "m": -42, "u": uint64(math.MaxUint64), "min": int64(math.MinInt64), "wide": wide, "huge": huge, "vast": vast, "number": json.Number(vast.String()), "wideValue": *wide, "little": big.NewInt(-7),
		"x": 1234.5678, "small": -0.0001, "ten": 1e10, "e16": 1e16, "f32": []float32{0.1}, "inf": math.Inf(-1), "nan": math.NaN(), "max": math.MaxFloat64,
		"b": true, "s": "日本語", "bad": "a\xff\xfeb", "d": 1500 * time.Millisecond, "kg": kilograms(2.5), "color": color(1),
		"l": []int{1, 2}, "t": struct{ A int }{1}, "null": nil,
	})
	for _, c := range []struct{ format, want, err string }{
		{"{n:d}|{n:,}|{n:_}|{n:+}|{n: }|{m:+}", "1234567|1,234,567|1_234_567|+1234567| 1234567|-42", ""},
		{"{n:b}|{n:o}|{n:x}|{n:X}|{n:#x}|{n:#X}|{m:#b}|{m:#o}", "100101101011010000111|4553207|12d687|12D687|0x12d687|0X12D687|-0b101010|-0o52", ""},
		{"{n:_b}|{n:_x}", "1_0010_1101_0110_1000_0111|12_d687", ""},
		{"{m:06,}|{m:07,}|{m:#010x}|{m:010_b}", "-0,042|-00,042|-0x000002a|-0010_1010", ""},
		{"{m:*<8}|{m:*>8}|{m:*^8}|{m:*=8}|{m:é^7}", "-42*****|*****-42|**-42***|-*****42|éé-42éé", ""},
		{"{n:c}", "", "%c arg not in range(0x110000)"},
		{"{m:c}", "", "%c arg not in range(0x110000)"},
		{"{wide:c}", "", "%c arg not in range(0x110000)"},
		{"{u:d}|{u:x}|{min:d}|{min:,}", "18446744073709551615|ffffffffffffffff|-9223372036854775808|-9,223,372,036,854,775,808", ""},
		{"{wide:,}|{wide:x}|{wide:.3e}|{wideValue:d}", "123,456,789,012,345,678,901,234,567,890|18ee90ff6c373e0ee4e3f0ad2|1.235e+29|123456789012345678901234567890", ""},
		{"{little:04d}|{little:.1f}", "-007|-7.0", ""},
		{"{huge:e}", "", "int too large to convert to float"},
		{"{vast:d}", "", "the integer has more than"},
		{"{vast}", "", "the integer has more than"},
		{"{number:d}", "", "the integer has more than"},
		{"{vast!r}", "", "the integer has more than"},
		{"{n:e}|{n:.2f}|{n:g}|{n:%}", "1.234567e+06|1234567.00|1.23457e+06|123456700.000000%", ""},
		{"{n:s}", "", "Unknown format code 's' for object of type 'int'"},
		{"{n:é}", "", `Unknown format code '\xe9' for object of type 'int'`},
		{"{n:.2}", "", "Precision not allowed in integer format specifier"},
		{"{n:z}", "", "Negative zero coercion (z) not allowed in integer format specifier"},
		{"{n:+c}", "", "Sign not allowed with integer format specifier 'c'"},
		{"{n:#c}", "", "Alternate form (#) not allowed with integer format specifier 'c'"},
		{"{n:,x}", "", "Cannot specify ',' with 'x'."},
		{"{n:_c}", "", "Cannot specify '_' with 'c'."},
		{"{n:,_}", "", "Cannot specify both ',' and '_'."},
		{"{n:_,}", "", "Cannot specify both ',' and '_'."},
		{"{n:,,}", "", "Cannot specify ',' with ','."},
		{"{n:dd}", "", "Invalid format specifier 'dd' for object of type 'int'"},

		{"{x:.2f}|{x:10.1f}|{x:,.2f}|{x:e}|{x:G}|{x:.1%}", "1234.57|    1234.6|1,234.57|1.234568e+03|1234.57|123456.8%", ""},
		{"{x:6}|{x:.3}|{x:.10}|{ten:<12}|{ten:.12}|{e16:5}|{small:9}", "1234.5678|1.23e+03|1234.5678|10000000000.0|10000000000.0|1e+16|  -0.0001", ""},
		{"{x:#.0f}|{x:#.0e}|{ten:#g}|{e16:#}", "1235.|1.e+03|1.00000e+10|1.e+16", ""},
		{"{small:.1f}|{small:z.1f}|{small:z.5f}", "-0.0|0.0|-0.00010", ""},
		{"{inf:6}|{inf:06}|{inf:F}|{nan:+}|{nan:%}|{inf:,}", "  -inf|-00inf|-INF|+nan|nan%|-inf", ""},
		{"{max:%}", "inf%", ""},
		{"{f32[0]}|{f32[0]:5}|{f32[0]:.10f}", "0.1|  0.1|0.1000000015", ""},
		{"{x:012,.1f}|{x:013,.1f}", "00,001,234.6|000,001,234.6", ""},
		{"{x:d}", "", "Unknown format code 'd' for object of type 'float'"},
		{"{x:.}", "", "Format specifier missing precision"},

		{"{s:5}|{s:>5}|{s:^5}|{s:.2}|{s:05}|{s:é>4.1}", "日本語  |  日本語| 日本語 |日本|日本語00|ééé日", ""},
		{"{bad:5}|{bad:.2}", "a\xff\xfeb |a\xff", ""},
		{"{s:d}", "", "Unknown format code 'd' for object of type 'str'"},
		{"{s:+}", "", "Sign not allowed in string format specifier"},
		{"{s: }", "", "Space not allowed in string format specifier"},
		{"{s:z}", "", "Negative zero coercion (z) not allowed in string format specifier"},
		{"{s:#}", "", "Alternate form (#) not allowed in string format specifier"},
		{"{s:=5}", "", "'=' alignment not allowed in string format specifier"},
		{"{s:,}", "", "Cannot specify ',' with 's'."},

		{"{b}|{b:d}|{b:5}|{b:.1f}", "true|1|    1|1.0", ""},
		{"{b:s}", "", "Unknown format code 's' for object of type 'bool'"},
		{"{kg:.3f}|{d:d}|{color:02d}", "2.500|1|01", ""},
		{"{d:>6}|{color:>6}|{color!s:.2}", "  1.5s| green|gr", ""},
		{"{l:>8}|{t:5}|{null:6}|", "   [1 2]|{1}  |<nil> |", ""},
		{"{l:d}", "", "Unknown format code 'd' for object of type '[]int'"},
		{"{l:+}", "", "Sign not allowed in string format specifier"},
		{"{l:dd}", "", "Invalid format specifier 'dd' for object of type '[]int'"},

		{"{n:10001}", "", "the width is larger than 10000"},
		{"{n:99999999999999999999}", "", "the width is larger than 10000"},
		{"{x:.10001f}", "", "the precision is larger than 10000"},
	} {
		expect(t, c.format, lookup, c.want, c.err)
	}
	for _, f := range []string{"{n:10000}", "{x:.9995f}"} {
		if got, err := render(t, f, lookup); err != nil || len(got) != 10000 {
			t.Errorf("%q: %d bytes, %v", f, len(got), err)
		}
	}
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("x", maxOutput)
	lookup := values(map[string]any{"s": long, "longer": long + "x", "n": 1, "group": slog.GroupValue(slog.String("k", long))})
	if got, err := render(t, "{s}", lookup); err != nil || len(got) != maxOutput {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := render(t, "{longer:.3}", lookup); err != nil || got != "xxx" {
		t.Errorf("%q, %v", got, err)
	}
	for _, f := range []string{"{s}{s}", "{s}.", "{longer}", "{longer:s}", "{group}", strings.Repeat("{n:10000}", 105)} {
		expect(t, f, lookup, "", "the formatted text is longer than 1048576 bytes")
	}
	fields := strings.Repeat("{n}", maxFields)
	expect(t, fields, lookup, strings.Repeat("1", maxFields), "")
	expect(t, fields+"{n}", lookup, "", "the format has more than 1000 fields")
	expect(t, "{n:"+fields+"}", lookup, "", "the format has more than 1000 fields")
}

func TestAppendASCII(t *testing.T) {
	in := "aé日😀\xff\n"
	if got, want := string(appendASCII(nil, in)), `a\u00e9\u65e5\U0001f600\xff`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
