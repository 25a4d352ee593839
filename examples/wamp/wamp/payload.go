package wamp

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// A Payload is what a call, a result, an event or an error carries: positional
// and keyword arguments.
//
// What is sent is read as encoding/json does it, with its tags and methods, before
// the function that it is given to, or the endpoint that returns it, returns. That is so
// with each [Serializer]. A []byte, at any depth, is binary data: as it is in
// MessagePack and CBOR, and as WAMP has it in JSON, a string of NUL and base64. A
// string that is not UTF-8 is an error. What is empty is left out, as the protocol
// recommends, but for Kwargs that are empty and not nil: they are sent as {},
// for routers that make null of what is left out.
//
// In what is received, integers are int64, or uint64 if they are too large for
// that, and other numbers float64; one that fits none of them is a json.Number.
// Binary data is a []byte, a time of MessagePack or CBOR a [time.Time]. Lists are
// []any and dictionaries map[string]any.
type Payload struct {
	Args   []any
	Kwargs map[string]any
}

// Args returns a payload of positional arguments.
func Args(args ...any) Payload { return Payload{Args: args} }

// With returns the payload with keyword arguments added.
func (p Payload) With(kwargs map[string]any) Payload {
	merged := maps.Clone(p.Kwargs)
	if merged == nil {
		merged = make(map[string]any, len(kwargs))
	}
	maps.Copy(merged, kwargs)
	return Payload{p.Args, merged}
}

// Scan stores the positional arguments in what the pointers point to: as they are
// if the types allow it, else as json.Unmarshal would. It is an error if there
// are fewer arguments than pointers; further arguments are ignored.
func (p Payload) Scan(into ...any) error {
	if len(p.Args) < len(into) {
		return &Error{URI: InvalidArgument, Payload: Args(fmt.Sprintf("%d arguments are needed, and there are %d", len(into), len(p.Args)))}
	}
	for i, target := range into {
		if assign(target, p.Args[i]) {
			continue
		}
		encoded, err := json.Marshal(p.Args[i])
		if err == nil {
			err = json.Unmarshal(encoded, target)
		}
		if err != nil {
			return &Error{URI: InvalidArgument, Payload: Args(fmt.Sprintf("argument %d: %v", i+1, err))}
		}
	}
	return nil
}

// assign stores value in what target points to, if its type allows it.
func assign(target, value any) bool {
	into := reflect.ValueOf(target)
	if value == nil || into.Kind() != reflect.Pointer || into.IsNil() || !reflect.TypeOf(value).AssignableTo(into.Type().Elem()) {
		return false
	}
	into.Elem().Set(reflect.ValueOf(value))
	return true
}

// An element of a message is a value that plain has made. A nil value leaves it
// out, which only the last ones may do.
type element struct{ value any }

// body is a payload as it is sent.
type body struct{ args, kwargs element }

// encode makes the elements of a message of p, never null.
func (p Payload) encode() (b body, err error) {
	if len(p.Args) > 0 {
		if b.args.value, err = plain(p.Args); err != nil {
			return body{}, fmt.Errorf("the arguments cannot be sent: %w", err)
		}
	}
	if p.Kwargs != nil {
		if b.kwargs.value, err = plain(p.Kwargs); err != nil {
			return body{}, fmt.Errorf("the keyword arguments cannot be sent: %w", err)
		}
		if b.args.value == nil {
			b.args.value = []any{}
		}
	}
	return b, nil
}
