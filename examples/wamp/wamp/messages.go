package wamp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// A code is the first element of a message: what it is.
type code int

// The messages of WAMP's basic profile, with CHALLENGE, AUTHENTICATE, CANCEL
// and INTERRUPT of the advanced one.
const (
	codeHello        code = 1
	codeWelcome      code = 2
	codeAbort        code = 3
	codeChallenge    code = 4
	codeAuthenticate code = 5
	codeGoodbye      code = 6
	codeError        code = 8
	codePublish      code = 16
	codePublished    code = 17
	codeSubscribe    code = 32
	codeSubscribed   code = 33
	codeUnsubscribe  code = 34
	codeUnsubscribed code = 35
	codeEvent        code = 36
	codeCall         code = 48
	codeCancel       code = 49
	codeResult       code = 50
	codeRegister     code = 64
	codeRegistered   code = 65
	codeUnregister   code = 66
	codeUnregistered code = 67
	codeInvocation   code = 68
	codeInterrupt    code = 69
	codeYield        code = 70
)

var codeNames = map[code]string{
	codeHello: "HELLO", codeWelcome: "WELCOME", codeAbort: "ABORT",
	codeChallenge: "CHALLENGE", codeAuthenticate: "AUTHENTICATE", codeGoodbye: "GOODBYE",
	codeError: "ERROR", codePublish: "PUBLISH", codePublished: "PUBLISHED",
	codeSubscribe: "SUBSCRIBE", codeSubscribed: "SUBSCRIBED",
	codeUnsubscribe: "UNSUBSCRIBE", codeUnsubscribed: "UNSUBSCRIBED", codeEvent: "EVENT",
	codeCall: "CALL", codeCancel: "CANCEL", codeResult: "RESULT",
	codeRegister: "REGISTER", codeRegistered: "REGISTERED",
	codeUnregister: "UNREGISTER", codeUnregistered: "UNREGISTERED",
	codeInvocation: "INVOCATION", codeInterrupt: "INTERRUPT", codeYield: "YIELD",
}

func (c code) String() string {
	if name, known := codeNames[c]; known {
		return name
	}
	return fmt.Sprintf("message %d", int(c))
}

// A message is one that a router sent. Which fields are set depends on its
// code: see layouts.
type message struct {
	code    code
	request uint64
	of      code   // ERROR: what the request was
	id      uint64 // of the session, subscription, registration or publication
	second  uint64 // EVENT: of the publication
	text    string // a URI; CHALLENGE: the method
	details map[string]any
	payload Payload
}

// A field decodes one element of a message.
type field func(m *message, raw json.RawMessage) error

// layouts says what a router's messages consist of. The fields after the
// required ones may be missing, and elements after the last field are ignored:
// later versions of the protocol add some.
var layouts = map[code]struct {
	required int
	fields   []field
}{
	codeWelcome:      {2, []field{theID, theDetails}},
	codeAbort:        {2, []field{theDetails, theText}},
	codeChallenge:    {1, []field{theText, theDetails}},
	codeGoodbye:      {2, []field{theDetails, theText}},
	codeError:        {4, []field{theKind, theRequest, theDetails, theText, theArgs, theKwargs}},
	codePublished:    {2, []field{theRequest, orNull(theID)}},
	codeSubscribed:   {2, []field{theRequest, theID}},
	codeUnsubscribed: {1, []field{orZero(theRequest), theDetails}},
	codeEvent:        {3, []field{theID, orNull(theSecond), theDetails, theArgs, theKwargs}},
	codeResult:       {2, []field{theRequest, theDetails, theArgs, theKwargs}},
	codeRegistered:   {2, []field{theRequest, theID}},
	codeUnregistered: {1, []field{orZero(theRequest), theDetails}},
	codeInvocation:   {3, []field{theRequest, theID, theDetails, theArgs, theKwargs}},
	codeInterrupt:    {1, []field{theRequest, theDetails}},
}

func theRequest(m *message, raw json.RawMessage) (err error) { m.request, err = parseID(raw); return }
func theID(m *message, raw json.RawMessage) (err error)      { m.id, err = parseID(raw); return }
func theSecond(m *message, raw json.RawMessage) (err error)  { m.second, err = parseID(raw); return }
func theArgs(m *message, raw json.RawMessage) (err error)    { return parseValue(raw, &m.payload.Args) }
func theKwargs(m *message, raw json.RawMessage) (err error) {
	return parseValue(raw, &m.payload.Kwargs)
}
func theDetails(m *message, raw json.RawMessage) error { return parseValue(raw, &m.details) }

func theKind(m *message, raw json.RawMessage) error {
	id, err := parseID(raw)
	m.of = code(id)
	return err
}

func theText(m *message, raw json.RawMessage) error {
	if len(raw) == 0 || raw[0] != '"' { // null would leave the text empty
		return fmt.Errorf("it has to be a string")
	}
	return json.Unmarshal(raw, &m.text)
}

// orNull makes an id optional: some brokers send null for the id of an event
// that they do not keep.
func orNull(id field) field {
	return func(m *message, raw json.RawMessage) error {
		if isNull(raw) {
			return nil
		}
		return id(m, raw)
	}
}

// orZero allows 0, which is what a router answers that was not asked: it takes
// something back.
func orZero(id field) field {
	return func(m *message, raw json.RawMessage) error {
		if string(raw) == "0" {
			return nil
		}
		return id(m, raw)
	}
}

// session returns the session that details name, 0 if they do not.
func (m *message) session(name string) uint64 {
	id, _ := m.details[name].(int64)
	return uint64(max(id, 0))
}

// maxID is the largest id, 2^53: up to there a float64 is exact, which is what
// JavaScript has.
const maxID = 1 << 53

// parseID decodes an id. JSON has one kind of number, so that 7.0 and 7e0 are 7.
func parseID(raw json.RawMessage) (uint64, error) {
	id, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		number, failed := strconv.ParseFloat(string(raw), 64)
		if failed != nil || number < 1 || number > maxID || number != float64(uint64(number)) {
			return 0, errID
		}
		id = uint64(number)
	}
	if id < 1 || id > maxID {
		return 0, errID
	}
	return id, nil
}

var errID = fmt.Errorf("an id has to be an integer from 1 to 2^53")

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// parseValue decodes a list or a dictionary. null counts as an empty one:
// routers in the field send it.
func parseValue[T []any | map[string]any](raw json.RawMessage, into *T) error {
	switch string(raw) {
	case "null", "[]", "{}":
		if raw[0] == 'n' || sameKind(raw[0], *into) {
			return nil
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	switch value := any(*into).(type) {
	case []any:
		plainValues(value)
	case map[string]any:
		plainValues(value)
	}
	return nil
}

func sameKind(first byte, value any) bool {
	_, list := value.([]any)
	return list == (first == '[')
}

// plainValues makes int64 and float64 of the numbers in a value, as a Python
// client would: an integer stays one. A number that fits neither stays a
// json.Number. It makes []byte of binary data.
func plainValues(value any) any {
	switch value := value.(type) {
	case string:
		if data, is := binary(value); is {
			return data
		}
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		if bytes.ContainsAny([]byte(value), ".eE") {
			if x, err := value.Float64(); err == nil {
				return x
			}
		}
	case []any:
		for i := range value {
			value[i] = plainValues(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = plainValues(value[key])
		}
	}
	return value
}

// decode makes a message of what a router sent. Its error is a
// [*ProtocolError].
func decode(frame []byte) (*message, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(frame, &elements); err != nil {
		return nil, violation("a message that is not a JSON list: %v", err)
	}
	if len(elements) == 0 {
		return nil, violation("an empty message")
	}
	number, err := strconv.Atoi(string(elements[0]))
	if err != nil {
		return nil, violation("a message that does not begin with a message code")
	}
	m := &message{code: code(number)}
	layout, known := layouts[m.code]
	if !known {
		return nil, violation("%v, which no router sends", m.code)
	}
	elements = elements[1:]
	if len(elements) < layout.required {
		return nil, violation("%v with %d elements after the code: at least %d are needed", m.code, len(elements), layout.required)
	}
	for i, decodeField := range layout.fields[:min(len(layout.fields), len(elements))] {
		if err := decodeField(m, elements[i]); err != nil {
			return nil, violation("%v whose element %d cannot be read: %v", m.code, i+1, err)
		}
	}
	return m, nil
}

// encode makes a frame of a message to the router. Ids are uint64, and a
// json.RawMessage is what was encoded before: nil leaves the element out,
// which only the last ones may do.
func encode(c code, elements ...any) ([]byte, error) {
	frame := make([]byte, 0, 128)
	frame = append(frame, '[')
	frame = strconv.AppendInt(frame, int64(c), 10)
	for _, element := range elements {
		switch element := element.(type) {
		case json.RawMessage:
			if element == nil {
				continue
			}
			frame = append(append(frame, ','), element...)
		case uint64:
			frame = strconv.AppendUint(append(frame, ','), element, 10)
		default:
			encoded, err := json.Marshal(element)
			if err != nil {
				return nil, err
			}
			frame = append(append(frame, ','), encoded...)
		}
	}
	return append(frame, ']'), nil
}
