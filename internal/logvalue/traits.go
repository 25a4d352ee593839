package logvalue

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
)

// traits are what the methods of a type are for. They are remembered by type,
// because looking for methods takes longer than everything else in a walk.
type traits uint8

const (
	isError      traits = 1 << iota
	marshalsJSON        // itself or, if JSON can take its address, a pointer to it
	marshalsText
	viaPointer // that is a pointer's method
	prints     // fmt prints it through a method
)

var known sync.Map // from reflect.Type to traits

func traitsOf(t reflect.Type) traits {
	if cached, ok := known.Load(t); ok {
		return cached.(traits)
	}
	var has traits
	add := func(t reflect.Type, i reflect.Type, trait traits) bool {
		if t.Implements(i) {
			has |= trait
			return true
		}
		return false
	}
	add(t, reflect.TypeFor[error](), isError|prints)
	add(t, reflect.TypeFor[fmt.Stringer](), prints)
	add(t, reflect.TypeFor[fmt.Formatter](), prints)
	if !add(t, reflect.TypeFor[json.Marshaler](), marshalsJSON) && !add(t, reflect.TypeFor[encoding.TextMarshaler](), marshalsText) {
		p := reflect.PointerTo(t)
		_ = add(p, reflect.TypeFor[json.Marshaler](), viaPointer) || add(p, reflect.TypeFor[encoding.TextMarshaler](), viaPointer)
	}
	if t.Kind() == reflect.Interface {
		has = 0 // what is in it counts
	}
	known.Store(t, has)
	return has
}

// isPlain reports whether t is one of the language's own types of whole numbers,
// or bool.
func isPlain(t reflect.Type) bool {
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Uintptr && t.PkgPath() == ""
}
