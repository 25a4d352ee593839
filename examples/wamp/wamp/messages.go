package wamp

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A code is the first element of a message, its type.
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

// A message is a message from a router. Its code decides which fields are set: see
// layouts.
type message struct {
	code    code
	request uint64
	of      code   // ERROR: the code of the request
	id      uint64 // of the session, subscription, registration or publication
	second  uint64 // EVENT: of the publication
	text    string // a URI; CHALLENGE: the method
	details map[string]any
	payload Payload
}

// A field takes one element of a message.
type field func(m *message, value any) error

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

func theRequest(m *message, value any) (err error) { m.request, err = toID(value); return }
func theID(m *message, value any) (err error)      { m.id, err = toID(value); return }
func theSecond(m *message, value any) (err error)  { m.second, err = toID(value); return }
func theArgs(m *message, value any) error          { return take(value, &m.payload.Args, "a list") }
func theKwargs(m *message, value any) error {
	return take(value, &m.payload.Kwargs, "a dictionary")
}
func theDetails(m *message, value any) error { return take(value, &m.details, "a dictionary") }

func theKind(m *message, value any) error {
	id, err := toID(value)
	m.of = code(id)
	return err
}

func theText(m *message, value any) error {
	text, is := value.(string)
	if !is {
		return errors.New("it has to be a string")
	}
	m.text = text
	return nil
}

// take stores a list or a dictionary. null counts as an empty one, because some
// routers send it. An empty one becomes nil, to save memory.
func take[T []any | map[string]any](value any, into *T, kind string) error {
	taken, is := value.(T)
	if !is && value != nil {
		return errors.New("it has to be " + kind)
	}
	if len(taken) > 0 {
		*into = taken
	}
	return nil
}

// orNull makes an id optional: some brokers send null for the id of an event
// that they do not keep.
func orNull(id field) field {
	return func(m *message, value any) error {
		if value == nil {
			return nil
		}
		return id(m, value)
	}
}

// orZero allows 0, which stands for no request: the router itself has revoked
// something.
func orZero(id field) field {
	return func(m *message, value any) error {
		if value == int64(0) {
			return nil
		}
		return id(m, value)
	}
}

// session returns the session id with the given name in details, or 0.
func (m *message) session(name string) uint64 {
	id, _ := m.details[name].(int64)
	return uint64(max(id, 0))
}

// maxID is the largest id, 2^53. Up to it, JavaScript's numbers (float64) are exact.
const maxID = 1 << 53

// toID converts a number to an id. JSON has one kind of number, so 7.0 and 7e0 are 7.
func toID(value any) (uint64, error) {
	switch n := value.(type) {
	case int64:
		if 1 <= n && n <= maxID {
			return uint64(n), nil
		}
	case float64:
		if 1 <= n && n <= maxID && n == float64(uint64(n)) {
			return uint64(n), nil
		}
	}
	return 0, errID
}

var errID = errors.New("an id has to be an integer from 1 to 2^53")

// decode decodes a frame from a router. Its error is a [*ProtocolError].
func decode(s Serializer, frame []byte) (*message, error) {
	elements, err := s.decode(frame)
	switch {
	case err != nil:
		return nil, err
	case len(elements) == 0:
		return nil, violation("an empty message")
	}
	number, is := elements[0].(int64)
	if !is {
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
	for i, takeField := range layout.fields[:min(len(layout.fields), len(elements))] {
		if err := takeField(m, elements[i]); err != nil {
			return nil, violation("%v whose element %d cannot be read: %v", m.code, i+1, err)
		}
	}
	return m, nil
}

// encode encodes a message to the router. An [element] holds a plain value. A
// json.RawMessage is already encoded. nil leaves either out.
func encode(s Serializer, c code, elements ...any) (frame []byte, err error) {
	list := make([]any, 0, 8)
	list = append(list, int64(c))
	for _, given := range elements {
		switch given := given.(type) {
		case element:
			if given.value != nil {
				list = append(list, given.value)
			}
			continue
		case json.RawMessage:
			if given == nil {
				continue
			}
			if string(given) == "{}" {
				list = append(list, noDetails)
				continue
			}
		}
		made, err := plain(given)
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return s.encode(list)
}

// noDetails are the empty options or details that most messages have.
var noDetails = map[string]any{}
