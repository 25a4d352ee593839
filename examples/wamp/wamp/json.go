package wamp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

type jsonSerializer struct{}

func (jsonSerializer) Name() string { return "json" }
func (jsonSerializer) text() bool   { return true }
func (jsonSerializer) number() byte { return 1 }

func (jsonSerializer) encode(message []any) ([]byte, error) {
	return appendJSON(make([]byte, 0, 128), message), nil
}

func (jsonSerializer) decode(frame []byte) ([]any, error) {
	if !utf8.Valid(frame) {
		return nil, errNotUTF8
	}
	value, err := decodeJSON(frame)
	return listOf(value, err, "JSON")
}

// appendJSON encodes a value that plain has made. Such a value always can be encoded.
func appendJSON(to []byte, value any) []byte {
	switch value := value.(type) {
	case bool:
		return strconv.AppendBool(to, value)
	case int64:
		return strconv.AppendInt(to, value, 10)
	case uint64:
		return strconv.AppendUint(to, value, 10)
	case float32:
		return appendFloat(to, float64(value), 32)
	case float64:
		return appendFloat(to, value, 64)
	case bigNumber:
		return append(to, value...)
	case string:
		return appendText(to, value)
	case []byte:
		to = append(to, `"\u0000`...)
		return append(base64.StdEncoding.AppendEncode(to, value), '"')
	case []any:
		to = append(to, '[')
		for i, element := range value {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendJSON(to, element)
		}
		return append(to, ']')
	case map[string]any:
		to = append(to, '{')
		first := true
		for key, element := range value {
			if !first {
				to = append(to, ',')
			}
			first = false
			to = append(appendText(to, key), ':')
			to = appendJSON(to, element)
		}
		return append(to, '}')
	}
	return append(to, "null"...)
}

// appendFloat uses an exponent only for numbers that would have many zeros.
func appendFloat(to []byte, x float64, bits int) []byte {
	format := byte('f')
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(to, x, format, -1, bits)
}

func appendText(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	done := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		to = append(to, text[done:i]...)
		done = i + 1
		if c < ' ' {
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			to = append(to, '\\', c)
		}
	}
	to = append(to, text[done:]...)
	return append(to, '"')
}

// decodeJSON decodes a document to the types that [Payload] names. Half of a surrogate
// pair becomes U+FFFD, as in encoding/json.
func decodeJSON(document []byte) (any, error) {
	d := jsonDecoders.Get().(*jsontext.Decoder)
	defer jsonDecoders.Put(d)
	d.Reset(bytes.NewBuffer(document), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	value, err := nextValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, errors.New("more follows it")
	}
	return value, nil
}

var jsonDecoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

func nextValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '[':
		return restOfList(d)
	case '{':
		return restOfDict(d)
	case '0':
		return numeral(token.String()), nil
	case '"':
		text := token.String()
		if data, is := binaryData(text); is {
			return data, nil
		}
		return text, nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

func restOfList(d *jsontext.Decoder) (any, error) {
	if d.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	list := []any{}
	for d.PeekKind() != ']' {
		value, err := nextValue(d)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := d.ReadToken()
	return list, err
}

func restOfDict(d *jsontext.Decoder) (any, error) {
	if d.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	dict := map[string]any{}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String() // the next call of the decoder overwrites the token
		if dict[name], err = nextValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return dict, err
}

// binaryData returns the data in a received string. In JSON, binary data is a string
// of NUL and base64.
func binaryData(text string) (data []byte, is bool) {
	encoded, is := strings.CutPrefix(text, "\x00")
	if !is {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	return data, err == nil
}

func parseUint(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

func isInteger(text string) bool { return !strings.ContainsAny(text, ".eE") }

// replaced reports whether encoding/json has replaced bytes that are not UTF-8. It
// writes \ufffd for such a byte, but U+FFFD itself without an escape.
func replaced(encoded []byte) bool {
	for rest := encoded; ; {
		i := bytes.Index(rest, []byte(`\ufffd`))
		if i < 0 {
			return false
		}
		before := rest[:i]
		if (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 0 { // otherwise the backslash is escaped
			return true
		}
		rest = rest[i+1:]
	}
}

// ownJSON returns the value that v's MarshalJSON method encodes.
func ownJSON(v any) (any, error) {
	encoded, err := json.Marshal(v)
	switch {
	case err != nil:
		return nil, err
	case !utf8.Valid(encoded) || replaced(encoded):
		return nil, errNotText
	}
	value, err := decodeJSON(encoded)
	if err != nil {
		return nil, fmt.Errorf("its MarshalJSON: %w", err)
	}
	return sendable(value), nil
}
