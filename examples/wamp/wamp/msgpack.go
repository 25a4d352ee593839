package wamp

import (
	"errors"

	"github.com/tinylib/msgp/msgp"
)

type msgpackSerializer struct{}

func (msgpackSerializer) Name() string { return "msgpack" }
func (msgpackSerializer) text() bool   { return false }
func (msgpackSerializer) number() byte { return 2 }

func (msgpackSerializer) encode(message []any) ([]byte, error) {
	return msgp.AppendIntf(make([]byte, 0, 128), message)
}

func (msgpackSerializer) decode(frame []byte) ([]any, error) {
	value, err := decodeMsgpack(frame)
	return listOf(value, err, "MessagePack")
}

func decodeMsgpack(frame []byte) (any, error) {
	// Lists whose lengths lie take memory at each level. Skip takes none, and finds
	// them out: there is a byte at least for each element.
	switch rest, err := msgp.Skip(frame); {
	case err != nil:
		return nil, err
	case len(rest) != 0:
		return nil, errors.New("more follows it")
	}
	value, _, err := msgp.ReadIntfBytes(frame)
	if err != nil {
		return nil, err
	}
	return received(value, 0)
}

// MarshalMsg implements msgp.Marshaler.
func (n bigNumber) MarshalMsg([]byte) ([]byte, error) {
	return nil, errors.New("MessagePack has no number " + string(n))
}
