// Package logvalue makes any value safe to log.
//
// Programs log all kinds of values, and formatters don't survive all of them. fmt
// overflows the stack on a value that contains itself. encoding/json fails on
// NaN or a channel, and the whole entry is lost. The walk in this package visits
// what a formatter would visit. It leaves a value without such parts as it is.
// Otherwise it makes a copy of lists and maps, with text in place of the parts
// that cannot be logged.
package logvalue

import (
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of one entry: how deep values nest, how many there are, the bytes of
// their text, and the bits of an integer. The time to print an integer grows
// faster than its size.
const (
	maxDepth    = 100
	maxElements = 1 << 14
	maxText     = 1 << 20
	MaxBits     = 1 << 17
)

// cut marks what was left out.
const cut = "..."

// A Walk visits the values of one entry. It counts what it has seen against the
// entry's limits. Its zero value is ready to use.
type Walk struct {
	Text bool  // the target prints values with fmt, so Value need not make them fit for JSON
	Err  error // the first panic of a method

	elements, text int
	path           []visit
	verb           string // how fmt prints the value; if empty, its methods are not tried
}

// A visit is a list, map or pointer that the walk is inside.
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

func (w *Walk) exhausted() bool { return w.elements > maxElements || w.text > maxText }

// String returns s, cut to what is left of the entry's text, and whether it was
// cut.
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

// Value returns v as any handler can take it. The groups in it must come from
// Attrs. If inside is set, the handler finds v in a map.
func (w *Walk) Value(v slog.Value, inside bool) slog.Value {
	switch v, _ = w.Resolve(v, true); v.Kind() {
	case slog.KindString:
		if text, changed := w.String(v.String()); changed {
			return slog.StringValue(text)
		}
	case slog.KindGroup:
		members := make([]slog.Attr, len(v.Group()))
		for i, a := range v.Group() {
			members[i] = slog.Attr{Key: a.Key, Value: w.Value(a.Value, inside)}
		}
		return slog.GroupValue(members...)
	case slog.KindAny, slog.KindFloat64, slog.KindTime:
		if v.Kind() != slog.KindAny && w.Text {
			return v
		}
		w.verb = "%+v" // used by slog's TextHandler
		instead, changed := w.look(reflect.ValueOf(v.Any()), inside, w.Text)
		if !changed {
			return v
		}
		// A pointer may lead to something that slog would resolve.
		switch v = slog.AnyValue(instead); v.Kind() {
		case slog.KindLogValuer:
			return w.Value(v, inside)
		case slog.KindGroup:
			return w.Value(slog.GroupValue(w.Attrs(nil, v.Group())...), inside)
		}
	}
	return v
}

// Append appends x as fmt prints it with verb, which is %v or %#v. If a method
// panics, it returns a *PanicError.
func (w *Walk) Append(dst []byte, verb string, x any) (_ []byte, err error) {
	earlier := w.Err
	w.Err = nil
	dst = w.appendText(dst, verb, reflect.ValueOf(x))
	err = w.Err
	if earlier != nil {
		w.Err = earlier
	}
	return dst, err
}

func (w *Walk) appendText(dst []byte, verb string, v reflect.Value) []byte {
	defer func(before string) { w.verb = before }(w.verb)
	w.verb = verb
	if v.IsValid() && w.prints(v, traitsOf(v.Type())) {
		text, _ := w.callText(v.Interface(), verb) // only once
		return append(dst, text...)
	}
	return fmt.Appendf(dst, verb, w.logged(v, false, true))
}

// textOf returns the text of v, as if v were not inside another value: fmt
// follows a pointer then.
func (w *Walk) textOf(v reflect.Value) string {
	text, _ := w.String(string(w.appendText(nil, "%v", v)))
	return text
}

// Sprint is fmt.Sprint for any value, even one that contains itself.
func Sprint(x any) string {
	return fmt.Sprint(new(Walk).logged(reflect.ValueOf(x), false, true))
}

func (w *Walk) note(err error) {
	if w.Err == nil {
		w.Err = err
	}
}

// logged returns what is logged for v: a replacement, or v itself.
func (w *Walk) logged(v reflect.Value, inside, text bool) any {
	if instead, changed := w.look(v, inside, text); changed {
		return instead
	}
	return held(v)
}

// look reports whether v, or anything in it, cannot be logged as it is, and
// returns a replacement for v if so. If text is set, it looks for what fmt cannot
// print, otherwise also for what encoding/json cannot encode. If inside is set, v
// is part of a list, map or struct, where fmt follows no pointers.
func (w *Walk) look(v reflect.Value, inside, text bool) (instead any, changed bool) {
	if !v.IsValid() {
		return nil, false
	}
	if w.elements++; len(w.path) > maxDepth || w.exhausted() {
		return cut, true
	}
	if isPlain(v.Type()) {
		return nil, false
	}
	if has := traitsOf(v.Type()); has != 0 && v.CanInterface() {
		if instead, changed, done := w.lookAtMethods(v, has, inside, text); done {
			return instead, changed
		}
	}
	return w.lookInside(v, inside, text)
}

// lookAtMethods is look for a value with methods. It is done unless the parts of
// the value count as well.
func (w *Walk) lookAtMethods(v reflect.Value, has traits, inside, text bool) (instead any, changed, done bool) {
	switch x := v.Interface().(type) {
	case slog.Value:
		x, _ = w.Resolve(x, false)
		return w.logged(reflect.ValueOf(x.Any()), inside, text), true, true
	case slog.Attr:
		return x.Key + "=" + w.textOf(reflect.ValueOf(x.Value)), true, true
	case *slog.Value, *slog.Attr:
		instead, changed = w.follow(v, inside, text)
		return instead, changed, true
	case reflect.Value:
		if text {
			return w.logged(x, false, text), true, true
		}
		return w.textOf(x), true, true
	case *big.Int:
		if x != nil && (x.BitLen() > MaxBits || !w.Spend(x.BitLen())) {
			return cut, true, true
		}
	case error:
		if !text {
			message, changed := w.cutText(x, "")
			if changed || inside || isNil(v) {
				return message, true, true
			}
		}
	}
	if text {
		switch {
		case w.prints(v, has) && w.verb == "":
			return nil, false, true
		case w.prints(v, has):
			instead, changed = w.cutText(v.Interface(), w.verb)
			return instead, changed, true
		case w.verb == "%+v" && !inside && has&marshalsText != 0 && !w.encodes(v): // slog calls MarshalText
			return w.textOf(v), true, true
		}
		return nil, false, has&bounded != 0
	}
	if has&(marshals|viaPointer) == 0 || has&viaPointer != 0 && !v.CanAddr() || isNil(v) {
		return nil, false, has&isError != 0
	}
	changed = !w.encodes(v)
	if !changed && has&(prints|isError|bounded) == 0 {
		_, changed = w.lookInside(v, inside, true) // for a hook or formatter that uses fmt
	}
	if changed {
		instead = w.textOf(v)
	}
	return instead, changed, true
}

// lookInside is look for what a value is made of.
func (w *Walk) lookInside(v reflect.Value, inside, text bool) (instead any, changed bool) {
	switch v.Kind() {
	case reflect.String:
		return w.String(v.String())
	case reflect.Float32, reflect.Float64:
		changed = !text && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0))
	case reflect.Complex64, reflect.Complex128, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		changed = !text
	case reflect.Interface:
		return w.look(v.Elem(), inside, text)
	case reflect.Pointer:
		if text && inside {
			return nil, false // fmt prints its address
		}
		return w.follow(v, inside, text)
	case reflect.Map, reflect.Slice, reflect.Array, reflect.Struct:
		if v.Kind() == reflect.Map && !text && !w.encodesKeys(v) {
			return w.textOf(v), true
		}
		if !w.enter(v) {
			return cut, true
		}
		defer w.leave()
		switch v.Kind() {
		case reflect.Map:
			return w.lookAtMap(v, text)
		case reflect.Struct:
			return w.lookAtFields(v, text)
		}
		return w.lookAtList(v, text)
	}
	if changed {
		return fmt.Sprint(v), true
	}
	return nil, false
}

// follow looks at what a pointer points to. Its replacement takes the place of the
// pointer, so fmt still follows a pointer there.
func (w *Walk) follow(v reflect.Value, inside, text bool) (instead any, changed bool) {
	if !w.enter(v) {
		return cut, true
	}
	defer w.leave()
	return w.look(v.Elem(), inside || !text, text)
}

func (w *Walk) lookAtList(v reflect.Value, text bool) (any, bool) {
	if elem := v.Type().Elem(); elem.Kind() == reflect.Uint8 && isPlain(elem) { // bytes
		return []any{cut}, !w.Spend(v.Len())
	}
	items := w.parts(v.Len(), func(i int) (reflect.Value, bool) { return v.Index(i), text })
	if items != nil && len(items) < v.Len() {
		items = append(items, cut)
	}
	return items, items != nil
}

func (w *Walk) lookAtMap(v reflect.Value, text bool) (any, bool) {
	var all []reflect.Value // keys and elements in turn, as each range has an order of its own
	for entries := v.MapRange(); entries.Next() && len(all) <= maxElements; {
		all = append(all, entries.Key(), entries.Value())
	}
	items := w.parts(len(all), func(i int) (reflect.Value, bool) { return all[i], text || i%2 == 0 })
	parts := make(map[string]any, len(items)/2)
	for i := 1; i < len(items); i += 2 {
		key := fmt.Sprint(items[i-1 : i]) // in a list, so that fmt follows no pointer
		parts[key[1:len(key)-1]] = items[i]
	}
	if len(items) < 2*v.Len() {
		parts[cut] = cut
	}
	return parts, items != nil
}

// lookAtFields is look for a struct. JSON leaves some fields out. Those are only
// for fmt, which ignores them too if it prints the struct with a method.
func (w *Walk) lookAtFields(v reflect.Value, text bool) (any, bool) {
	t := v.Type()
	printed := w.prints(v, traitsOf(t))
	items := w.parts(t.NumField(), func(i int) (reflect.Value, bool) {
		_, hidden := fieldName(t.Field(i), text)
		if hidden && printed {
			return reflect.Value{}, text
		}
		return v.Field(i), text || hidden
	})
	parts := make(map[string]any, len(items))
	for i, item := range items {
		if name, hidden := fieldName(t.Field(i), text); !hidden || text {
			parts[name] = item
		}
	}
	return parts, items != nil
}

// parts looks at n parts of a value. It returns nil if all of them can be logged
// as they are. Otherwise it returns what to log for each, as far as the limits
// allow.
func (w *Walk) parts(n int, part func(i int) (v reflect.Value, text bool)) (items []any) {
	for i := range n {
		if w.exhausted() {
			break
		}
		v, text := part(i)
		item, changed := w.look(v, true, text)
		if changed && items == nil {
			for earlier := range i {
				v, _ := part(earlier)
				items = append(items, held(v))
			}
		}
		switch {
		case changed:
			items = append(items, item)
		case items != nil:
			items = append(items, held(v))
		}
	}
	return items
}

// enter reports whether the walk is not inside v already.
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

// held returns the value in v. For an unexported field it returns the text, with
// the addresses of pointers.
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

func isNil(v reflect.Value) bool { return v.Kind() == reflect.Pointer && v.IsNil() }

// isPlain reports whether t is bool or one of Go's integer types.
func isPlain(t reflect.Type) bool {
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Uintptr && t.PkgPath() == ""
}

// fieldName returns the name of a field, in JSON unless it is for text, and
// whether JSON leaves the field out.
func fieldName(f reflect.StructField, text bool) (name string, hidden bool) {
	name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
	hidden = !f.IsExported() && !f.Anonymous || name == "-"
	if name == "" || text {
		name = f.Name
	}
	return name, hidden
}
