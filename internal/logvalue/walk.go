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
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"slices"
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

// Recovered is deferred. It turns a panic of the named method into an error.
func Recovered(method string, err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{method, Sprint(p)}
	}
}

// Sprint is fmt.Sprint for any value, also one that contains itself.
func Sprint(x any) string {
	x, _ = new(Walk).AsText(x, "%v")
	return fmt.Sprint(x)
}

// A Walk is what may still be looked at for one entry, and what was found. Its
// zero value is ready to use.
type Walk struct {
	Text bool // fmt prints what Value returns, which then need not be fit for JSON
	spent
	path   []visit
	syntax bool  // fmt prints %#v, for which it calls neither Error nor String
	calls  bool  // fmt will call a method
	Err    error // the first panic of a method
}

type spent struct{ elements, text int }

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
		// Text handlers write the keys of all the groups before each member's.
		if w.elements++; w.elements > maxElements || !w.Spend(len(a.Key)*depth) {
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
		_, isError := v.Any().(error) // of which the message counts anywhere
		// What a pointer led to may be something that slog would resolve.
		switch v = slog.AnyValue(w.value(reflect.ValueOf(v.Any()), 0, w.Text && !isError)); v.Kind() {
		case slog.KindLogValuer:
			return w.Value(v)
		case slog.KindGroup:
			return w.Value(slog.GroupValue(w.Attrs(nil, v.Group())...))
		}
	}
	return v
}

// AsText returns x as fmt can print it, with %v or with %#v, and whether fmt may
// call a method for that.
func (w *Walk) AsText(x any, verb string) (_ any, calls bool) {
	w.syntax = verb == "%#v"
	w.calls = w.syntax // GoString methods are not looked for
	defer func() { w.syntax = false }()
	return w.value(reflect.ValueOf(x), 0, true), w.calls
}

// prints reports whether fmt prints v through a method.
func (w *Walk) prints(v reflect.Value, has traits) bool {
	return has&prints != 0 && !w.syntax && v.CanInterface()
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

// fit reports whether v, and all that is in it, can be logged as it is. In text
// only what fmt would trip over counts, since fmt prints everything else.
func (w *Walk) fit(v reflect.Value, depth int, text bool) bool {
	if !v.IsValid() {
		return true
	}
	if w.elements++; depth > maxDepth || w.exhausted() {
		return false
	}
	if isPlain(v.Type()) {
		return true
	}
	has := traitsOf(v.Type())
	if has != 0 && v.CanInterface() {
		if fit, done := w.fitMethods(v, has, depth, &text); done {
			return fit
		}
	}
	switch v.Kind() {
	case reflect.String:
		return w.Spend(v.Len())
	case reflect.Float32, reflect.Float64:
		return text || !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0)
	case reflect.Complex64, reflect.Complex128, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return text
	case reflect.Interface:
		return w.fit(v.Elem(), depth, text)
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array, reflect.Struct:
		if text && depth > 0 && v.Kind() == reflect.Pointer {
			return true // fmt prints its address
		}
		if !w.enter(v) {
			return false
		}
		defer w.leave()
		return w.fitParts(v, depth+1, text, w.prints(v, has))
	}
	return true
}

func (w *Walk) fitParts(v reflect.Value, depth int, text, prints bool) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return w.fit(v.Elem(), depth, text)
	case reflect.Slice, reflect.Array:
		if isBytes(v) {
			return w.Spend(v.Len())
		}
		for i := range v.Len() {
			if !w.fit(v.Index(i), depth, text) {
				return false
			}
		}
	case reflect.Map:
		if !text && !isKey(v.Type().Key()) {
			return false // JSON has no such map
		}
		for entries := v.MapRange(); entries.Next(); {
			if !w.fitKey(entries.Key(), depth) || !w.fit(entries.Value(), depth, text) {
				return false
			}
		}
	case reflect.Struct:
		// Fields that JSON leaves out are only for fmt, which looks at none of them
		// when a method prints the struct.
		for i := range v.NumField() {
			_, hidden := fieldName(v.Type().Field(i), text)
			if !(hidden && prints) && !w.fit(v.Field(i), depth, text || hidden) {
				return false
			}
		}
	}
	return true
}

// value returns v if it is fit to be logged, else a copy that is.
func (w *Walk) value(v reflect.Value, depth int, text bool) any {
	before := w.spent
	if w.fit(v, depth, text) {
		return held(v)
	}
	if w.spent = before; depth > maxDepth || w.exhausted() {
		return cut
	}
	w.elements++
	if has := traitsOf(v.Type()); has != 0 && v.CanInterface() {
		if out, done := w.replaced(v, has, depth, text); done {
			return out
		}
	}
	switch v.Kind() {
	case reflect.String:
		s, _ := w.String(v.String())
		return s
	case reflect.Interface:
		return w.value(v.Elem(), depth, text)
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array, reflect.Struct:
		if !w.enter(v) {
			return cut
		}
		defer w.leave()
		return w.copied(v, depth+1, text)
	}
	return fmt.Sprint(v) // a number that is none, or what JSON has no form for
}

// copied returns a list or map of the parts of v, as many as there may be.
func (w *Walk) copied(v reflect.Value, depth int, text bool) any {
	switch v.Kind() {
	case reflect.Pointer:
		return w.value(v.Elem(), depth, text)
	case reflect.Slice, reflect.Array:
		items := []any{}
		for i := 0; i < v.Len() && !w.exhausted() && !isBytes(v); i++ {
			items = append(items, w.value(v.Index(i), depth, text))
		}
		if len(items) < v.Len() {
			items = append(items, cut)
		}
		return items
	}
	parts := make(map[string]any)
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			if name, hidden := fieldName(v.Type().Field(i), text); !hidden || text {
				parts[name] = w.value(v.Field(i), depth, text)
			}
		}
		return parts
	}
	for entries := v.MapRange(); entries.Next(); {
		if w.exhausted() {
			parts[cut] = cut
			break
		}
		// In a list, so that fmt follows no pointer.
		key := fmt.Sprint([]any{w.value(entries.Key(), depth, true)})
		parts[key[1:len(key)-1]] = w.value(entries.Value(), depth, text)
	}
	if !text && !isKey(v.Type().Key()) {
		return fmt.Sprint(parts)
	}
	return parts
}

// exhausted reports whether nothing is left of what an entry may have.
func (w *Walk) exhausted() bool { return w.elements > maxElements || w.text > maxText }

// enter reports whether v is none of those that the walk is inside of.
func (w *Walk) enter(v reflect.Value) bool {
	here := visit{at: v.Type()}
	switch v.Kind() {
	case reflect.Slice:
		here.where, here.len = v.Pointer(), v.Len()
	case reflect.Pointer, reflect.Map:
		here.where = v.Pointer()
	}
	if here.where != 0 && slices.Contains(w.path, here) {
		return false
	}
	w.path = append(w.path, here)
	return true
}

func (w *Walk) leave() { w.path = w.path[:len(w.path)-1] }

// held returns what is in v. Of what is not exported that can only be the text,
// with pointers as addresses.
func held(v reflect.Value) any {
	switch {
	case !v.IsValid():
		return nil
	case v.CanInterface():
		return v.Interface()
	case v.Kind() == reflect.Interface:
		return held(v.Elem())
	case v.Kind() == reflect.Pointer:
		return fmt.Sprintf("%#x", v.Pointer())
	}
	return fmt.Sprint(v)
}

func isBytes(v reflect.Value) bool {
	elem := v.Type().Elem()
	return elem.Kind() == reflect.Uint8 && isPlain(elem)
}

func isKey(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr || traitsOf(t)&marshalsText != 0
}

// fitKey is fit for the key of a map. No pointer in it is followed.
func (w *Walk) fitKey(key reflect.Value, depth int) bool {
	if key.Kind() != reflect.String && traitsOf(key.Type())&marshalsText != 0 && key.CanInterface() && !w.encodes(key) {
		return false
	}
	return w.fit(key, depth, true)
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

// fitMethods is fit for what has methods, and reports whether that is all there
// is to look at. It sets text when the rest is for fmt alone.
func (w *Walk) fitMethods(v reflect.Value, has traits, depth int, text *bool) (fit, done bool) {
	switch x := v.Interface().(type) {
	case slog.Value, *slog.Value, slog.Attr, *slog.Attr, reflect.Value:
		return false, true // their own methods bound nothing
	case *big.Int:
		if x != nil && (x.BitLen() > MaxBits || !w.Spend(x.BitLen())) {
			return false, true
		}
	case error:
		if *text {
			break
		}
		if _, changed := w.errorText(x); changed || depth > 0 {
			return false, true
		}
	}
	if *text {
		w.calls = w.calls || has&prints != 0
		return true, w.prints(v, has)
	}
	if has&(viaPointer|marshals) == 0 || has&viaPointer != 0 && !v.CanAddr() || v.Kind() == reflect.Pointer && v.IsNil() {
		return true, has&isError != 0
	}
	*text = true
	fit = w.encodes(v)
	return fit, !fit || has&(prints|isError) != 0
}

// encodes reports whether encoding/json encodes v, by whatever method it has.
func (w *Walk) encodes(v reflect.Value) bool {
	if traitsOf(v.Type())&viaPointer != 0 {
		v = v.Addr()
	}
	data, err := encode(v.Interface())
	if panicked, is := err.(*PanicError); is {
		w.note(panicked)
	}
	return err == nil && w.Spend(len(data))
}

func encode(x any) (data []byte, err error) {
	defer Recovered("MarshalJSON or MarshalText", &err)
	return json.Marshal(x)
}

// replaced returns what is logged instead of v, if that is not a copy.
func (w *Walk) replaced(v reflect.Value, has traits, depth int, text bool) (out any, done bool) {
	switch x := v.Interface().(type) {
	case slog.Value:
		x, _ = w.Resolve(x, false)
		return w.value(reflect.ValueOf(x.Any()), depth, text), true
	case slog.Attr:
		return x.Key + "=" + w.textOf(reflect.ValueOf(x.Value)), true
	case *slog.Value, *slog.Attr:
		return nil, false
	case reflect.Value:
		if text {
			return w.value(x, 0, text), true
		}
		return w.textOf(x), true
	case *big.Int:
		return cut, true
	case error:
		message, _ := w.errorText(x)
		return message, true
	}
	if !text && has&(viaPointer|marshals) != 0 {
		return w.textOf(v), true
	}
	return nil, false
}

// textOf returns the text of v, as if it were not in anything: then fmt follows a
// pointer.
func (w *Walk) textOf(v reflect.Value) string {
	text, _ := w.String(fmt.Sprint(w.value(v, 0, true)))
	return text
}

// errorText returns the message of an error, and whether that has to be logged
// instead of the error itself.
func (w *Walk) errorText(x error) (string, bool) {
	message, err := CallText("Error", x.Error)
	if err == nil {
		return w.String(message)
	}
	if v := reflect.ValueOf(x); v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>", true
	}
	w.note(err)
	return err.Error(), true
}

// CallText calls a method of a value that may panic.
func CallText(name string, method func() string) (text string, err error) {
	defer Recovered(name, &err)
	return method(), nil
}
