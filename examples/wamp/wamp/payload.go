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
// What is sent is encoded as encoding/json does it, before the function that
// it is given to, or the endpoint that returns it, returns. A []byte, at any depth,
// is sent as WAMP's JSON has it: a string of NUL and base64. A string that is not
// UTF-8 is an error. What is empty is left out, as the protocol
// recommends, but for Kwargs that are empty and not nil: they are sent as {},
// for routers that make null of what is left out.
//
// In what is received, integers are int64 and other numbers float64; one that
// fits neither is a json.Number. Binary data is a []byte.
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

// body is a payload as it is sent. An element that is not needed is nil.
type body struct{ args, kwargs json.RawMessage }

// encode makes the elements of a message of p, never null.
func (p Payload) encode() (b body, err error) {
	if len(p.Args) > 0 {
		if b.args, err = marshal(p.Args); err != nil {
			return body{}, fmt.Errorf("the arguments cannot be sent: %w", err)
		}
	}
	if p.Kwargs != nil {
		if b.kwargs, err = marshal(p.Kwargs); err != nil {
			return body{}, fmt.Errorf("the keyword arguments cannot be sent: %w", err)
		}
		if b.args == nil {
			b.args = json.RawMessage("[]")
		}
	}
	return b, nil
}
