package wamp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/txaio-go/txaio"
)

// The URIs of the protocol's errors that this package uses.
const (
	Canceled            = "wamp.error.canceled"
	InvalidArgument     = "wamp.error.invalid_argument"
	InvalidURI          = "wamp.error.invalid_uri"
	NoSuchProcedure     = "wamp.error.no_such_procedure"
	NoSuchRealm         = "wamp.error.no_such_realm"
	PayloadSizeExceeded = "wamp.error.payload_size_exceeded"
	ProtocolViolation   = "wamp.error.protocol_violation"
	RuntimeError        = "wamp.error.runtime_error"
	Timeout             = "wamp.error.timeout"

	cannotAuthenticate = "wamp.error.cannot_authenticate"
)

// The reasons for the end of a session: see [CloseDetails].
const (
	CloseNormal         = "wamp.close.normal"
	CloseGoodbyeAndOut  = "wamp.close.goodbye_and_out"
	CloseTransportLost  = "wamp.close.transport_lost"
	CloseSystemShutdown = "wamp.close.system_shutdown"
)

// An Error is an error of WAMP: a procedure failed, or a router refused a request.
// If a procedure returns one, also wrapped, it is sent unchanged. Any other error is
// sent as a [RuntimeError] with its text.
//
//	var failed *wamp.Error
//	if errors.As(err, &failed) && failed.URI == wamp.NoSuchProcedure {
type Error struct {
	URI string
	Payload
}

// Error returns the URI with the arguments, if there are any.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.URI)
	separator := ": "
	for _, arg := range e.Args {
		text.WriteString(separator)
		fmt.Fprint(&text, arg)
		separator = ", "
	}
	if len(e.Kwargs) > 0 {
		fmt.Fprintf(&text, " %v", e.Kwargs)
	}
	return text.String()
}

// toError converts a procedure's failure to the error to send.
func toError(fail *txaio.Failure) *Error {
	var own *Error
	switch {
	case errors.As(fail, &own) && checkURI(own.URI, exact) == nil:
		return own
	case errors.Is(fail, context.Canceled): // also of a handler's context
		return &Error{URI: Canceled, Payload: Args(fail.Error())}
	case errors.Is(fail, context.DeadlineExceeded):
		return &Error{URI: Timeout, Payload: Args(fail.Error())}
	}
	return &Error{URI: RuntimeError, Payload: Args(fail.Error())}
}

// A TransportError means that the connection to the router was lost, or could not
// be made. Every pending operation fails with it.
type TransportError struct {
	Err error
	// Connecting means that the connection could not be made.
	Connecting bool
}

// Error says that the connection was lost, and why.
func (e *TransportError) Error() string {
	if e.Connecting {
		return fmt.Sprintf("cannot connect to the router: %v", e.Err)
	}
	return fmt.Sprintf("the connection to the router was lost: %v", e.Err)
}

// Unwrap returns the reason.
func (e *TransportError) Unwrap() error { return e.Err }

// A ProtocolError means that the router broke the protocol. The session has ended
// with an ABORT, and every pending operation fails with this error.
type ProtocolError struct{ What string }

// Error says what the router sent.
func (e *ProtocolError) Error() string { return "the router broke the protocol: it sent " + e.What }

func violation(format string, args ...any) *ProtocolError {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

// A TimeoutError means that a request was not answered within [Config].Timeout, or
// [CallOptions].Timeout. errors.Is matches it with context.DeadlineExceeded.
type TimeoutError struct {
	Request   string // WAMP's name of the message, such as CALL
	Procedure string // or the topic
	After     time.Duration
}

// Error names the request and the time.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s %s was not answered within %v", e.Request, e.Procedure, e.After)
}

// Timeout returns true, as in net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// A RefusedError means that the router answered Join with an ABORT, or ended the
// session before it answered pending operations. It unwraps to an [*Error] with
// the router's reason.
type RefusedError struct {
	Doing string
	Cause *Error
}

// Error says what was refused, and the reason.
func (e *RefusedError) Error() string { return e.Doing + ": " + e.Cause.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Cause }

// ErrNotJoined means that the session is not joined: wait for Join, or for OnJoin
// if the session reconnects.
var ErrNotJoined = errors.New("the session is not joined to a realm: wait for Join or OnJoin")

// ErrAlreadyJoined means that Join was called on a session that is joined, or
// joining.
var ErrAlreadyJoined = errors.New("the session is joined already, or joining: Leave it first")

// ErrLeft means that the session was left while an operation was pending, or before
// it had joined.
var ErrLeft = errors.New("the session was left before this was answered")
