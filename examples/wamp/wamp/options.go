package wamp

import "maps"

// details are the options of a message.
type details map[string]any

// withOptions returns details with a copy of the program's own options, to which the
// others are added.
func withOptions(own map[string]any) details {
	d := make(details, len(own)+2)
	maps.Copy(d, own)
	return d
}

// set adds an option, unless its value is the zero value, the router's default.
func set[T comparable](d details, name string, value T) {
	if value != *new(T) {
		d[name] = value
	}
}

// setList adds an option that is a list, unless that is nil.
func setList[T any](d details, name string, list []T) {
	if list != nil {
		d[name] = list
	}
}

// encode makes an element of a message.
func (d details) encode() (any, error) {
	b, err := Payload{Kwargs: d}.encode()
	return b.kwargs, err
}
