package format

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/txaio-go/txaio/internal/logvalue"
)

// maxDepth limits how deep pointers lead to pointers.
const maxDepth = 100

var errDepth = fmt.Errorf("the value is nested more than %d levels deep, or contains itself", maxDepth)

// A float32Value is a float32. slog.AnyValue would convert a float32 to float64, whose
// shortest text has more digits.
type float32Value float32

// follow returns the value that parts lead to from v, resolved.
func (r *run) follow(v slog.Value, parts []part) (slog.Value, error) {
	if len(parts) == 0 {
		return r.resolve(v)
	}
	rv := reflect.ValueOf(v)
	for i := range parts {
		var err error
		if rv, err = r.step(rv, &parts[i]); err != nil {
			return slog.Value{}, err
		}
	}
	rv, err := r.settle(rv)
	if err != nil || !rv.IsValid() {
		return slog.Value{}, err
	}
	x := rv.Interface()
	if f, ok := x.(float32); ok {
		x = float32Value(f)
	}
	return slog.AnyValue(x), nil
}

// resolve returns the value that v resolves to. An error stands for itself.
func (r *run) resolve(v slog.Value) (slog.Value, error) {
	v, err := r.walk.Resolve(v, false)
	if err == nil && v.Kind() == slog.KindAny {
		if panicked, is := v.Any().(*logvalue.PanicError); is {
			err = panicked // it was resolved before
		}
	}
	return v, err
}

// settle unwraps interfaces, slog.Values and slog.LogValuers. A nil interface becomes
// the zero reflect.Value.
func (r *run) settle(rv reflect.Value) (reflect.Value, error) {
	for {
		if rv.Kind() == reflect.Interface {
			rv = rv.Elem()
		}
		if !rv.IsValid() {
			return rv, nil
		}
		var v slog.Value
		switch x := rv.Interface().(type) {
		case slog.Value:
			v = x
		case error:
			return rv, nil
		case slog.LogValuer:
			v = slog.AnyValue(x)
		default:
			return rv, nil
		}
		v, err := r.resolve(v)
		if err != nil {
			return rv, err
		}
		rv = reflect.ValueOf(v.Any())
	}
}

// step returns the part p of rv.
func (r *run) step(rv reflect.Value, p *part) (reflect.Value, error) {
	out, ok, err := r.find(rv, p, p.name, member)
	if !ok && err == nil && p.upper != "" {
		if out, ok, err = r.find(rv, p, p.upper, member); !ok && err == nil {
			out, ok, err = r.find(rv, p, p.name, foldedMember)
		}
	}
	if ok || err != nil {
		return out, err
	}
	rv, _ = r.settle(rv)
	switch {
	case !rv.IsValid():
		return rv, fmt.Errorf("nil has no part %q", p.name)
	case rv.Kind() == reflect.Pointer && rv.IsNil():
		return rv, fmt.Errorf("a nil %s has no part %q", rv.Type(), p.name)
	}
	return rv, fmt.Errorf("a value of type %s has no part %q", rv.Type(), p.name)
}

// A finder looks for a method or a struct field.
type finder func(rv reflect.Value, name string) (out reflect.Value, ok bool, err error)

// find looks for the part p under the given name, in rv and in the value it points
// to.
func (r *run) find(rv reflect.Value, p *part, name string, member finder) (out reflect.Value, ok bool, err error) {
	item := func(rv reflect.Value, name string) (reflect.Value, bool, error) { return r.item(rv, p, name) }
	first, second := member, finder(item)
	if p.item {
		first, second = second, first
	}
	for range maxDepth {
		if rv, err = r.settle(rv); err != nil || !rv.IsValid() {
			return rv, false, err
		}
		if out, ok, err = first(rv, name); !ok && err == nil {
			out, ok, err = second(rv, name)
		}
		if ok || err != nil {
			return out, ok, err
		}
		if rv.Kind() != reflect.Pointer || rv.IsNil() {
			return rv, false, nil
		}
		rv = rv.Elem()
	}
	return rv, false, errDepth
}

// foldedMember looks for a method or a field, ignoring case: {conn.url} is URL.
func foldedMember(rv reflect.Value, name string) (out reflect.Value, ok bool, err error) {
	with := addressed(rv).Type()
	for i := range with.NumMethod() {
		if m := with.Method(i).Name; strings.EqualFold(m, name) {
			return member(rv, m)
		}
	}
	if rv.Kind() != reflect.Struct {
		return rv, false, nil
	}
	f, ok := rv.Type().FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, name) })
	if !ok {
		return rv, false, nil
	}
	return member(rv, f.Name)
}

// addressed returns a pointer to rv if rv is addressable, since a pointer has more
// methods.
func addressed(rv reflect.Value) reflect.Value {
	if rv.CanAddr() && rv.Kind() != reflect.Pointer {
		return rv.Addr()
	}
	return rv
}

// member looks for a method or a field with the given name.
func member(rv reflect.Value, name string) (out reflect.Value, ok bool, err error) {
	if first, _ := utf8.DecodeRuneInString(name); !unicode.IsUpper(first) {
		return rv, false, nil
	}
	if m := addressed(rv).MethodByName(name); m.IsValid() && isGetter(m.Type()) {
		out, err = call(m, name)
		return out, err == nil, err
	}
	if rv.Kind() != reflect.Struct {
		return rv, false, nil
	}
	f, ok := rv.Type().FieldByName(name)
	if !ok {
		return rv, false, nil
	}
	out, err = rv.FieldByIndexErr(f.Index)
	if err != nil {
		return rv, false, fmt.Errorf("the field %q is in an embedded pointer that is nil", name)
	}
	return out, true, nil
}

func isGetter(t reflect.Type) bool {
	return t.NumIn() == 0 && (t.NumOut() == 1 || t.NumOut() == 2 && t.Out(1) == reflect.TypeFor[error]())
}

func call(m reflect.Value, name string) (out reflect.Value, err error) {
	defer logvalue.Recovered(name, &err)
	results := m.Call(nil)
	if len(results) == 2 && !results[1].IsNil() {
		return results[0], fmt.Errorf("the method %s failed: %w", name, results[1].Interface().(error))
	}
	return results[0], nil
}

// item looks for a map key, an index or an attribute of a group.
func (r *run) item(rv reflect.Value, p *part, name string) (out reflect.Value, ok bool, err error) {
	switch kind := rv.Kind(); {
	case kind == reflect.Map:
		out, err = r.key(rv, p.index, name)
		return out, out.IsValid(), err
	case kind == reflect.Slice && rv.Type() == reflect.TypeFor[[]slog.Attr]():
		for _, a := range slices.Backward(rv.Interface().([]slog.Attr)) {
			if a.Key == name {
				return reflect.ValueOf(a.Value), true, nil
			}
		}
	case p.index < 0:
	case kind == reflect.Slice || kind == reflect.Array:
		if p.index < rv.Len() {
			return rv.Index(p.index), true, nil
		}
		err = fmt.Errorf("the index %d is out of range: there are %d elements", p.index, rv.Len())
	case kind == reflect.String:
		if err = r.spend(min(p.index, rv.Len())); err != nil {
			break
		}
		if rest := rv.String()[len(firstRunes(rv.String(), p.index)):]; rest != "" {
			return reflect.ValueOf(firstRunes(rest, 1)), true, nil
		}
		err = fmt.Errorf("the index %d is out of range of the string", p.index)
	}
	return rv, false, err
}

// key returns the element of the map m with the given name as its key, or with index
// if that is not negative. It returns the zero reflect.Value if there is none.
func (r *run) key(m reflect.Value, index int, name string) (reflect.Value, error) {
	t := m.Type().Key()
	switch {
	case t.Kind() == reflect.Interface:
		return r.interfaceKey(m, index, name)
	case t.Kind() == reflect.String:
		return m.MapIndex(reflect.ValueOf(name).Convert(t)), nil
	case index < 0 || t.Kind() < reflect.Int || t.Kind() > reflect.Uintptr:
		return reflect.Value{}, nil
	}
	key := reflect.ValueOf(index).Convert(t)
	if !isInt(key, index) { // it overflows
		return reflect.Value{}, nil
	}
	return m.MapIndex(key), nil
}

// interfaceKey looks at all keys, since the type of the key is not known. If
// several match, text wins, then the name of the type decides, so that the result is
// always the same.
func (r *run) interfaceKey(m reflect.Value, index int, name string) (reflect.Value, error) {
	if err := r.spend(m.Len()); err != nil {
		return reflect.Value{}, err
	}
	var found reflect.Value
	best := ""
	for entries := m.MapRange(); entries.Next(); {
		key := entries.Key().Elem()
		isName := key.Kind() == reflect.String && key.String() == name
		if !isName && (index < 0 || !isInt(key, index)) {
			continue
		}
		if rank := fmt.Sprint(!isName, key.Type()); best == "" || rank < best { // false comes first
			best, found = rank, entries.Value()
		}
	}
	return found, nil
}

func isInt(key reflect.Value, n int) bool {
	return key.CanInt() && key.Int() == int64(n) || key.CanUint() && key.Uint() == uint64(n)
}
