package gojaloop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// toJS converts a value to JavaScript.
func (l *Loop) toJS(value any) (converted goja.Value, err error) {
	defer func() {
		if panicked := recover(); panicked != nil { // a method of value's
			err = noCounterpart(value, "JavaScript", l.panicked(panicked))
		}
	}()
	switch value := value.(type) {
	case struct{}:
		return goja.Undefined(), nil
	case float64: // JSON has no NaN and no infinities
		return l.vm.ToValue(value), nil
	case goja.Value:
		return l.vm.ToValue(value), nil // panics if it is another runtime's
	case error:
		return l.toReason(value), nil
	}
	text, err := json.Marshal(value)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		converted, err = l.decode(decoder)
	}
	if err != nil {
		return nil, noCounterpart(value, "JavaScript", err)
	}
	return converted, nil
}

func noCounterpart(value any, in string, err error) error {
	return fmt.Errorf("gojaloop: a value of type %T has no counterpart in %s: %w", value, in, err)
}

// decode reads a value. JSON.parse would round integers.
func (l *Loop) decode(d *json.Decoder) (goja.Value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return l.number(token.String())
	case json.Delim:
		if token == '[' {
			return l.decodeArray(d)
		}
		return l.decodeObject(d)
	case nil:
		return goja.Null(), nil
	}
	return l.vm.ToValue(token), nil
}

func (l *Loop) decodeArray(d *json.Decoder) (goja.Value, error) {
	var items []any
	for d.More() {
		item, err := l.decode(d)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.Token()
	return l.vm.NewArray(items...), err
}

func (l *Loop) decodeObject(d *json.Decoder) (goja.Value, error) {
	object := l.vm.NewObject()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := l.decode(d)
		if err != nil {
			return nil, err
		}
		// Define the property, because setting __proto__ would have another effect.
		err = object.DefineDataProperty(key.(string), value, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		if err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

// number converts a number that is exact, or was a floating-point number.
func (l *Loop) number(text string) (goja.Value, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.ContainsAny(text, ".eE") && strconv.FormatFloat(f, 'f', -1, 64) != text {
		return nil, fmt.Errorf("no JavaScript number equals %s", text)
	}
	return l.vm.ToValue(f), nil
}

// fromJS converts a value from JavaScript.
func fromJS[T any](l *Loop, value goja.Value) (result T, err error) {
	if raw, is := any(&result).(*goja.Value); is {
		*raw = value
		return result, nil
	}
	if goja.IsUndefined(value) {
		return result, nil
	}
	defer func() {
		if panicked := recover(); panicked != nil { // a method of result's
			err = l.panicked(panicked)
		}
		if err != nil {
			result, err = *new(T), fmt.Errorf("gojaloop: the value cannot be converted to %v: %w", reflect.TypeFor[T](), err)
		}
	}()
	text, err := l.stringify(goja.Undefined(), value, l.replacer)
	if err != nil || goja.IsUndefined(text) {
		return result, l.thrown(err)
	}
	return result, json.Unmarshal([]byte(text.String()), &result)
}

// mustBeData is a replacer for JSON.stringify. It throws if JSON.stringify would leave
// a value out, or change it.
func (l *Loop) mustBeData(call goja.FunctionCall) goja.Value {
	value := call.Argument(1)
	what := ""
	switch object, is := value.(*goja.Object); {
	case is && !isData(object):
		what = "a value of class " + object.Get("constructor").ToObject(l.vm).Get("name").String()
	case is:
	case goja.IsNumber(value) && (math.IsNaN(value.ToFloat()) || math.IsInf(value.ToFloat(), 0)):
		what = value.String()
	default:
		if _, is := value.(*goja.Symbol); is {
			what = "a symbol"
		}
	}
	if what != "" {
		panic(l.vm.NewTypeError("%s has no counterpart in Go", what))
	}
	return value
}

// isData reports whether JSON can represent an object completely.
func isData(object *goja.Object) bool {
	switch object.ClassName() {
	case "Array", "Number", "String", "Boolean":
		return true
	case "Object": // also the class of some others
		exported := object.ExportType()
		return exported.Kind() != reflect.Slice && // a Map, a Set or a typed array
			exported != reflect.TypeFor[*goja.Promise]() && exported != reflect.TypeFor[goja.ArrayBuffer]()
	}
	return false
}
