package wamp

import (
	"errors"
	"math"
	"math/big"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

type cborSerializer struct{}

func (cborSerializer) Name() string { return "cbor" }
func (cborSerializer) text() bool   { return false }
func (cborSerializer) number() byte { return 3 }

func (cborSerializer) encode(message []any) ([]byte, error) { return cbor.Marshal(message) }

// cborMode accepts invalid UTF-8, because received reports it. It does not limit
// lengths, because the length of the message is limited.
var cborMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
		UTF8:             cbor.UTF8DecodeInvalid,
		TimeTag:          cbor.DecTagOptional,
	}.DecMode()
	if err != nil {
		panic(err) // the options are those above
	}
	return mode
}()

func (cborSerializer) decode(frame []byte) ([]any, error) {
	var value any
	err := cborMode.Unmarshal(frame, &value)
	if err == nil {
		value, err = received(value, 0)
	}
	return listOf(value, err, "CBOR")
}

// MarshalCBOR implements cbor.Marshaler.
func (n bigNumber) MarshalCBOR() ([]byte, error) {
	integer, ok := new(big.Int).SetString(string(n), 10)
	if !ok {
		return nil, errors.New("CBOR has no number " + string(n))
	}
	return cbor.Marshal(integer)
}
