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
	marshals            // itself or, if JSON can take its address, a pointer to it
	marshalsText        // which is enough for a key of a map
	viaPointer          // that is a pointer's method
	prints              // fmt prints it through a method
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
	add(t, isError, reflect.TypeFor[error]())
	add(t, prints, reflect.TypeFor[error](), reflect.TypeFor[fmt.Stringer](), reflect.TypeFor[fmt.Formatter]())
	add(t, marshals, toJSON, toText)
	add(t, marshalsText, toText)
	if has&marshals == 0 {
		add(reflect.PointerTo(t), viaPointer, toJSON, toText)
	}
	if t == reflect.TypeFor[json.Number]() {
		has |= marshals // as far as encoding/json is concerned
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
