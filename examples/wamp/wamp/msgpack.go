package wamp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

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
	// A list with a false length would take memory at each level. Skip takes none,
	// and finds false lengths, because each element has at least a byte.
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

// extension returns the value of an extension of MessagePack: a time, or the data of
// an application's own extension.
func extension(e *msgp.RawExtension) (any, error) {
	const timestamp = -1
	if e.Type != timestamp {
		return e.Data, nil
	}
	switch len(e.Data) {
	case 4:
		return time.Unix(int64(binary.BigEndian.Uint32(e.Data)), 0), nil
	case 8: // 30 bits of nanoseconds, 34 of seconds
		both := binary.BigEndian.Uint64(e.Data)
		return time.Unix(int64(both&(1<<34-1)), int64(both>>34)), nil
	case 12:
		return time.Unix(int64(binary.BigEndian.Uint64(e.Data[4:])), int64(binary.BigEndian.Uint32(e.Data))), nil
	}
	return nil, fmt.Errorf("a time of %d bytes", len(e.Data))
}
