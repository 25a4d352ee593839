package wamptest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/tinylib/msgp/msgp"
)

// Tests are written in JSON. With another serializer, their messages are converted
// from JSON before sending, and to JSON's types after receiving.

// notUTF8 is how a byte that is not UTF-8 gets through encoding/json.
const notUTF8 = "\U0010fffd"

// encode makes a frame of a message in JSON. It returns invalid JSON unchanged,
// because that is no message in another serializer either.
func encode(protocol, text string) []byte {
	if protocol != "wamp.2.msgpack" && protocol != "wamp.2.cbor" {
		return []byte(text)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(strings.ToValidUTF8(text, notUTF8))))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return []byte(text)
	}
	value = native(value, protocol)
	var (
		frame []byte
		err   error
	)
	if protocol == "wamp.2.cbor" {
		frame, err = cbor.Marshal(value)
	} else {
		frame, err = msgp.AppendIntf(nil, value)
	}
	if err != nil {
		panic(err) // it was JSON
	}
	return frame
}

// native replaces JSON's texts of numbers and binary data by their values.
func native(value any, protocol string) any {
	switch value := value.(type) {
	case string:
		if encoded, is := strings.CutPrefix(value, "\x00"); is {
			if data, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				return data
			}
		}
		return strings.ReplaceAll(value, notUTF8, "\xff")
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		if n, ok := new(big.Int).SetString(value.String(), 10); ok && n.Sign() > 0 {
			if n.IsUint64() {
				return n.Uint64()
			}
			if protocol == "wamp.2.cbor" {
				return n
			}
		}
		if x, err := value.Float64(); err == nil {
			return x
		}
		return math.Inf(1) // it has a large exponent
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = native(value[i], protocol)
		}
		return list
	case map[string]any:
		dict := make(map[string]any, len(value))
		for key, element := range value {
			dict[native(key, protocol).(string)] = native(element, protocol)
		}
		return dict
	}
	return value
}

// decode decodes a frame to a message with JSON's types.
func decode(protocol string, frame []byte) (message []any, err error) {
	value, err := decodeAny(protocol, frame)
	if err != nil {
		return nil, err
	}
	message, is := jsonized(value).([]any)
	if !is {
		return nil, fmt.Errorf("it is no list but %T", value)
	}
	return message, nil
}

// decodeAny decodes a frame, and keeps the serializer's types.
func decodeAny(protocol string, frame []byte) (value any, err error) {
	switch protocol {
	case "wamp.2.cbor":
		mode, failed := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any](), MaxArrayElements: math.MaxInt32}.DecMode()
		if failed != nil {
			return nil, failed
		}
		err = mode.Unmarshal(frame, &value)
	case "wamp.2.msgpack":
		value, _, err = msgp.ReadIntfBytes(frame)
	default:
		decoder := json.NewDecoder(bytes.NewReader(frame))
		decoder.UseNumber()
		err = decoder.Decode(&value)
		if err == nil {
			value = native(value, "wamp.2.cbor")
		}
	}
	return value, err
}

// encodeAny encodes a value of decodeAny with another serializer.
func encodeAny(protocol string, value any) ([]byte, error) {
	switch protocol {
	case "wamp.2.cbor":
		return cbor.Marshal(value)
	case "wamp.2.msgpack":
		return msgp.AppendIntf(nil, value)
	}
	return json.Marshal(textual(value))
}

// textual replaces binary data by text.
func textual(value any) any {
	switch value := value.(type) {
	case []byte:
		return jsonized(value)
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = textual(value[i])
		}
		return list
	case map[string]any:
		dict := make(map[string]any, len(value))
		for key, element := range value {
			dict[key] = textual(element)
		}
		return dict
	}
	return value
}

// jsonized converts a value to the types that encoding/json decodes to.
func jsonized(value any) any {
	switch value := value.(type) {
	case int64:
		return float64(value)
	case uint64:
		return float64(value)
	case float32:
		return float64(value)
	case big.Int:
		x, _ := new(big.Float).SetInt(&value).Float64()
		return x
	case []byte:
		return "\x00" + base64.StdEncoding.EncodeToString(value)
	case []any:
		for i := range value {
			value[i] = jsonized(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = jsonized(value[key])
		}
	}
	return value
}
