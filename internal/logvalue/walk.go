// Package logvalue makes values safe to log, whatever they are.
//
// Log calls are given values from all over a program, and hand them to
// formatters that are easily overcome: fmt overflows the stack on a value that
// contains itself, encoding/json gives up on NaN or on a channel, and with it
// goes the entry. The one walk here goes where they would go. A value that
// holds nothing of the kind is handed on as it is; of another one the walk makes
// a copy, of lists and maps, with texts in place of what cannot be logged.
package logvalue

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"unicode/utf8"
)

// What one entry may have: levels of values in values, values, bytes of text
// in them, and bits of an integer, whose text takes a time that grows faster
// than its size.
const (
	maxDepth    = 100
	maxElements = 1 << 14
	maxText     = 1 << 20
	MaxBits     = 1 << 17
)

// cut stands for what was left out.
const cut = "..."

// A PanicError says that a method called for a value panicked.
type PanicError struct{ Method, Reason string }

func (e *PanicError) Error() string {
	return "the method " + e.Method + " panicked: " + e.Reason
}

// Recovered, deferred, turns a panic of the named method into an error.
func Recovered(method string, err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{method, panicText(p)}
	}
}

// panicText is what a panic says, as far as that is safe to print: fmt is on its
// guard against panics of methods, not against values that contain themselves.
func panicText(p any) string {
	switch p.(type) {
	case error, fmt.Stringer, string, bool, int, float64:
		return fmt.Sprint(p)
	}
	return fmt.Sprintf("a value of type %T", p)
}

// A Walk is what may still be looked at for one entry, and what was found. Its
// zero value is ready to use.
type Walk struct {
	Text           bool // fmt prints what Value returns, which then need not be fit for JSON
	elements, text int  // so far
	path           []visit
	Called         bool  // fmt will call a method for what AsText has seen
	Err            error // the first panic of a method
}

// A visit is a list, map or pointer that the walk is inside of.
type visit struct {
	at    reflect.Type
	where uintptr
	len   int
}

// Spend counts n bytes of text, and reports whether that many were left.
func (w *Walk) Spend(n int) bool {
	w.text += n
	return w.text <= maxText
}

// Attrs appends attrs to dst by slog's rules: their values resolved, without
// empty attributes and groups, members of a group without a key in its place;
// and of several with one key only the last. A value that is an error stays
// one, even when it resolves to something else: in a message it is its text.
func (w *Walk) Attrs(dst, attrs []slog.Attr) []slog.Attr {
	start := len(dst)
	dst = w.attrs(dst, attrs, 0)
	return append(dst[:start], lastOfEach(dst[start:])...)
}

func (w *Walk) attrs(dst, attrs []slog.Attr, depth int) []slog.Attr {
	for _, a := range attrs {
		if w.elements++; w.elements > maxElements {
			return append(dst, slog.String(cut, cut))
		}
		if a.Value.Kind() == slog.KindLogValuer {
			a.Value, _ = w.Resolve(a.Value, false)
		}
		if a.Value.Kind() == slog.KindGroup {
			members := a.Value.Group()
			switch {
			case depth == maxDepth:
				a.Value = slog.StringValue(cut)
			case a.Key == "":
				dst = w.attrs(dst, members, depth+1)
				continue
			default:
				members = lastOfEach(w.attrs(make([]slog.Attr, 0, len(members)), members, depth+1))
				if len(members) == 0 {
					continue
				}
				a.Value = slog.GroupValue(members...)
			}
		}
		if a.Key != "" || !a.Equal(slog.Attr{}) {
			dst = append(dst, a)
		}
	}
	return dst
}

// lastOfEach takes those out of attrs whose key comes again.
func lastOfEach(attrs []slog.Attr) []slog.Attr {
	if len(attrs) <= 32 && !anyTwice(attrs) { // without a map
		return attrs
	}
	last := make(map[string]int, len(attrs))
	for i := range attrs {
		last[attrs[i].Key] = i
	}
	kept := attrs[:0]
	for i, a := range attrs {
		if last[a.Key] == i {
			kept = append(kept, a)
		}
	}
	return kept
}

func anyTwice(attrs []slog.Attr) bool {
	for i := range attrs {
		for j := range i {
			if attrs[i].Key == attrs[j].Key {
				return true
			}
		}
	}
	return false
}

// Resolve returns what v stands for, a *PanicError when its method panics.
// Without errors, an error stands for itself.
func (w *Walk) Resolve(v slog.Value, errors bool) (_ slog.Value, err error) {
	for range maxDepth {
		if v.Kind() != slog.KindLogValuer {
			return v, nil
		}
		valuer := v.LogValuer()
		if _, is := valuer.(error); is && !errors {
			return v, nil
		}
		if v, err = logValue(valuer); err != nil {
			w.note(err)
			return slog.AnyValue(err), err
		}
	}
	return slog.StringValue(cut), nil
}

func logValue(v slog.LogValuer) (_ slog.Value, err error) {
	defer Recovered("LogValue", &err)
	return v.LogValue(), nil
}

func (w *Walk) note(err error) {
	if w.Err == nil {
		w.Err = err
	}
}

// Value returns v as any handler can take it. Its groups are what Attrs made
// of them.
func (w *Walk) Value(v slog.Value) slog.Value {
	if v.Kind() == slog.KindLogValuer {
		if v, _ = w.Resolve(v, true); v.Kind() == slog.KindGroup {
			v = slog.GroupValue(w.Attrs(nil, v.Group())...)
		}
	}
	switch v.Kind() {
	case slog.KindString:
		if text, changed := w.String(v.String()); changed {
			return slog.StringValue(text)
		}
	case slog.KindFloat64:
		if x := v.Float64(); math.IsNaN(x) || math.IsInf(x, 0) {
			return slog.StringValue(v.String())
		}
	case slog.KindTime:
		if y := v.Time().Year(); y < 0 || y > 9999 { // RFC 3339 ends there
			return slog.StringValue(v.Time().String())
		}
	case slog.KindGroup:
		members := make([]slog.Attr, len(v.Group()))
		for i, a := range v.Group() {
			members[i] = slog.Attr{Key: a.Key, Value: w.Value(a.Value)}
		}
		return slog.GroupValue(members...)
	case slog.KindAny:
		if err, is := v.Any().(error); is && w.Text {
			if message, changed := w.errorText(err); changed {
				return slog.StringValue(message)
			}
			return v
		}
		if out, changed := w.visit(reflect.ValueOf(v.Any()), 0, w.Text); changed {
			return slog.AnyValue(out)
		}
	}
	return v
}

// AsText returns x as fmt can print it.
func (w *Walk) AsText(x any) any {
	if out, changed := w.visit(reflect.ValueOf(x), 0, true); changed {
		return out
	}
	return x
}

// String returns s, or as much of it as there may be, and whether it was cut.
func (w *Walk) String(s string) (string, bool) {
	left := max(maxText-w.text, 0)
	w.text += len(s)
	if len(s) <= left {
		return s, false
	}
	for left > 0 && !utf8.RuneStart(s[left]) {
		left--
	}
	return s[:left] + cut, true
}

// visit looks at v and at what is in it. When all of that can be logged it
// returns false; otherwise what to log instead, and true. In text only what fmt
// would trip over counts, since fmt prints everything else.
func (w *Walk) visit(v reflect.Value, depth int, text bool) (out any, changed bool) {
	if !v.IsValid() {
		return nil, false
	}
	if w.elements++; depth > maxDepth || w.elements > maxElements || w.text > maxText {
		return cut, true
	}
	if isPlain(v.Type()) {
		return nil, false
	}
	has := traitsOf(v.Type())
	if v.CanInterface() && has != 0 {
		var done bool
		if out, changed, done = w.methods(v, has, depth, &text); done {
			return out, changed
		}
	}
	switch v.Kind() {
	case reflect.String:
		return w.String(v.String())
	case reflect.Float32, reflect.Float64:
		if x := v.Float(); !text && (math.IsNaN(x) || math.IsInf(x, 0)) {
			return fmt.Sprint(x), true
		}
	case reflect.Complex64, reflect.Complex128, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if !text {
			return fmt.Sprint(v), true
		}
	case reflect.Interface:
		return w.visit(v.Elem(), depth, text)
	case reflect.Pointer:
		if v.IsNil() || text && depth > 0 { // fmt prints its address
			return nil, false
		}
		if !w.enter(v, 0) {
			return cut, true
		}
		defer w.leave()
		return w.visit(v.Elem(), depth+1, text)
	case reflect.Slice, reflect.Array:
		return w.list(v, depth, text)
	case reflect.Map:
		return w.table(v, depth, text)
	case reflect.Struct:
		return w.record(v, depth, text, has&prints != 0 && v.CanInterface())
	}
	return nil, false
}

// enter reports whether v is none of those that the walk is inside of.
func (w *Walk) enter(v reflect.Value, n int) bool {
	here := visit{v.Type(), v.Pointer(), n}
	for _, there := range w.path {
		if here == there {
			return false
		}
	}
	w.path = append(w.path, here)
	return true
}

func (w *Walk) leave() { w.path = w.path[:len(w.path)-1] }

func (w *Walk) list(v reflect.Value, depth int, text bool) (any, bool) {
	if v.Kind() == reflect.Slice {
		if v.Len() > 0 && !w.enter(v, v.Len()) {
			return cut, true
		}
		if v.Len() > 0 {
			defer w.leave()
		}
	}
	if elem := v.Type().Elem(); elem.Kind() == reflect.Uint8 && isPlain(elem) && w.Spend(v.Len()) {
		return nil, false
	}
	var items []any // once one of them has changed
	for i := range v.Len() {
		out, changed := w.visit(v.Index(i), depth+1, text)
		if changed && items == nil {
			items = make([]any, 0, i+1)
			for j := range i {
				items = append(items, held(v.Index(j)))
			}
		}
		if items != nil {
			if !changed {
				out = held(v.Index(i))
			}
			items = append(items, out)
			if w.elements > maxElements || w.text > maxText {
				break
			}
		}
	}
	return items, items != nil
}

// held returns what is in v, which is unchanged. Of what is not exported that
// can only be the text, with pointers as addresses.
func held(v reflect.Value) any {
	if v.CanInterface() {
		return v.Interface()
	}
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() == reflect.Pointer {
		return fmt.Sprintf("%#x", v.Pointer())
	}
	return fmt.Sprint(v)
}

func (w *Walk) table(v reflect.Value, depth int, text bool) (any, bool) {
	if v.Len() > 0 {
		if !w.enter(v, 0) {
			return cut, true
		}
		defer w.leave()
	}
	foreign := !text && !isKey(v.Type().Key()) // JSON has no such map
	copied := make(map[string]any, min(v.Len(), maxElements-min(w.elements, maxElements)))
	same := !foreign
	for entries := v.MapRange(); entries.Next(); {
		name := keyText(w, entries.Key(), depth, &same)
		out, changed := w.visit(entries.Value(), depth+1, text)
		if !changed {
			out = held(entries.Value())
		}
		same = same && !changed
		copied[name] = out
		if w.elements > maxElements || w.text > maxText {
			copied[cut], same = cut, false
			break
		}
	}
	if foreign {
		return fmt.Sprint(copied), true
	}
	return copied, !same
}

func keyText(w *Walk, key reflect.Value, depth int, same *bool) string {
	if key.Kind() == reflect.String {
		name, changed := w.String(key.String())
		*same = *same && !changed
		return name
	}
	if traitsOf(key.Type())&marshalsText != 0 && key.CanInterface() {
		if _, err := marshal(w, "MarshalText", key.Interface().(encoding.TextMarshaler).MarshalText); err != nil {
			*same = false
		}
	}
	if out, changed := w.visit(key, depth+1, true); changed {
		*same = false
		return fmt.Sprint(out)
	}
	text := fmt.Sprint([]any{held(key)}) // in a list, so that fmt follows no pointer
	return text[1 : len(text)-1]
}

func isKey(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr || traitsOf(t)&marshalsText != 0
}

// record visits the fields of a struct. Those that JSON leaves out are only
// for fmt, which looks at none of them when a method prints the struct.
func (w *Walk) record(v reflect.Value, depth int, text, prints bool) (any, bool) {
	var fields map[string]any // once one of them has changed
	for i := range v.NumField() {
		name, hidden := fieldName(v.Type().Field(i), text)
		if hidden && prints {
			continue
		}
		out, changed := w.visit(v.Field(i), depth+1, text || hidden)
		if changed && fields == nil {
			fields = make(map[string]any, v.NumField())
			for j := range i {
				if name, hidden := fieldName(v.Type().Field(j), text); !hidden || text {
					fields[name] = held(v.Field(j))
				}
			}
		}
		if fields != nil && (!hidden || text) {
			if !changed {
				out = held(v.Field(i))
			}
			fields[name] = out
		}
	}
	return fields, fields != nil
}

// fieldName returns the name of a field, for JSON unless it is for text, and
// whether JSON leaves the field out.
func fieldName(f reflect.StructField, text bool) (name string, hidden bool) {
	name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
	hidden = !f.IsExported() && !f.Anonymous || name == "-"
	if name == "" || text {
		name = f.Name
	}
	return name, hidden
}

// methods looks at v by the methods it has, and reports whether that is all
// there is to look at. It sets text when the rest is for fmt alone.
func (w *Walk) methods(v reflect.Value, has traits, depth int, text *bool) (out any, changed, done bool) {
	switch x := v.Interface().(type) {
	case slog.Value: // whose own methods bound nothing
		return w.inner(x, depth, *text)
	case *slog.Value:
		if x != nil {
			return w.inner(*x, depth, *text)
		}
	case slog.Attr:
		return w.attr(x, depth, *text)
	case *slog.Attr:
		if x != nil {
			return w.attr(*x, depth, *text)
		}
	case reflect.Value: // which fmt prints as what it holds
		if *text && depth > 0 {
			return nil, false, true
		}
		if out, changed = w.itself(x, depth, true); !changed && !*text {
			return fmt.Sprint(x), true, true
		}
		return out, changed, true
	case *big.Int:
		if x != nil && x.BitLen() > MaxBits {
			return cut, true, true
		}
		if x != nil {
			w.text += x.BitLen()
		}
	case json.Number:
		if !*text && !isNumber(string(x)) {
			return string(x), true, true
		}
	}
	if *text {
		w.Called = w.Called || has&prints != 0
		return nil, false, has&prints != 0
	}
	if has&isError != 0 {
		if message, changed := w.errorText(v.Interface().(error)); changed || depth > 0 {
			return message, true, true
		}
	}
	if has&(viaPointer|marshalsJSON|marshalsText) == 0 || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, false, has&isError != 0
	}
	with := v
	if has&viaPointer != 0 {
		if !v.CanAddr() {
			return nil, false, false
		}
		with = v.Addr()
	}
	var data []byte
	var err error
	if marshaler, is := with.Interface().(json.Marshaler); is {
		if data, err = marshal(w, "MarshalJSON", marshaler.MarshalJSON); err == nil && !json.Valid(data) {
			err = fmt.Errorf("not JSON")
		}
	} else {
		data, err = marshal(w, "MarshalText", with.Interface().(encoding.TextMarshaler).MarshalText)
	}
	if err != nil || !w.Spend(len(data)) {
		return w.textOf(v, depth), true, true
	}
	*text = true
	return nil, false, has&(prints|isError) != 0
}

// errorText returns the message of an error, and whether that has to be logged
// instead of the error itself.
func (w *Walk) errorText(x error) (string, bool) {
	message, err := callText("Error", x.Error)
	if err == nil {
		return w.String(message)
	}
	if v := reflect.ValueOf(x); v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>", true
	}
	w.note(err)
	return err.Error(), true
}

// isNumber reports whether JSON has the text as a number.
func isNumber(text string) bool {
	const digits = "0123456789"
	return text != "" && strings.IndexByte("-"+digits, text[0]) >= 0 && strings.IndexByte(digits, text[len(text)-1]) >= 0 && json.Valid([]byte(text))
}

func marshal(w *Walk, name string, method func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if _, panicked := err.(*PanicError); panicked {
			w.note(err)
		}
	}()
	defer Recovered(name, &err)
	return method()
}

func callText(name string, method func() string) (text string, err error) {
	defer Recovered(name, &err)
	return method(), nil
}

// textOf returns the text of v, which cannot be encoded.
func (w *Walk) textOf(v reflect.Value, depth int) string {
	x, changed := w.itself(v, depth, true)
	if !changed {
		x = v
	}
	text, _ := w.String(fmt.Sprint(x))
	return text
}

// inner looks at what is in a slog.Value.
func (w *Walk) inner(v slog.Value, depth int, text bool) (out any, changed, done bool) {
	x := v.Any()
	if v, err := w.Resolve(v, false); !text || err != nil {
		x = v.Any()
	}
	if out, changed = w.itself(reflect.ValueOf(x), depth, text); !changed && !text {
		return x, true, true
	}
	return out, changed, true
}

// itself visits v, which is printed as if it were not in anything: then fmt
// follows a pointer, and prints a reflect.Value as what it holds.
func (w *Walk) itself(v reflect.Value, depth int, text bool) (out any, changed bool) {
	if v.IsValid() && v.CanInterface() {
		if held, is := v.Interface().(reflect.Value); is {
			v = held
		}
	}
	if text && v.Kind() == reflect.Pointer && !v.IsNil() && traitsOf(v.Type())&prints == 0 {
		if !w.enter(v, 0) {
			return cut, true
		}
		defer w.leave()
		v = v.Elem()
	}
	return w.visit(v, depth+1, text)
}

func (w *Walk) attr(a slog.Attr, depth int, text bool) (out any, changed, done bool) {
	if out, changed, _ = w.inner(a.Value, depth, text); changed {
		return a.Key + "=" + fmt.Sprint(out), true, true
	}
	return nil, false, true
}
