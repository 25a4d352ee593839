package wamp

import (
	"encoding/json"
	"fmt"
	"math/big"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/tinylib/msgp/msgp"
)

// A Serializer encodes messages: [JSON], [MessagePack] or [CBOR]. A program sees no
// difference between them. Each encodes by the rules of encoding/json, and decodes to
// the same types: see [Payload].
type Serializer interface {
	// Name returns WAMP's name: json, msgpack or cbor.
	Name() string

	text() bool // JSON is text; the others are sent in binary messages of WebSocket
	number() byte
	encode(message []any) ([]byte, error)
	decode(frame []byte) ([]any, error)
}

// The serializers. Every router supports JSON. MessagePack and CBOR are shorter, and
// carry binary data unchanged.
var (
	JSON        Serializer = jsonSerializer{}
	MessagePack Serializer = msgpackSerializer{}
	CBOR        Serializer = cborSerializer{}
)

// subprotocol is the serializer's name in WebSocket.
func subprotocol(s Serializer) string { return "wamp.2." + s.Name() }

// maxDepth is how deep lists and dictionaries may be nested. Only values that contain
// themselves and hostile messages are deeper.
const maxDepth = 1000

var errTooDeep = fmt.Errorf("it is more than %d levels deep", maxDepth)

// errNotUTF8 closes a WebSocket with a status of its own.
var errNotUTF8 = violation("text that is not UTF-8")

// listOf checks that a decoded message is a list, as WAMP's are, and returns it.
func listOf(value any, err error, name string) ([]any, error) {
	list, is := value.([]any)
	switch {
	case err == error(errNotUTF8):
		return nil, err
	case err != nil:
		return nil, violation("a message that is not a %s list: %v", name, err)
	case !is && value != nil: // null counts as an empty one
		return nil, violation("a message that is not a %s list", name)
	}
	return list, nil
}

// maxBigInt is the length in bits of the longest integer that is accepted: a
// longer one takes too long to print.
const maxBigInt = 4096

// received converts a value that a library for MessagePack or CBOR has decoded to the
// types that [Payload] names. It changes lists and dictionaries in place.
func received(value any, depth int) (_ any, err error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch value := value.(type) {
	case nil, bool, int64, float64, time.Time:
		return value, nil
	case []byte:
		if value == nil { // in JSON, an empty list or dictionary is not nil
			return []byte{}, nil
		}
		return value, nil
	case uint64:
		if n := int64(value); n >= 0 {
			return n, nil
		}
		return value, nil
	case float32:
		return float64(value), nil
	case string:
		if !utf8.ValidString(value) {
			return nil, errNotUTF8
		}
		return value, nil
	case []any:
		for i := range value {
			if value[i], err = received(value[i], depth+1); err != nil {
				return nil, err
			}
		}
		return value, nil
	case map[string]any:
		for key, element := range value {
			if !utf8.ValidString(key) {
				return nil, errNotUTF8
			}
			if value[key], err = received(element, depth+1); err != nil {
				return nil, err
			}
		}
		return value, nil
	case big.Int:
		if value.BitLen() > maxBigInt {
			return nil, fmt.Errorf("an integer of %d bits", value.BitLen())
		}
		return numeral(value.String()), nil
	case *msgp.RawExtension:
		return extension(value)
	case cbor.Tag: // WAMP has no types for tags
		return received(value.Content, depth+1)
	}
	return nil, fmt.Errorf("a value of the type %T, which WAMP does not have", value)
}

// numeral returns the value of a number in text: an integer if it is written as one.
// If no int64, uint64 or float64 can hold it, it stays a json.Number.
func numeral(text string) any {
	number := json.Number(text)
	if n, err := number.Int64(); err == nil {
		return n
	}
	if n, ok := parseUint(text); ok {
		return n
	}
	if isInteger(text) {
		return number
	}
	if x, err := number.Float64(); err == nil {
		return x
	}
	return number
}
