package wamp

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// A Payload has the positional and keyword arguments of a call, a result, an event
// or an error.
//
// With each [Serializer], values to send are encoded by the rules of encoding/json,
// with its tags and methods. They are read before the function that sends them, or the
// endpoint that returns them, returns. A []byte, at any depth, is binary data:
// MessagePack and CBOR carry it unchanged, and in JSON it is WAMP's string of NUL and
// base64. A string that is not UTF-8 is an error. Empty arguments are left out, as
// the protocol recommends. But Kwargs that are empty and not nil are sent as {},
// because some routers send null if they are left out.
//
// Received integers are int64, or uint64 if they are too large for that. Other
// numbers are float64, and a number that fits none of these is a json.Number. Binary
// data is a []byte, a time of MessagePack or CBOR a [time.Time]. Lists are []any and
// dictionaries map[string]any.
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

// Scan stores the positional arguments in the variables that the pointers point to:
// unchanged if the types allow it, else as json.Unmarshal would. It is an error if
// there are fewer arguments than pointers. Further arguments are ignored.
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

// assign stores value in the variable that target points to, if its type allows it.
func assign(target, value any) bool {
	into := reflect.ValueOf(target)
	if value == nil || into.Kind() != reflect.Pointer || into.IsNil() || !reflect.TypeOf(value).AssignableTo(into.Type().Elem()) {
		return false
	}
	into.Elem().Set(reflect.ValueOf(value))
	return true
}

// An element of a message holds a value that plain has made. If the value is nil, the
// element is left out. Only the last elements may be left out.
type element struct{ value any }

// body is a payload as it is sent.
type body struct{ args, kwargs element }

// encode makes the elements of p for a message. They are never null.
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
