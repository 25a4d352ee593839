package format

import (
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
)

// The interfaces that fmt prints a value through, for %v and for %#v.
var (
	typeFormatter = reflect.TypeFor[fmt.Formatter]()
	plainMethods  = []reflect.Type{typeFormatter, typeError, reflect.TypeFor[fmt.Stringer]()}
	typeReflected = reflect.TypeFor[reflect.Value]()
	syntaxMethods = []reflect.Type{typeFormatter, reflect.TypeFor[fmt.GoStringer]()}
)

func hasMethod(t reflect.Type, interfaces []reflect.Type) bool {
	if t == nil || t.Kind() != reflect.Interface && t.NumMethod() == 0 {
		return false
	}
	for _, i := range interfaces {
		if t.Implements(i) {
			return true
		}
	}
	return false
}

// measure goes where fmt would go to print x and fails where that is too far: a
// value that contains itself would have fmt overflow the stack, which ends the
// program, and a small one can print without end in practice. It reports whether
// a method would be called for something inside x.
func (r *run) measure(x any, methods []reflect.Type) (called bool, err error) {
	m := measure{run: r, methods: methods}
	err = m.visit(reflect.ValueOf(x), 0, true)
	return m.called, err
}

type measure struct {
	run     *run
	methods []reflect.Type
	called  bool
}

// visit measures v, which is printed by itself or as part of another.
func (m *measure) visit(v reflect.Value, depth int, itself bool) error {
	if depth > maxDepth {
		return errDepth
	}
	if err := m.run.spend(1); err != nil || !v.IsValid() {
		return err
	}
	if itself && v.Type() == typeReflected {
		// By itself it is printed as what it holds.
		if v = v.Interface().(reflect.Value); !v.IsValid() {
			return nil
		}
	}
	if v.CanInterface() && hasMethod(v.Type(), m.methods) {
		m.called = true
		// The methods of these print by itself what they hold, with %v, but for
		// the integer, whose size is its work.
		switch x := v.Interface().(type) {
		case *big.Int:
			if x != nil {
				return m.run.spend(x.BitLen())
			}
		case *slog.Value:
			if x != nil {
				return m.visit(reflect.ValueOf(x).Elem(), depth+1, true)
			}
		case *slog.Attr:
			if x != nil {
				return m.visit(reflect.ValueOf(x).Elem(), depth+1, true)
			}
		case slog.Value:
			return m.visit(reflect.ValueOf(x.Any()), depth+1, true)
		case slog.Attr:
			return m.visit(reflect.ValueOf(x.Value.Any()), depth+1, true)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		return m.run.spend(v.Len())
	case reflect.Interface:
		return m.visit(v.Elem(), depth+1, false)
	case reflect.Pointer:
		// fmt follows a pointer only in a value by itself.
		if !itself || v.IsNil() {
			return nil
		}
		switch v.Elem().Kind() {
		case reflect.Array, reflect.Slice, reflect.Struct, reflect.Map:
			return m.visit(v.Elem(), depth+1, false)
		}
	case reflect.Array, reflect.Slice:
		if isPlain(v.Type().Elem()) {
			return m.run.spend(v.Len())
		}
		for i := range v.Len() {
			if err := m.visit(v.Index(i), depth+1, false); err != nil {
				return err
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if err := m.visit(entries.Key(), depth+1, false); err != nil {
				return err
			}
			if err := m.visit(entries.Value(), depth+1, false); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := m.visit(v.Field(i), depth+1, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// isPlain reports whether a value of type t is one number: nothing in it to
// visit and no method that prints it.
func isPlain(t reflect.Type) bool {
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Complex128 && t.NumMethod() == 0
}
