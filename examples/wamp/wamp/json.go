package wamp

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// marshal encodes a value of the program's. A MarshalJSON that panics is an
// error, because somebody waits for an answer.
func marshal(v any) (encoded json.RawMessage, err error) {
	defer func() {
		if value := recover(); value != nil {
			encoded, err = nil, fmt.Errorf("encoding it panicked: %v", value)
		}
	}()
	encoded, err = json.Marshal(withBinary(v, 0))
	if err == nil && !isUTF8(encoded) {
		err = errors.New("a string in it is not UTF-8")
	}
	return encoded, err
}

// isUTF8 reports whether encoding/json had nothing to replace. It writes \ufffd for
// each byte that is not UTF-8, and a U+FFFD that was there before as it is.
func isUTF8(encoded []byte) bool {
	for rest := encoded; ; {
		i := bytes.Index(rest, []byte(`\ufffd`))
		if i < 0 {
			return utf8.Valid(encoded)
		}
		before := rest[:i]
		if (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 0 { // else it is an escaped backslash, and text
			return false
		}
		rest = rest[i+1:]
	}
}

// Binary data is a string in JSON, which begins with NUL and goes on in base64.
const binaryMark = "\x00"

// binary returns the data in a string that was received.
func binary(text string) (data []byte, is bool) {
	encoded, is := strings.CutPrefix(text, binaryMark)
	if !is {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	return data, err == nil
}

// maxDepth is where withBinary stops: deeper is only what contains itself, and
// encoding/json says so.
const maxDepth = 1000

// withBinary returns v with the binary data in it, at any depth, as it is sent.
// Types with a MarshalJSON or MarshalText of their own are left alone.
func withBinary(v any, depth int) any {
	switch v := v.(type) {
	case nil, bool, string, int, int64, float64, json.RawMessage:
		return v
	case []byte:
		if v == nil {
			return nil
		}
		return binaryMark + base64.StdEncoding.EncodeToString(v)
	}
	value := reflect.ValueOf(v)
	if depth > maxDepth || !mayHoldBinary(value.Type(), nil) {
		return v
	}
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return withBinary(value.Elem().Interface(), depth+1)
	case reflect.Slice, reflect.Array:
		return listWithBinary(value, depth+1)
	case reflect.Map:
		return mapWithBinary(value, depth+1)
	}
	return structWithBinary(value, depth+1)
}

var anyType = reflect.TypeFor[any]()

func listWithBinary(value reflect.Value, depth int) any {
	if value.Kind() == reflect.Slice && value.IsNil() {
		return nil
	}
	if isBytes(value.Type()) {
		return withBinary(value.Bytes(), depth)
	}
	list := make([]any, value.Len())
	for i := range list {
		list[i] = withBinary(value.Index(i).Interface(), depth)
	}
	return list
}

func mapWithBinary(value reflect.Value, depth int) any {
	if value.IsNil() {
		return nil
	}
	dict := reflect.MakeMapWithSize(reflect.MapOf(value.Type().Key(), anyType), value.Len())
	for key, element := range value.Seq2() {
		set := reflect.New(anyType).Elem()
		setAny(set, withBinary(element.Interface(), depth))
		dict.SetMapIndex(key, set)
	}
	return dict.Interface()
}

// structWithBinary makes a struct of another type, with the same names and tags.
func structWithBinary(value reflect.Value, depth int) any {
	var (
		fields []reflect.StructField
		values []reflect.Value
	)
	for _, field := range reflect.VisibleFields(value.Type()) {
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if !field.IsExported() || tag == "-" || field.Anonymous && name == "" && isStruct(field.Type) {
			continue
		}
		element, err := value.FieldByIndexErr(field.Index)
		if err != nil {
			continue // of an embedded pointer that is nil
		}
		left := strings.Contains(options, "omitempty") && isEmpty(element) || strings.Contains(options, "omitzero") && element.IsZero()
		if left {
			continue
		}
		if mayHoldBinary(field.Type, nil) {
			set := reflect.New(anyType).Elem()
			setAny(set, withBinary(element.Interface(), depth))
			field.Type, element = anyType, set
		}
		fields = append(fields, reflect.StructField{Name: field.Name, Type: field.Type, Tag: field.Tag})
		values = append(values, element)
	}
	made := reflect.New(reflect.StructOf(fields)).Elem()
	for i, element := range values {
		made.Field(i).Set(element)
	}
	return made.Interface()
}

func setAny(into reflect.Value, v any) {
	if v != nil {
		into.Set(reflect.ValueOf(v))
	}
}

func isStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// isEmpty is what encoding/json leaves out with omitempty.
func isEmpty(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return value.Len() == 0
	case reflect.Struct:
		return false
	}
	return value.IsZero()
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// mayHoldBinary reports whether there can be binary data in a value of type t.
// outer are the types that contain it.
func mayHoldBinary(t reflect.Type, outer []reflect.Type) bool {
	for _, seen := range outer {
		if seen == t {
			return false // what it holds besides itself says it
		}
	}
	if p := reflect.PointerTo(t); t.Kind() != reflect.Interface && (p.Implements(jsonMarshaler) || p.Implements(textMarshaler)) {
		return false
	}
	outer = append(outer, t)
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Pointer:
		return isBytes(t) || mayHoldBinary(t.Elem(), outer)
	case reflect.Struct:
		for field := range t.Fields() {
			if (field.IsExported() || field.Anonymous) && mayHoldBinary(field.Type, outer) {
				return true
			}
		}
	}
	return false
}
