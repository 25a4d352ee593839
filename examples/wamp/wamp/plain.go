package wamp

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// plain converts a value of the program to types that every serializer can encode, by
// the rules of encoding/json: nil, bool, int64, uint64, float32, float64,
// bigNumber, string, []byte, []any and map[string]any. The result is a copy. A
// MarshalJSON method that panics is an error, because a caller waits for an answer.
func plain(v any) (made any, err error) {
	defer func() {
		if value := recover(); value != nil {
			made, err = nil, fmt.Errorf("encoding it panicked: %v", value)
		}
	}()
	return plainValue(v, 0)
}

// A bigNumber is the text of a number that fits no numeric type.
type bigNumber string

var (
	errNotText   = errors.New("a string in it is not UTF-8")
	errNotNumber = errors.New("a number in it is infinite, or not a number")
)

// plainValue handles the commonest types without reflection.
func plainValue(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case nil, bool, int64, uint64:
		return v, nil
	case int:
		return int64(v), nil
	case string:
		return plainText(v)
	case float64:
		return plainFloat(v, v)
	case []byte:
		if v == nil {
			return nil, nil
		}
		return bytes.Clone(v), nil
	case []any:
		if v == nil {
			return nil, nil
		}
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = plainValue(v[i], depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		if v == nil {
			return nil, nil
		}
		dict := make(map[string]any, len(v))
		for key, element := range v {
			if !utf8.ValidString(key) {
				return nil, errNotText
			}
			var err error
			if dict[key], err = plainValue(element, depth+1); err != nil {
				return nil, err
			}
		}
		return dict, nil
	case json.Number:
		return plainNumber(v)
	}
	return reflected(reflect.ValueOf(v), depth)
}

func plainText(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errNotText
	}
	return text, nil
}

func plainFloat(x float64, v any) (any, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, errNotNumber
	}
	return v, nil
}

func plainNumber(number json.Number) (any, error) {
	if number == "" {
		return int64(0), nil // as in encoding/json
	}
	if !json.Valid([]byte(number)) || number[0] != '-' && (number[0] < '0' || number[0] > '9') {
		return nil, fmt.Errorf("%.100q is not a number", string(number))
	}
	return sendable(numeral(string(number))), nil
}

// sendable is plain for a decoded value, which it changes in place.
func sendable(value any) any {
	switch value := value.(type) {
	case json.Number:
		return bigNumber(value)
	case []any:
		for i := range value {
			value[i] = sendable(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = sendable(value[key])
		}
	}
	return value
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshaler returns v or a pointer to it, whichever implements the interface t.
func marshaler(v reflect.Value, t reflect.Type) (any, bool) {
	switch {
	case v.Type().Implements(t):
		return v.Interface(), true
	case v.CanAddr() && reflect.PointerTo(v.Type()).Implements(t):
		return v.Addr().Interface(), true
	}
	return nil, false
}

func reflected(v reflect.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch v.Kind() {
	case reflect.Invalid:
		return nil, nil
	case reflect.Interface, reflect.Pointer, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return nil, nil
		}
	}
	if v.Kind() == reflect.Interface {
		return plainValue(v.Elem().Interface(), depth)
	}
	if own, is := marshaler(v, jsonMarshaler); is {
		return ownJSON(own)
	}
	if own, is := marshaler(v, textMarshaler); is {
		text, err := own.(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return nil, err
		}
		return plainText(string(text))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return reflected(v.Elem(), depth+1)
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint(), nil
	case reflect.Float32:
		return plainFloat(v.Float(), float32(v.Float()))
	case reflect.Float64:
		return plainFloat(v.Float(), v.Float())
	case reflect.String:
		return plainText(v.String())
	case reflect.Slice, reflect.Array:
		return reflectedList(v, depth)
	case reflect.Map:
		return reflectedMap(v, depth)
	case reflect.Struct:
		return reflectedStruct(v, depth)
	}
	return nil, fmt.Errorf("there is a %v in it", v.Type())
}

func reflectedList(v reflect.Value, depth int) (any, error) {
	if isBytes(v.Type()) {
		return bytes.Clone(v.Bytes()), nil
	}
	list := make([]any, v.Len())
	for i := range list {
		var err error
		if list[i], err = reflected(v.Index(i), depth+1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// isBytes reports whether encoding/json would encode a type in base64.
func isBytes(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uint8 {
		return false
	}
	p := reflect.PointerTo(t.Elem())
	return !p.Implements(jsonMarshaler) && !p.Implements(textMarshaler)
}

func reflectedMap(v reflect.Value, depth int) (any, error) {
	dict := make(map[string]any, v.Len())
	for key, element := range v.Seq2() {
		name, err := keyText(key)
		if err != nil {
			return nil, err
		}
		if dict[name], err = reflected(element, depth+1); err != nil {
			return nil, err
		}
	}
	return dict, nil
}

func keyText(key reflect.Value) (name string, err error) {
	if own, is := key.Interface().(encoding.TextMarshaler); is && key.Kind() != reflect.String {
		var text []byte
		text, err = own.MarshalText()
		name = string(text)
	} else {
		switch key.Kind() {
		case reflect.String:
			name = key.String()
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			name = strconv.FormatInt(key.Int(), 10)
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
			name = strconv.FormatUint(key.Uint(), 10)
		default:
			err = fmt.Errorf("there is a map in it whose keys are %v", key.Type())
		}
	}
	if err == nil && !utf8.ValidString(name) {
		err = errNotText
	}
	return name, err
}

func reflectedStruct(v reflect.Value, depth int) (any, error) {
	fields := fieldsOf(v.Type())
	dict := make(map[string]any, len(fields))
	for _, field := range fields {
		element, err := v.FieldByIndexErr(field.index)
		if err != nil || field.omitted(element) {
			continue // err says that an embedded pointer is nil
		}
		value, err := reflected(element, depth+1)
		if err != nil {
			return nil, err
		}
		dict[field.name] = field.quote(value)
	}
	return dict, nil
}

// A structField is a field with encoding/json's name and options for it.
type structField struct {
	name                      string
	index                     []int
	tagged                    bool
	omitEmpty, omitZero, text bool
}

var knownStructs sync.Map // of []structField by reflect.Type

func fieldsOf(t reflect.Type) []structField {
	if known, ok := knownStructs.Load(t); ok {
		return known.([]structField)
	}
	all := gather(t, nil, nil)
	// If several fields have one name, the least nested one counts, then the one
	// with a tag. If there are still several, none counts.
	slices.SortStableFunc(all, func(a, b structField) int {
		tagged := func(f structField) int {
			if f.tagged {
				return 0
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.name, b.name), len(a.index)-len(b.index), tagged(a)-tagged(b))
	})
	var fields []structField
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && all[n].name == all[i].name {
			n++
		}
		if n == i+1 || len(all[i].index) != len(all[i+1].index) || all[i].tagged != all[i+1].tagged {
			fields = append(fields, all[i])
		}
		i = n
	}
	knownStructs.Store(t, fields)
	return fields
}

// gather returns the fields of a struct and of the structs embedded in it. outer are
// the types that it is embedded in.
func gather(t reflect.Type, index []int, outer []reflect.Type) (fields []structField) {
	if slices.Contains(outer, t) {
		return nil
	}
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		at := append(slices.Clone(index), i)
		of := field.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		embeds := field.Anonymous && of.Kind() == reflect.Struct
		switch {
		case tag == "-" || !field.IsExported() && !embeds:
		case embeds && name == "":
			fields = append(fields, gather(of, at, append(outer, t))...)
		case field.IsExported():
			has := func(option string) bool { return slices.Contains(strings.Split(options, ","), option) }
			fields = append(fields, structField{
				name: cmp.Or(name, field.Name), index: at, tagged: name != "",
				omitEmpty: has("omitempty"), omitZero: has("omitzero"), text: has("string"),
			})
		}
	}
	return fields
}

func (f *structField) omitted(v reflect.Value) bool {
	if f.omitZero {
		if own, is := v.Interface().(interface{ IsZero() bool }); is && (v.Kind() != reflect.Pointer || !v.IsNil()) {
			return own.IsZero()
		}
		return v.IsZero()
	}
	if !f.omitEmpty {
		return false
	}
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// quote encodes a number, bool or string as text, for the option "string".
func (f *structField) quote(value any) any {
	if !f.text {
		return value
	}
	switch value.(type) {
	case bool, int64, uint64, float32, float64, string:
		return string(appendJSON(nil, value))
	}
	return value
}
