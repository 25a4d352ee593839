//go:build js && wasm

package browserloop

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"syscall/js"
	"time"
)

// A ConversionError is the error of a value that has no counterpart in the other
// language, or none of the wanted type.
type ConversionError struct {
	Path   string // to the value, such as ".users[2]"; empty for the value itself
	Reason string
}

// Error says what can't be converted.
func (e *ConversionError) Error() string {
	if e.Path == "" {
		return "browserloop: " + e.Reason
	}
	return fmt.Sprintf("browserloop: %s: %s", e.Path, e.Reason)
}

// refuse stops a conversion. ToJS and FromJS return it as their error.
func refuse(path, format string, args ...any) {
	panic(&ConversionError{path, fmt.Sprintf(format, args...)})
}

// refused turns the panic of refuse, or what JavaScript threw in a getter, into
// an error.
func refused(err *error) {
	switch value := recover().(type) {
	case nil:
	case *ConversionError:
		*err = value
	case js.Error:
		*err = errorFromJS(value.Value)
	default:
		panic(value)
	}
}

const (
	// maxDepth is how deep values may be nested. A value that contains itself is deeper.
	maxDepth = 500
	// maxSafe is the largest integer up to which a Number is exact.
	maxSafe = 1<<53 - 1
)

var (
	valueType   = reflect.TypeFor[js.Value]()
	errorType   = reflect.TypeFor[error]()
	timeType    = reflect.TypeFor[time.Time]()
	bigType     = reflect.TypeFor[big.Int]()
	bytesType   = reflect.TypeFor[[]byte]()
	anyType     = reflect.TypeFor[any]()
	nothingType = reflect.TypeFor[struct{}]()
)

// ToJS converts a value for JavaScript:
//
//   - nil, nil pointers, slices, maps and interfaces to null; struct{} to undefined;
//   - numbers to Number, integers beyond 2⁵³ and [big.Int] to BigInt;
//   - strings and booleans to the same, [time.Time] to Date, []byte to
//     Uint8Array, slices and arrays to Array;
//   - maps with strings as keys and structs to objects, whose properties are the
//     exported fields, by the names that encoding/json gives them;
//   - errors to Error objects, see [ToPromise]; a [js.Value] to itself.
//
// Anything else, a channel or a function, is a [*ConversionError].
func ToJS(value any) (converted js.Value, err error) {
	defer refused(&err)
	return toJS("", reflect.ValueOf(value), 0), nil
}

func toJS(path string, v reflect.Value, depth int) js.Value {
	if depth > maxDepth {
		refuse("", "it contains itself, or is nested too deeply")
	}
	if !v.IsValid() {
		return js.Null()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return js.Null()
		}
	}
	switch special := v.Interface().(type) {
	case js.Value:
		return special
	case js.Func:
		return special.Value
	case error:
		return errorToJS(special)
	case time.Time:
		return js.Global().Get("Date").New(float64(special.UnixMilli()))
	case big.Int:
		return bigInt(special.String())
	case []byte:
		array := js.Global().Get("Uint8Array").New(len(special))
		js.CopyBytesToJS(array, special)
		return array
	case struct{}:
		return js.Undefined()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return toJS(path, v.Elem(), depth+1)
	case reflect.Bool:
		return js.ValueOf(v.Bool())
	case reflect.String:
		return js.ValueOf(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); -maxSafe <= n && n <= maxSafe {
			return js.ValueOf(float64(n))
		}
		return bigInt(fmt.Sprint(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n <= maxSafe {
			return js.ValueOf(float64(n))
		}
		return bigInt(fmt.Sprint(v.Uint()))
	case reflect.Float32, reflect.Float64:
		return js.ValueOf(v.Float())
	case reflect.Slice, reflect.Array:
		array := js.Global().Get("Array").New(v.Len())
		for i := range v.Len() {
			array.SetIndex(i, toJS(index(path, i), v.Index(i), depth+1))
		}
		return array
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			made := newObject()
			for key, element := range v.Seq2() {
				made.set(key.String(), toJS(property(path, key.String()), element, depth+1))
			}
			return made.value()
		}
	case reflect.Struct:
		made := newObject()
		for name, field := range fields(v) {
			made.set(name, toJS(property(path, name), field, depth+1))
		}
		return made.value()
	}
	refuse(path, "a Go %s has no counterpart in JavaScript", v.Type())
	panic("unreachable")
}

// object collects the properties of a new object. This way a property may have any
// name, even __proto__.
type object struct{ entries js.Value }

func newObject() object { return object{js.Global().Get("Array").New()} }

func (o object) set(name string, value js.Value) {
	o.entries.Call("push", js.ValueOf([]any{name, value}))
}

func (o object) value() js.Value {
	return js.Global().Get("Object").Call("fromEntries", o.entries)
}

func bigInt(decimal string) js.Value { return js.Global().Get("BigInt").Invoke(decimal) }

// fields yields the exported fields of a struct with their names in JSON.
func fields(v reflect.Value) func(yield func(name string, field reflect.Value) bool) {
	return func(yield func(string, reflect.Value) bool) {
		for _, field := range reflect.VisibleFields(v.Type()) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.IsExported() || len(field.Index) > 1 || name == "-" {
				continue
			}
			if name == "" {
				name = field.Name
			}
			if !yield(name, v.FieldByIndex(field.Index)) {
				return
			}
		}
	}
}

func property(path, name string) string { return path + "." + name }
func index(path string, i int) string   { return fmt.Sprintf("%s[%d]", path, i) }

// FromJS converts a value of JavaScript's to a T, by the rules of [ToJS] the other
// way round. Properties that T has no field for are left out, as in encoding/json.
//
// If T is any, the value decides the type: nil for null and undefined,
// float64, [*big.Int], string, bool, [time.Time], []byte, []any, map[string]any or
// an error. If T is [js.Value], the result is the value itself. Anything else, a
// function or a number that T doesn't hold, is a [*ConversionError].
func FromJS[T any](value js.Value) (converted T, err error) {
	defer refused(&err)
	var result T
	fromJS("", value, reflect.ValueOf(&result).Elem(), 0)
	return result, nil
}

// typeBigInt is the type of a BigInt, which package js doesn't know.
const typeBigInt = js.Type(-1)

// typeOf is value.Type(), which panics if the value is a BigInt.
func typeOf(value js.Value) (t js.Type) {
	defer func() {
		if recover() != nil {
			t = typeBigInt
		}
	}()
	return value.Type()
}

// classOf returns JavaScript's class of a value: "Array", "Date", "Map".
func classOf(value js.Value) string {
	text := js.Global().Get("Object").Get("prototype").Get("toString").Call("call", value).String()
	return strings.TrimSuffix(strings.TrimPrefix(text, "[object "), "]")
}

func isError(class string) bool { return class == "Error" || class == "DOMException" }

func fromJS(path string, value js.Value, to reflect.Value, depth int) {
	if depth > maxDepth {
		refuse("", "it contains itself, or is nested too deeply")
	}
	if to.Type() == valueType {
		to.Set(reflect.ValueOf(value))
		return
	}
	if value.IsNull() || value.IsUndefined() {
		switch to.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
			to.SetZero()
			return
		}
		if to.Type() == nothingType {
			return
		}
	}
	class := classOf(value)
	mismatch := func() { refuse(path, "%s of JavaScript's is no %s", describe(class, value), to.Type()) }
	switch to.Type() {
	case anyType:
		fromJSToAny(path, class, value, to, depth)
		return
	case errorType:
		if !isError(class) {
			mismatch()
		}
		to.Set(reflect.ValueOf(errorFromJS(value)))
		return
	case timeType:
		if class != "Date" || math.IsNaN(value.Call("getTime").Float()) {
			mismatch()
		}
		to.Set(reflect.ValueOf(time.UnixMilli(int64(value.Call("getTime").Float()))))
		return
	case bigType:
		to.Set(reflect.ValueOf(*integer(value, mismatch)))
		return
	case bytesType:
		if class != "Uint8Array" {
			mismatch()
		}
		bytes := make([]byte, value.Length())
		js.CopyBytesToGo(bytes, value)
		to.SetBytes(bytes)
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		made := reflect.New(to.Type().Elem())
		fromJS(path, value, made.Elem(), depth+1)
		to.Set(made)
		return
	case reflect.Bool:
		if typeOf(value) == js.TypeBoolean {
			to.SetBool(value.Bool())
			return
		}
	case reflect.String:
		if typeOf(value) == js.TypeString {
			to.SetString(value.String())
			return
		}
	case reflect.Float32, reflect.Float64:
		if typeOf(value) == js.TypeNumber {
			to.SetFloat(value.Float())
			return
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := integer(value, mismatch); n.IsInt64() && !to.OverflowInt(n.Int64()) {
			to.SetInt(n.Int64())
			return
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := integer(value, mismatch); n.IsUint64() && !to.OverflowUint(n.Uint64()) {
			to.SetUint(n.Uint64())
			return
		}
	case reflect.Slice, reflect.Array:
		if class == "Array" && (to.Kind() == reflect.Slice || to.Len() == js.Global().Get("Reflect").Call("get", value, "length").Int()) {
			plain := js.Global().Get("Array").Call("from", value) // reading its elements does not throw
			if to.Kind() == reflect.Slice {
				to.Set(reflect.MakeSlice(to.Type(), plain.Length(), plain.Length()))
			}
			for i := range to.Len() {
				fromJS(index(path, i), plain.Index(i), to.Index(i), depth+1)
			}
			return
		}
	case reflect.Map:
		if class == "Object" && to.Type().Key().Kind() == reflect.String {
			to.Set(reflect.MakeMap(to.Type()))
			for name, own := range properties(value) {
				element := reflect.New(to.Type().Elem()).Elem()
				fromJS(property(path, name), own, element, depth+1)
				to.SetMapIndex(reflect.ValueOf(name).Convert(to.Type().Key()), element)
			}
			return
		}
	case reflect.Struct:
		if class == "Object" {
			own := map[string]js.Value{}
			for name, value := range properties(value) {
				own[name] = value
			}
			for name, field := range fields(to) {
				if value, has := own[name]; has {
					fromJS(property(path, name), value, field, depth+1)
				}
			}
			return
		}
	}
	mismatch()
}

// fromJSToAny sets an any to a Go value of the type that fits.
func fromJSToAny(path, class string, value js.Value, to reflect.Value, depth int) {
	as := func(t reflect.Type) {
		made := reflect.New(t).Elem()
		fromJS(path, value, made, depth+1)
		to.Set(made)
	}
	switch {
	case typeOf(value) == js.TypeBoolean:
		as(reflect.TypeFor[bool]())
	case typeOf(value) == js.TypeNumber:
		as(reflect.TypeFor[float64]())
	case typeOf(value) == js.TypeString:
		as(reflect.TypeFor[string]())
	case typeOf(value) == typeBigInt:
		as(reflect.TypeFor[*big.Int]())
	case class == "Date":
		as(timeType)
	case class == "Uint8Array":
		as(bytesType)
	case class == "Array":
		as(reflect.TypeFor[[]any]())
	case isError(class):
		as(errorType)
	case class == "Object":
		as(reflect.TypeFor[map[string]any]())
	default:
		refuse(path, "%s of JavaScript's has no counterpart in Go", describe(class, value))
	}
}

func describe(class string, value js.Value) string {
	switch typeOf(value) {
	case js.TypeNumber, js.TypeBoolean, js.TypeNull, js.TypeUndefined:
		return "the value " + js.Global().Get("String").Invoke(value).String()
	}
	return "a value of type " + class
}

// integer returns a Number without a fraction or a BigInt.
func integer(value js.Value, mismatch func()) *big.Int {
	n, ok := new(big.Int), false
	switch {
	case typeOf(value) == typeBigInt:
		_, ok = n.SetString(js.Global().Get("String").Invoke(value).String(), 10)
	case typeOf(value) == js.TypeNumber && value.Float() == math.Trunc(value.Float()) && !math.IsInf(value.Float(), 0):
		big.NewFloat(value.Float()).Int(n)
		ok = true
	}
	if !ok {
		mismatch()
	}
	return n
}

// properties yields an object's own properties that are enumerable.
func properties(value js.Value) func(yield func(name string, own js.Value) bool) {
	return func(yield func(string, js.Value) bool) {
		entries := js.Global().Get("Object").Call("entries", value)
		for i := range entries.Length() {
			if !yield(entries.Index(i).Index(0).String(), entries.Index(i).Index(1)) {
				return
			}
		}
	}
}
