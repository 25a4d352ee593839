//go:build deferred || future

package txaio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// recordHandler is a slog handler that keeps its records.
type recordHandler struct {
	mu      sync.Mutex
	level   slog.Level
	records []slog.Record
	handle  func(slog.Record) error
}

func (h *recordHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }
func (h *recordHandler) WithAttrs([]slog.Attr) slog.Handler               { panic("not asked for") }
func (h *recordHandler) WithGroup(string) slog.Handler                    { panic("not asked for") }
func (h *recordHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	h.records = append(h.records, r.Clone())
	h.mu.Unlock()
	if h.handle != nil {
		return h.handle(r)
	}
	return nil
}

// last returns the only record since the last call, and its attributes.
func (h *recordHandler) last(t *testing.T) (slog.Record, map[string]any) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.records = nil }()
	if len(h.records) != 1 {
		t.Fatalf("%d records, want one", len(h.records))
	}
	attrs := make(map[string]any)
	h.records[0].Attrs(func(a slog.Attr) bool {
		if _, twice := attrs[a.Key]; twice {
			t.Errorf("%s is there twice", a.Key)
		}
		attrs[a.Key] = a.Value.Any()
		return true
	})
	return h.records[0], attrs
}

// withSlog sets the global target for a test.
func withSlog(t *testing.T, handler slog.Handler) {
	txaio.SetSlog(handler)
	t.Cleanup(func() { txaio.SetSlog(nil) })
}

func TestSetSlog(t *testing.T) {
	h := &recordHandler{level: -100}
	withSlog(t, h)
	log := txaio.MakeLogger(txaio.WithNamespace("ns"))
	for level, want := range map[txaio.Level]slog.Level{
		txaio.LevelCritical: 12, txaio.LevelError: 8, txaio.LevelWarn: 4, txaio.LevelInfo: 0, txaio.LevelDebug: -4, txaio.LevelTrace: -8,
	} {
		before := time.Now()
		_, _, line, _ := runtime.Caller(0)
		log.Emit(level, "{n} hops", slog.Int("n", 3), slog.String("log_namespace", "forged"))
		r, attrs := h.last(t)
		if r.Level != want || r.Message != "3 hops" || attrs["n"] != int64(3) || attrs["log_namespace"] != "ns" || r.Time.Before(before) {
			t.Errorf("%v: %v with %v", level, r, attrs)
		}
		if _, traced := attrs["txaio_trace"]; traced != (level == txaio.LevelTrace) {
			t.Errorf("%v: txaio_trace is %v", level, traced)
		}
		if source := r.Source(); source == nil || !strings.HasSuffix(source.File, "record_test.go") || source.Line != line+1 {
			t.Errorf("%v: logged at %v", level, source)
		}
	}
	fail := txaio.CreateFailure(errBoom)
	log.Failure(fail, "failed")
	if r, attrs := h.last(t); r.Message != "failed\n"+txaio.FailureFormatTraceback(fail) || attrs["log_failure"] != fail {
		t.Errorf("%v with %v", r, attrs)
	}
	h.level = slog.LevelWarn
	if log.Enabled(txaio.LevelInfo) || !log.Enabled(txaio.LevelWarn) || txaio.GlobalLogLevel() != txaio.LevelWarn {
		t.Error("the handler's level does not count")
	}
	log.Info("below")

	own := &recordHandler{}
	txaio.MakeLogger(txaio.WithSlog(own)).Info("own")
	if r, _ := own.last(t); r.Message != "own" {
		t.Errorf("%v", r)
	}
	if len(h.records) != 0 {
		t.Errorf("%v", h.records)
	}
	r := new(recorder)
	logger := newLogrus(io.Discard)
	logger.AddHook(r)
	txaio.SetLogrus(logger)
	defer txaio.SetLogrus(nil)
	txaio.SetSlog(nil)
	log.Info("back")
	if got := r.last(t).Message; got != "back" {
		t.Errorf("%q", got)
	}
}

// Entries that pass through a logger satisfy slog's rules for handlers.
func TestSlogRules(t *testing.T) {
	var out bytes.Buffer
	withSlog(t, slog.NewJSONHandler(&out, nil))
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return throughLogger{log: txaio.MakeLogger()}
	}, func(t *testing.T) map[string]any {
		got := make(map[string]any)
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(t.Name(), "zero-time") {
			delete(got, "time") // a logger's entries have one
		}
		return got
	})
}

// throughLogger is a slog handler that logs with a logger.
type throughLogger struct {
	log    *txaio.Logger
	groups []string
	attrs  [][]slog.Attr // of each group
}

func (throughLogger) Enabled(context.Context, slog.Level) bool { return true }

func (h throughLogger) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		h.log = h.log.With(attrs...)
		return h
	}
	h.attrs = slices.Clone(h.attrs)
	h.attrs[len(h.groups)-1] = slices.Concat(h.attrs[len(h.groups)-1], attrs)
	return h
}

func (h throughLogger) WithGroup(name string) slog.Handler {
	h.groups, h.attrs = slices.Concat(h.groups, []string{name}), slices.Concat(h.attrs, [][]slog.Attr{nil})
	return h
}

func (h throughLogger) Handle(_ context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	for i, name := range slices.Backward(h.groups) {
		attrs = []slog.Attr{{Key: name, Value: slog.GroupValue(slices.Concat(h.attrs[i], attrs)...)}}
	}
	h.log.Info(r.Message, attrs...)
	return nil
}

// everywhere logs an entry to each kind of target, and returns what each wrote.
func everywhere(t testing.TB, format string, attrs ...slog.Attr) map[string]string {
	t.Helper()
	written := make(map[string]string)
	var out bytes.Buffer
	to := func(name string, opts ...txaio.LoggerOption) {
		out.Reset()
		opts = append(opts, txaio.WithNamespace("ns"), txaio.WithLevel(txaio.LevelTrace))
		txaio.MakeLogger(opts...).Info(format, attrs...)
		written[name] = out.String()
	}
	to("logrus text", txaio.WithLogrus(newLogrus(&out)))
	logger := newLogrus(&out)
	logger.SetFormatter(&logrus.JSONFormatter{})
	to("logrus JSON", txaio.WithLogrus(logger))
	to("slog text", txaio.WithSlog(slog.NewTextHandler(&out, nil)))
	to("slog JSON", txaio.WithSlog(slog.NewJSONHandler(&out, nil)))
	for name, opts := range map[string][]txaio.StartOption{"lines": nil, "details": {txaio.LogDetails()}, "JSON lines": {txaio.LogJSON()}} {
		bridge, stop := txaio.StartForTest(&out, opts...)
		to(name)
		out.Reset()
		slog.New(bridge).LogAttrs(context.Background(), slog.LevelError, format, attrs...)
		written["bridge "+name] = out.String()
		stop()
	}
	return written
}

// wantEverywhere checks that each target wrote one entry that contains parts.
func wantEverywhere(t *testing.T, written map[string]string, parts ...string) {
	t.Helper()
	for name, text := range written {
		wantOneEntry(t, name, text)
		for _, part := range parts {
			if strings.HasSuffix(name, "JSON") || strings.Contains(name, "JSON") {
				part = strings.ReplaceAll(part, `"`, `\"`)
			}
			if !strings.Contains(text, part) && name != "lines" && name != "details" {
				t.Errorf("%s: %.1000q does not have %q", name, text, part)
			}
		}
	}
}

func wantOneEntry(t testing.TB, name, text string) {
	t.Helper()
	entries := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "  ") {
			entries++
		}
		if strings.Contains(name, "JSON") && !json.Valid([]byte(line)) {
			t.Errorf("%s: not JSON: %.1000q", name, line)
		}
		if strings.ContainsFunc(strings.TrimSuffix(strings.TrimLeft(line, "\t "), "\n"), unicode.IsControl) && strings.Contains(name, "lines") {
			t.Errorf("%s: a control character in %.1000q", name, line)
		}
	}
	if entries != 1 || !strings.HasSuffix(text, "\n") || !utf8.ValidString(text) {
		t.Errorf("%s: %d entries: %.1000q", name, entries, text)
	}
	if len(text) > 8<<20 {
		t.Errorf("%s: %d bytes", name, len(text))
	}
}

type failingJSON struct{ A int }

func (failingJSON) MarshalJSON() ([]byte, error) { return nil, errBoom }

type panickingJSON struct{ A int }

func (panickingJSON) MarshalJSON() ([]byte, error) { panic("boom") }

type notJSON struct{}

func (notJSON) MarshalJSON() ([]byte, error) { return []byte("{"), nil }

type failingText struct{ A int }

func (failingText) MarshalText() ([]byte, error) { return nil, errBoom }

type pointerJSON int

func (*pointerJSON) MarshalJSON() ([]byte, error) { panic("boom") }

type failingHolder struct{ Any any }

func (*failingHolder) MarshalJSON() ([]byte, error) { return nil, errBoom }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

type nilStringer struct{ text string }

func (s *nilStringer) String() string { return s.text }

// cyclic returns a map that contains itself.
func cyclic() map[string]any {
	m := map[string]any{"a": 1}
	m["me"] = m
	return m
}

// errorTable is an error and a map: %v calls its method, %#v prints its elements.
type errorTable map[string]any

func (errorTable) Error() string { return "of a table" }

func TestValuesThatContainThemselves(t *testing.T) {
	type node struct {
		Name string
		Next *node
		Any  any
	}
	ring := &node{Name: "ring"}
	ring.Next = ring
	list := []any{1, nil}
	list[1] = list
	hidden := struct{ list any }{list}
	table := errorTable{}
	table["me"] = table
	failing := &failingHolder{list}
	var pointer, value slog.Value
	pointer = slog.AnyValue(&value)
	value = slog.AnyValue(&failingHolder{&pointer})
	for name, value := range map[string]any{"map": cyclic(), "ring": ring, "list": list, "hidden": hidden, "in a struct": node{Any: list}, "pointer": &list,
		"failing": failing, "failing in a list": []any{failing}, "key": map[any]any{ring: 1, failing: 2, &list: 3}, "typed key": map[*failingHolder]int{failing: 1},
		"an error": []any{table}, "in slog's": []any{slog.Any("a", failing), slog.AnyValue(&list), reflect.ValueOf(failing)}, "hidden pointer": struct{ a, b any }{list, failing},
		"pointer to slog's": &value, "and to a pointer": &pointer,
	} {
		t.Run(name, func(t *testing.T) {
			wantEverywhere(t, everywhere(t, "{v}", slog.Any("v", value)), "v")
			wantEverywhere(t, everywhere(t, "{v!r}", slog.Any("v", value)), "v")
			wantEverywhere(t, everywhere(t, "fixed", slog.Any("v", value), slog.Any("log_category", value)), "fixed")
			wantEverywhere(t, everywhere(t, "fixed", slog.Group("g", slog.Any("v", []any{value}))), "fixed")
		})
	}
	log, r := recorded()
	log.Info("{m}", slog.Any("m", cyclic()))
	if entry := r.last(t); entry.Message != "map[a:1 me:...]" || fmt.Sprint(entry.Data["m"]) != "map[a:1 me:...]" {
		t.Errorf("%q, %v", entry.Message, entry.Data)
	}
}

func TestVastValues(t *testing.T) {
	var doubled any = "leaf"
	for range 22 {
		doubled = []any{doubled, doubled}
	}
	deep := any(1)
	for range 10_000 {
		deep = []any{deep}
	}
	wide := make(map[int]string)
	for i := range 100_000 {
		wide[i] = "x"
	}
	for name, value := range map[string]any{
		"doubled": doubled, "deep": deep, "wide": wide, "text": strings.Repeat("x", 4<<20), "texts": []string{strings.Repeat("é", 2<<20)},
		"bytes": make([]byte, 4<<20), "array": [1 << 30]struct{}{}, "integer": new(big.Int).Lsh(big.NewInt(1), 1<<24), "error": errors.New(strings.Repeat("x", 8<<20)), "stringer": innocent{strings.Repeat("x", 8<<20)}, "stringers": []any{&innocent{strings.Repeat("x", 8<<20)}},
		"formatter": formatted{strings.Repeat("x", 8<<20)}, "marshaler": onlyText{8 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			written := everywhere(t, "fixed", slog.Any("v", value))
			wantEverywhere(t, written, "fixed")
			for target, text := range written {
				if len(text) > 5<<20 { // some of it is escaped
					t.Errorf("%s: %d bytes", target, len(text))
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

type innocent struct{ text string }

func (v innocent) String() string { return v.text }

type onlyText struct{ size int }

func (v onlyText) MarshalText() ([]byte, error) { return bytes.Repeat([]byte("x"), v.size), nil }

// A value that cannot be encoded is logged as its text, at any depth.
func TestValuesThatCannotBeEncoded(t *testing.T) {
	three := pointerJSON(3)
	for name, c := range map[string]struct {
		value any
		want  string // in JSON
	}{
		"NaN":              {math.NaN(), `"NaN"`},
		"NaN in a list":    {[]float64{1, math.NaN()}, `[1,"NaN"]`},
		"infinite float32": {[]float32{float32(math.Inf(-1))}, `["-Inf"]`},
		"channel":          {struct{ C chan int }{}, `{"C":"<nil>"}`},
		"function":         {map[string]any{"f": (func())(nil)}, `{"f":"<nil>"}`},
		"complex":          {[]complex128{1i}, `["(0+1i)"]`},
		"map of any":       {map[any]any{"a": 1, 2: "b"}, strconv.Quote(fmt.Sprint(map[any]any{"a": 1, 2: "b"}))},
		"nested map":       {[]any{map[any]any{"a": 1}}, `["map[a:1]"]`},
		"map of arrays":    {map[[1]int]int{{7}: 1}, `"map[[7]:1]"`},
		"failing JSON":     {failingJSON{7}, `"{7}"`},
		"nested failing":   {map[string]any{"a": []any{failingJSON{7}, 1}}, `{"a":["{7}",1]}`},
		"panicking JSON":   {panickingJSON{7}, `"{7}"`},
		"not JSON":         {notJSON{}, `"{}"`},
		"failing text":     {[]failingText{{7}}, `["{7}"]`},
		"pointer method":   {[]pointerJSON{7}, `["7"]`},
		"nil":              {[]any{nil, (*panickingJSON)(nil), &three}, `[null,null,`},
		"number":           {[]json.Number{"1", "x", "0 ", "true", "-1.5e3"}, `[1,"x","0 ","true",-1.5e3]`},
		"raw":              {[]json.RawMessage{json.RawMessage("{")}, `["[123]"]`},
		"year":             {[]time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, `["10000-01-01 00:00:00 +0000 UTC"]`},
		"error":            {errBoom, `"boom"`},
		"errors":           {[]error{errBoom, nil}, `["boom",null]`},
		"error in struct":  {struct{ Err error }{errBoom}, `{"Err":"boom"}`},
		"tags": {struct {
			A int   `json:"a"`
			B int   `json:"-"`
			C error `json:"c,omitempty"`
			d error
		}{1, 2, errBoom, errBoom}, `{"a":1,"c":"boom"}`},
		"nil error":          {(*nilError)(nil), `"<nil>"`},
		"nested nil error":   {[]error{(*nilError)(nil)}, `["<nil>"]`},
		"panicking error":    {[]any{badError{}}, `["the method Error panicked: boom"]`},
		"slog value":         {[]slog.Value{slog.IntValue(1), slog.AnyValue(errBoom)}, `[1,"boom"]`},
		"slog attribute":     {[]any{slog.Int("a", 1)}, `["a=1"]`},
		"reflected":          {reflect.ValueOf(7), `"7"`},
		"as it is":           {struct{ A []int }{[]int{1, 2}}, `{"A":[1,2]}`},
		"panicking stringer": {[]any{badStringer{}}, `[{}]`},
		"nil stringer":       {(*nilStringer)(nil), `null`},
	} {
		t.Run(name, func(t *testing.T) {
			stderrOf(t, func() {
				written := everywhere(t, "message", slog.Any("v", c.value))
				wantEverywhere(t, written, "message")
				for target, text := range written {
					text = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(text)
					if strings.Contains(target, "JSON") && !strings.Contains(text, `"v":`+c.want) {
						t.Errorf("%s: %s does not have %s", target, text, c.want)
					}
				}
			})
		})
	}
	wantEverywhere(t, everywhere(t, "message", slog.Group("g", slog.Any("err", errBoom))), "boom")
}

// Attributes follow slog's rules in every target.
func TestAttributeRules(t *testing.T) {
	written := everywhere(t, "{g.a} {a}", slog.Int("a", 1), slog.Attr{}, slog.Group("empty"), slog.Group("hollow", slog.Group("within"), slog.Attr{}),
		slog.Group("", slog.Int("inlined", 2), slog.Int("a", 3)), slog.Group("g", slog.Int("a", 4), slog.Int("b", 5), slog.Int("a", 6)))
	wantEverywhere(t, written)
	for name, text := range written {
		for _, absent := range []string{"empty", "hollow", "within", `"":`, " =", "4", `"a":1`, " a=1"} {
			if strings.Contains(timeless(text), absent) {
				t.Errorf("%s: %s has %s", name, text, absent)
			}
		}
		if !strings.HasPrefix(name, "bridge") && !strings.Contains(text, "6 3") {
			t.Errorf("%s: %s does not have 6 3", name, text)
		}
		if name != "lines" && name != "details" && !strings.Contains(text, "inlined") {
			t.Errorf("%s: %s", name, text)
		}
	}
	wantEverywhere(t, everywhere(t, "fixed", slog.Group("g", slog.Any("", endless{}))), "fixed")
}

var anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]?[\d:.]*(Z|[+-][\d:]*)?`)

func timeless(text string) string { return anyTime.ReplaceAllString(text, "TIME") }

// A failure shows its traceback as an attribute in text, and its message in a
// message.
func TestFailureAsAttribute(t *testing.T) {
	fail := failHere()
	for name, text := range everywhere(t, "call: {err}", slog.Any("err", fail)) {
		if !strings.HasPrefix(name, "bridge") && !strings.Contains(text, "call: one") {
			t.Errorf("%s: %s", name, text)
		}
		if name != "lines" && name != "details" && !strings.Contains(text, "failHere") {
			t.Errorf("%s: no traceback: %s", name, text)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Error("message", "err", fail)
	wantContains(t, out.String(), "Traceback", "failHere")
	if got := fmt.Sprintf("%+v", fail); got != txaio.FailureFormatTraceback(fail) {
		t.Errorf("%%+v is %q", got)
	}
	if got := fmt.Sprintf("%v|%s|%q|%6s|%-6v|", fail, fail, fail, fail, fail); got != `one|one|"one"|   one|one   |` {
		t.Errorf("%s", got)
	}
	for _, none := range []*txaio.Failure{nil, {}} {
		for _, text := range []string{fmt.Sprintf("%v", none), fmt.Sprintf("%+v", none), none.LogValue().String(), none.Error(), txaio.FailureMessage(none)} {
			if !strings.HasPrefix(text, "no failure") {
				t.Errorf("%q", text)
			}
		}
		wantEverywhere(t, everywhere(t, "message", slog.Any("err", none)), "no failure")
	}
}

// Without attributes, a text is logged unchanged.
func TestTextThatIsNoFormat(t *testing.T) {
	fail := txaio.CreateFailure(errors.New("{{.Name}} {log_level}\n2016-01-21T01:02:03-0100 forged\x1b[2K"))
	text := txaio.FailureFormatTraceback(fail)
	log, r := recorded()
	log.Critical(text)
	if got := r.last(t).Message; got != text {
		t.Errorf("%q", got)
	}
	for name, written := range everywhere(t, text) {
		wantOneEntry(t, name, written)
		wantContains(t, written, "{{.Name}} {log_level}")
		if strings.Contains(written, "\x1b") || strings.Contains(written, "\n2016") {
			t.Errorf("%s: forged: %q", name, written)
		}
	}
	log.With(slog.Int("a", 1)).Info("{a} {{}}")
	if got := r.last(t).Message; got != "1 {}" {
		t.Errorf("%q", got)
	}
}

// Attribute names cannot forge an entry.
func TestNamesThatForge(t *testing.T) {
	const forged = "x\n2016-01-21T01:02:03-0100 forged\x1b\xff"
	wantEverywhere(t, everywhere(t, "message", slog.Int(forged, 1), slog.Group(forged, slog.Int(forged, 1)), slog.Any("m", map[string]int{forged: 1}), slog.Int("msg", 1), slog.Int("time", 1), slog.Int("level", 1)), "message")
	bridge, stop := txaio.StartForTest(new(output), txaio.LogDetails())
	stop()
	_ = bridge
	var out bytes.Buffer
	_, stop = txaio.StartForTest(&out, txaio.LogDetails())
	defer stop()
	txaio.MakeLogger(txaio.WithNamespace(forged), txaio.WithLevel(txaio.LevelTrace)).Info("message")
	wantOneEntry(t, "lines", out.String())
}

// A target that writes text doesn't follow the pointers in a value: other goroutines
// may use what they point to.
func TestTextTargetsFollowNoPointers(t *testing.T) {
	type node struct {
		Next  *node
		Count counting
	}
	calls := 0
	value := node{Next: &node{Count: counting{&calls}}, Count: counting{}}
	var out bytes.Buffer
	for _, opt := range []txaio.LoggerOption{txaio.WithSlog(slog.NewTextHandler(&out, nil)), txaio.WithLogrus(newLogrus(&out))} {
		txaio.MakeLogger(opt).Info("message", slog.Any("v", value))
	}
	if calls != 0 {
		t.Errorf("called %d times", calls)
	}
	txaio.MakeLogger(txaio.WithSlog(slog.NewJSONHandler(&out, nil))).Info("message", slog.Any("v", value))
	if calls == 0 {
		t.Error("the method is not called for JSON")
	}
}

type counting struct{ calls *int }

func (c counting) MarshalText() ([]byte, error) {
	if c.calls != nil {
		*c.calls++
	}
	return nil, nil
}

// The caller is the line of the log call.
func TestCaller(t *testing.T) {
	logger := newLogrus(io.Discard)
	r := new(recorder)
	logger.AddHook(r)
	log := txaio.MakeLogger(txaio.WithLogrus(logger))
	log.Info("nobody asked")
	if entry := r.last(t); entry.Caller != nil {
		t.Errorf("%v", entry.Caller)
	}
	logger.SetReportCaller(true)
	var line int
	for name, do := range map[string]func(){
		"Info":    func() { _, _, line, _ = runtime.Caller(0); log.Info("message") },
		"Emit":    func() { _, _, line, _ = runtime.Caller(0); log.Emit(txaio.LevelWarn, "message") },
		"Failure": func() { _, _, line, _ = runtime.Caller(0); log.Failure(nil, "message") },
		"With":    func() { _, _, line, _ = runtime.Caller(0); log.With().Trace("message") },
	} {
		do()
		if caller := r.last(t).Caller; caller == nil || !strings.HasSuffix(caller.File, "record_test.go") || caller.Line != line {
			t.Errorf("%s: called by %v, want line %d", name, caller, line)
		}
	}
}

// A hook, a handler, a formatter and a writer that log.
func TestTargetsThatLog(t *testing.T) {
	within := func(t *testing.T, fn func()) string {
		t.Helper()
		var errout string
		done := make(chan struct{})
		go func() {
			defer close(done)
			errout = stderrOf(t, fn)
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
		return errout
	}
	check := func(t *testing.T, written, errout string) {
		t.Helper()
		if strings.Count(written, "outer") != 1 || strings.Contains(written, "inner") {
			t.Errorf("written:\n%s", written)
		}
		if !strings.HasPrefix(errout, "txaio: logged by what entries go through: ") || !strings.HasSuffix(errout, " inner\n") || strings.Count(errout, "inner") != 1 {
			t.Errorf("standard error: %s", errout)
		}
	}
	t.Run("hook", func(t *testing.T) {
		var out bytes.Buffer
		logger := newLogrus(&out)
		log := txaio.MakeLogger(txaio.WithLogrus(logger))
		logger.AddHook(&hookFunc{func(*logrus.Entry) error { log.Info("inner"); return nil }})
		errout := within(t, func() { log.Info("outer") })
		check(t, out.String(), errout)
	})
	t.Run("writer", func(t *testing.T) {
		var out bytes.Buffer
		var log *txaio.Logger
		logger := newLogrus(writerFunc(func(p []byte) (int, error) { log.Info("inner"); return out.Write(p) }))
		log = txaio.MakeLogger(txaio.WithLogrus(logger))
		errout := within(t, func() { log.Info("outer") })
		check(t, out.String(), errout)
	})
	t.Run("handler", func(t *testing.T) {
		h := new(recordHandler)
		log := txaio.MakeLogger(txaio.WithSlog(h))
		h.handle = func(slog.Record) error { log.Info("inner"); return nil }
		errout := within(t, func() { log.Info("outer") })
		check(t, fmt.Sprint(h.records), errout)
	})
	t.Run("output", func(t *testing.T) {
		var out bytes.Buffer
		var log *txaio.Logger
		_, stop := txaio.StartForTest(writerFunc(func(p []byte) (int, error) { log.Info("inner"); return out.Write(p) }))
		defer stop()
		log = txaio.MakeLogger(txaio.WithLevel(txaio.LevelInfo))
		errout := within(t, func() { log.Info("outer") })
		check(t, out.String(), errout)
	})
	t.Run("concurrently", func(t *testing.T) {
		var out output
		var log *txaio.Logger
		logger := newLogrus(writerFunc(func(p []byte) (int, error) {
			if bytes.Contains(p, []byte("outer")) {
				log.Info("inner")
			}
			return out.Write(p)
		}))
		log = txaio.MakeLogger(txaio.WithLogrus(logger))
		errout := within(t, func() {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						log.Info("outer")
					}
				})
			}
			wg.Wait()
		})
		if text := out.take(); strings.Count(text, "outer") != 400 || strings.Contains(text, "inner") || strings.Count(errout, "inner") != 400 {
			t.Errorf("%d and %d entries, %s", strings.Count(text, "outer"), strings.Count(text, "inner"), errout)
		}
	})
}

// Handlers that fail, panic or end their goroutine.
func TestHandlersInTrouble(t *testing.T) {
	h := &recordHandler{handle: func(slog.Record) error { return errBoom }}
	log := txaio.MakeLogger(txaio.WithSlog(h))
	wantContains(t, stderrOf(t, func() { log.Info("message") }), `txaio: cannot log "message": boom`)
	h.handle = func(slog.Record) error { panic("boom\x1b") }
	wantContains(t, stderrOf(t, func() { log.Info("message") }), `panic while logging "message": boom\x1b`)
	h.handle = func(slog.Record) error { panic(cyclic()) }
	wantContains(t, stderrOf(t, func() { log.Info("message") }), `panic while logging "message": map[a:1 me:...]`)
	h.handle = func(slog.Record) error { runtime.Goexit(); return nil }
	done := make(chan struct{})
	go func() { defer close(done); log.Info("message") }()
	<-done
	h.handle = nil
	h.records = nil
	log.Info("and on")
	if r, _ := h.last(t); r.Message != "and on" {
		t.Errorf("%v", r)
	}
	bad := txaio.MakeLogger(txaio.WithSlog(badHandler{}))
	errout := stderrOf(t, func() {
		if bad.Enabled(txaio.LevelInfo) {
			t.Error("enabled")
		}
		bad.Info("message")
	})
	wantContains(t, errout, "panic while logging")
}

type badHandler struct{ slog.Handler }

// A valueMaker makes values from bytes: nested values, cycles, any names and texts,
// and methods that fail, panic or return anything.
type valueMaker struct {
	data []byte
	made []any
	left int
}

func (m *valueMaker) next() int {
	if len(m.data) == 0 {
		return 0
	}
	c := m.data[0]
	m.data = m.data[1:]
	return int(c)
}

func (m *valueMaker) text() string {
	n := min(m.next()%8, len(m.data))
	text := string(m.data[:n])
	m.data = m.data[n:]
	return text
}

type fuzzNode struct {
	Name   string
	Any    any `json:"any"`
	Next   *fuzzNode
	Err    error
	Number float64
	hidden any
}

// texts has methods that return its text.
type texts struct{ text string }

func (v texts) String() string               { return v.text }
func (v texts) MarshalText() ([]byte, error) { return []byte(v.text), nil }

type textError struct{ text string }

func (v *textError) Error() string { return v.text }

type anyJSON struct{ text string }

func (v anyJSON) MarshalJSON() ([]byte, error) { return []byte(v.text), nil }

type formatted struct{ text string }

func (v formatted) Format(s fmt.State, _ rune) { fmt.Fprint(s, v.text) }

type valuer struct{ value any }

func (v valuer) LogValue() slog.Value { return slog.AnyValue(v.value) }

func (m *valueMaker) value() any {
	if m.left--; m.left < 0 {
		return nil
	}
	switch m.next() % 33 {
	case 0:
		return m.next() - 128
	case 1:
		return m.text()
	case 2:
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.5, math.Copysign(0, -1)}[m.next()%5]
	case 3:
		list := make([]any, m.next()%5)
		m.made = append(m.made, list)
		for i := range list {
			list[i] = m.value()
		}
		return list
	case 4:
		table := make(map[string]any)
		m.made = append(m.made, table)
		for range m.next() % 4 {
			table[m.text()] = m.value()
		}
		return table
	case 5:
		table := make(map[any]any)
		m.made = append(m.made, table)
		for range m.next() % 4 {
			if key := m.value(); key == nil || reflect.ValueOf(key).Comparable() {
				table[key] = m.value()
			}
		}
		return table
	case 6:
		node := &fuzzNode{Name: m.text(), Number: math.NaN()}
		m.made = append(m.made, node)
		node.Any, node.hidden = m.value(), m.value()
		node.Next, _ = m.value().(*fuzzNode)
		node.Err, _ = m.value().(error)
		return node
	case 7:
		if node, is := m.value().(*fuzzNode); is && node != nil {
			return *node
		}
		return fuzzNode{}
	case 8:
		if len(m.made) > 0 {
			return m.made[m.next()%len(m.made)]
		}
	case 9:
		p := new(any)
		m.made = append(m.made, p)
		*p = m.value()
		return p
	case 10:
		return []any{badError{}, badStringer{}, badValuer{}, panickingJSON{}, failingJSON{}, notJSON{}, failingText{}, (*nilError)(nil), (*nilStringer)(nil), (*fuzzNode)(nil), endless{}}[m.next()%11]
	case 11:
		return texts{m.text()}
	case 12:
		return &textError{m.text()}
	case 13:
		return anyJSON{m.text()}
	case 14:
		return json.RawMessage(m.text())
	case 15:
		return json.Number(m.text())
	case 16:
		return formatted{m.text()}
	case 17:
		return valuer{m.value()}
	case 18:
		attrs := make([]slog.Attr, m.next()%4)
		m.made = append(m.made, attrs)
		for i := range attrs {
			attrs[i] = slog.Any(m.text(), m.value())
		}
		return slog.GroupValue(attrs...)
	case 19:
		return slog.Any(m.text(), m.value())
	case 20:
		return []slog.Value{slog.AnyValue(m.value())}
	case 21:
		return reflect.ValueOf(m.value())
	case 22:
		return []any{make(chan int), func() {}, 1i, new(int), time.Duration(m.next()), time.Unix(int64(m.next())<<40, 0), new(big.Int).Lsh(big.NewInt(1), 1<<uint(m.next()%24))}[m.next()%7]
	case 23:
		return [2]any{m.value(), m.value()}
	case 24:
		return map[texts]any{{m.text()}: m.value()}
	case 25:
		return []error{errors.New(m.text()), nil, fmt.Errorf("%s: %w", m.text(), errBoom)}
	case 26:
		return txaio.CreateFailure(&textError{m.text()})
	case 27:
		return []byte(m.text())
	case 28:
		return struct{ A, b any }{m.value(), m.value()}
	case 29:
		p := new(slog.Value)
		m.made = append(m.made, p)
		*p = slog.AnyValue(m.value())
		return p
	case 30:
		return []pointerJSON{pointerJSON(m.next())}
	case 32:
		holder := new(failingHolder)
		m.made = append(m.made, holder)
		holder.Any = m.value()
		return holder
	case 31:
		return strings.Repeat(m.text(), m.next())
	}
	return nil
}

// FuzzLogValues logs any values to every target. Each call must write one valid
// entry.
func FuzzLogValues(f *testing.F) {
	for _, seed := range []string{
		"", "\x04\x01\x01a\x08\x00", "\x05\x02\x01\x01a\x02\x00\x06\x02\n\x1b\x09\x08\x00", "\x12\x03\x01a\x0a\x00\x01b\x0a\x01\x00\x13\x01c\x08\x00",
		"\x03\x04\x0a\x02\x0a\x03\x0a\x04\x0a\x05", "\x03\x04\x0a\x06\x0a\x07\x0a\x0a\x0e\x01{", "\x06\x04\xff\n\r\x85\x03\x02\x0c\x02\n\n\x08\x00", "\x1d\x15\x08\x00",
		"\x11\x11\x12\x02\x00\x01\x02a\n\x0c\x04\nTIM", "\x18\x03\x7f\xc2\x85\x02\x00", "\x19\x03\n\n\n", "\x1a\x05a\n2016", "\x1f\x02\xe2\x80\xa8\xff", "\x16\x00\x06\x17",
	} {
		f.Add([]byte(seed), "{v} {v!r:>9} {w}", "w")
	}
	f.Add([]byte("\x01\x02x\n"), "{v:>5}\n2016-01-21T01:02:03-0100 {w.any}", "\n\x1b[2K")
	f.Fuzz(func(t *testing.T, data []byte, format, name string) {
		if len(data) > 512 || len(format) > 256 {
			return
		}
		m := &valueMaker{data: data, left: 100}
		v, w := m.value(), m.value()
		stderrOf(t, func() {
			for target, text := range everywhere(t, format, slog.Any("v", v), slog.Any(name, w)) {
				wantOneEntry(t, target, text)
			}
		})
	})
}
