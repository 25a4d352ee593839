package logvalue

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
	"sync"
)

// traits say what the methods of a type are for. They are cached by type, because
// looking for methods takes longer than the rest of a walk.
type traits uint8

const (
	isError      traits = 1 << iota
	marshals            // json.Marshal calls a method
	viaPointer          // json.Marshal calls a method of a pointer to the value, if it can take its address
	marshalsText        // it has MarshalText, which is enough for the key of a map
	prints              // fmt calls a method for %v
	printsSyntax        // fmt calls a method for %#v
	bounded             // its methods are not called, since the walk knows the type
)

var known sync.Map // from reflect.Type to traits

func traitsOf(t reflect.Type) traits {
	if cached, ok := known.Load(t); ok {
		return cached.(traits)
	}
	var has traits
	add := func(t reflect.Type, trait traits, methods ...reflect.Type) {
		for _, i := range methods {
			if t.Implements(i) {
				has |= trait
			}
		}
	}
	toJSON, toText := reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()
	format := reflect.TypeFor[fmt.Formatter]()
	add(t, isError, reflect.TypeFor[error]())
	add(t, prints, format, reflect.TypeFor[error](), reflect.TypeFor[fmt.Stringer]())
	add(t, printsSyntax, format, reflect.TypeFor[fmt.GoStringer]())
	add(t, marshals, toJSON, toText)
	add(t, marshalsText, toText)
	if has&marshals == 0 {
		add(reflect.PointerTo(t), viaPointer, toJSON, toText)
	}
	switch t {
	case reflect.TypeFor[json.Number]():
		has |= marshals // encoding/json checks it
	case reflect.TypeFor[*big.Int](), reflect.TypeFor[reflect.Value](), reflect.TypeFor[slog.Value](), reflect.TypeFor[slog.Attr](),
		reflect.TypeFor[*slog.Value](), reflect.TypeFor[*slog.Attr]():
		has = has&^(prints|printsSyntax) | bounded
	}
	if t.Kind() == reflect.Interface {
		has = 0 // the value in it counts
	}
	known.Store(t, has)
	return has
}

// prints reports whether fmt prints v with a method.
func (w *Walk) prints(v reflect.Value, has traits) bool {
	if w.verb == "%#v" {
		return has&printsSyntax != 0 && v.CanInterface()
	}
	return has&prints != 0 && v.CanInterface()
}

// A PanicError says that a method called for a value panicked.
type PanicError struct{ Method, Reason string }

func (e *PanicError) Error() string {
	return "the method " + e.Method + " panicked: " + e.Reason
}

// Recovered turns a panic of the named method into an error. It must be deferred.
func Recovered(method string, err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{method, Sprint(p)}
	}
}

// callText returns what fmt prints with verb for x, which has a method for that.
// Without a verb it returns the message of an error. If the method panics, it
// returns a text that says so, or, like fmt, <nil> for a nil pointer.
func (w *Walk) callText(x any, verb string) (text string, panicked bool) {
	text, err := callText(x, verb)
	switch {
	case err == nil:
		return text, false
	case isNil(reflect.ValueOf(x)):
		return "<nil>", false
	}
	w.note(err)
	return err.Error(), true
}

func callText(x any, verb string) (text string, err error) {
	if f, is := x.(fmt.Formatter); is && verb != "" {
		text = fmt.Sprintf(verb, formatter{f, &err})
		return text, err
	}
	if s, is := x.(fmt.GoStringer); is && verb == "%#v" {
		defer Recovered("GoString", &err)
		return s.GoString(), nil
	}
	if e, is := x.(error); is {
		defer Recovered("Error", &err)
		return e.Error(), nil
	}
	defer Recovered("String", &err)
	return x.(fmt.Stringer).String(), nil
}

// cutText is callText within the limits. It reports whether the text has to be
// logged instead of x.
func (w *Walk) cutText(x any, verb string) (string, bool) {
	text, panicked := w.callText(x, verb)
	text, cut := w.String(text)
	return text, panicked || cut
}

// A formatter keeps fmt from turning a panic into text.
type formatter struct {
	fmt.Formatter
	err *error
}

func (f formatter) Format(s fmt.State, verb rune) {
	defer Recovered("Format", f.err)
	f.Formatter.Format(s, verb)
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

// encodesKeys reports whether encoding/json encodes the keys of a map.
func (w *Walk) encodesKeys(v reflect.Value) bool {
	t := v.Type().Key()
	if t.Kind() == reflect.String {
		return true
	}
	if traitsOf(t)&marshalsText == 0 {
		return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
	}
	for entries := v.MapRange(); entries.Next(); {
		if !w.encodes(entries.Key()) {
			return false
		}
	}
	return true
}

func encode(x any) (data []byte, err error) {
	defer Recovered("MarshalJSON or MarshalText", &err)
	return json.Marshal(x)
}

// logValue calls a LogValue method.
func logValue(v slog.LogValuer) (_ slog.Value, err error) {
	defer Recovered("LogValue", &err)
	return v.LogValue(), nil
}
