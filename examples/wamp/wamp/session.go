package wamp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/txaio-go/txaio"
)

// A Config configures a session. URL and Realm are required.
type Config struct {
	// URL is the router's: ws or wss for WebSocket, rs, rss (with TLS) or unix for
	// RawSocket, such as ws://127.0.0.1:9000/, rs://127.0.0.1:9001 or
	// unix:///run/router.sock. Errors and logs hide its password and the values of
	// its query.
	URL string
	// Realm is the realm to join.
	Realm string
	// Auth lists the ways to authenticate. The session offers them to the router,
	// which chooses one. If there is none, the session is anonymous.
	Auth []Authenticator

	// Loop runs the session; nil means the current loop.
	Loop txaio.EventLoop

	// OnJoin is called each time the session has joined, also after a reconnect.
	// Registrations and subscriptions that it makes again replace those it made
	// before; the others come back by themselves. An error is logged.
	OnJoin func(*Session, *JoinDetails) error
	// OnJoinLater is OnJoin with a future that has to succeed. Join waits for it. If
	// it fails, the session ends with that error, as if the router had ended it.
	OnJoinLater func(*Session, *JoinDetails) (*txaio.Future[struct{}], error)
	// OnLeave is called when a session that was joined has ended.
	OnLeave func(*Session, *CloseDetails)
	// OnDisconnect is called when a connection has ended: with nil after Leave,
	// otherwise with the reason.
	OnDisconnect func(*Session, error)

	// OnRetry is called before each attempt to connect again, with the number of
	// the attempt, the delay before it, and why the session ended or could not join.
	OnRetry func(attempt int, delay time.Duration, err error)

	// Reconnect makes the session connect again if the connection is lost or
	// cannot be made, or if the router ends the session. It does not if another
	// attempt would be refused for the same reason: see [Backoff]. nil means that
	// the session stays disconnected.
	Reconnect *Backoff

	// JoinTimeout limits how long connecting and joining take; 0 means 30 seconds.
	JoinTimeout time.Duration
	// Timeout limits how long the router may take to answer a request. 0 means no
	// limit for calls, because a callee may take any time, and 30 seconds for other
	// requests. A negative Timeout means no limit. [CallOptions] may set another.
	Timeout time.Duration
	// CloseTimeout limits how long the router may take to say goodbye and to close
	// the connection; 0 means 5 seconds.
	CloseTimeout time.Duration

	// PingInterval is how long a session may receive nothing, or no answer, before
	// it sends a ping, and how long the router then has to answer before the
	// connection counts as lost. If data is sent before the pong, the router also
	// has the time that this data takes on a slow link. The connection is also lost
	// if nothing can be written for as long. 0 means 30 seconds; a negative
	// interval means no pings.
	PingInterval time.Duration
	// Pings runs the timers of the pings: a batched timer that sessions share, with
	// [txaio.RoundUp]. nil means the package's own, which has buckets of a second,
	// or exact timers if PingInterval is shorter than a second.
	Pings txaio.DelayedCaller

	// MaxMessage limits the length of a message from the router, in bytes; 0 means
	// 16 MiB.
	MaxMessage int64
	// HTTPClient opens the connection; nil means http.DefaultClient.
	HTTPClient *http.Client
	// Header is sent with the request for a WebSocket.
	Header http.Header
	// Dial opens the connection of a RawSocket; nil means a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is for rss. HTTPClient has the settings for wss.
	TLS *tls.Config
	// Serializers are offered to the router, the best first; nil means JSON alone.
	Serializers []Serializer

	// Logger gets the failures of the user's callbacks; nil means one of the
	// package's own.
	Logger *txaio.Logger
}

// JoinDetails describes the session that the router welcomed.
type JoinDetails struct {
	Realm      string
	Session    uint64
	AuthID     string
	AuthRole   string
	AuthMethod string
	Details    map[string]any // everything that the router sent
}

// CloseDetails says why a session ended.
type CloseDetails struct {
	Reason  string // a URI
	Message string
}

// A Session is a WAMP session: Autobahn's ApplicationSession. It calls and
// publishes, and it registers procedures and subscribes to topics.
//
// Every method may be called from any goroutine and returns at once. The work is
// done on the session's loop, which owns all of the session's state. Handlers and
// callbacks run there too and must not block: one that needs time returns a
// future, or is given to [Session.Handle] or [Session.HandleEvents].
//
// Cancelling a future that a method returned gives up the request. A pending call
// is also cancelled at the router. If the router makes a subscription or
// registration all the same, the session takes it back.
//
// A registration or subscription lasts until it is taken back, the router revokes
// it, or Leave is called. After a reconnect, or another Join of a session that was
// lost, the session asks for it again. If the router refuses, the session tries
// again after the delays of its Backoff. If the router does not answer within
// Config.Timeout, the session makes a new connection.
type Session struct {
	config      Config
	callTimeout time.Duration // of calls without a timeout of their own; 0 means none
	api         *txaio.API
	loop        txaio.EventLoop
	log         *txaio.Logger
	dial        dialer

	// The loop owns the fields below.
	phase     phase
	transport *transport
	deadline  txaio.DelayedCall // of joining and of closing
	joins     *txaio.Future[*JoinDetails]
	leavers   []*txaio.Future[struct{}]
	cancels   bool           // the router knows CANCEL
	identity  int            // index in config.Auth of the AuthID being tried
	again     bool           // try the next identity
	extra     map[string]any // of HELLO
	challenge *Challenge     // nil before CHALLENGE
	cause     error          // why the session ended, in phase closing
	retry     retry
	keepalive keepalive

	requests      requests
	registrations table
	subscriptions table
	invocations   map[uint64]*Invocation
	inOnJoin      bool // OnJoin, or what it queued, is running

	state state // for other goroutines
}

// phase is the phase of a session's life.
type phase uint8

const (
	offline    phase = iota // no connection
	waiting                 // no connection; a timer is set for the next attempt
	connecting              // the connection is being opened
	joining                 // HELLO was sent
	joined                  // WELCOME has come
	leaving                 // GOODBYE was sent
	closing                 // the session has ended; the connection is being closed
)

// NewSession returns a session that is not connected: see [Session.Join]. It
// runs on the current loop.
func NewSession(config Config) (*Session, error) {
	switch {
	case config.URL == "":
		return nil, errors.New("a session needs the router's URL, such as ws://127.0.0.1:9000/")
	case config.Realm == "":
		return nil, errors.New("a session needs the realm to join, such as realm1")
	}
	if err := checkURI(config.Realm, exact); err != nil {
		return nil, err
	}
	callTimeout := max(config.Timeout, 0)
	setDefault(&config.Timeout, 30*time.Second)
	setDefault(&config.JoinTimeout, 30*time.Second)
	setDefault(&config.CloseTimeout, 5*time.Second)
	setDefault(&config.PingInterval, 30*time.Second)
	setDefault(&config.MaxMessage, 16<<20)
	if len(config.Serializers) == 0 {
		config.Serializers = []Serializer{JSON}
	}
	if config.Logger == nil {
		config.Logger = sharedLogger()
	}
	if config.OnJoin == nil {
		config.OnJoin = func(*Session, *JoinDetails) error { return nil }
	}
	if config.OnLeave == nil {
		config.OnLeave = func(*Session, *CloseDetails) {}
	}
	if config.OnDisconnect == nil {
		config.OnDisconnect = func(*Session, error) {}
	}
	if config.Loop == nil {
		config.Loop = txaio.CurrentLoop()
	}
	api, err := txaio.WithConfig(txaio.Config{Loop: config.Loop})
	if err != nil {
		return nil, err
	}
	switch {
	case config.Pings != nil:
	case config.PingInterval < time.Second:
		config.Pings = api
	default:
		config.Pings = sharedPings()
	}
	s := &Session{
		config:      config,
		callTimeout: callTimeout,
		api:         api,
		loop:        config.Loop,
		log:         config.Logger,
	}
	if s.dial, err = chooseDialer(&s.config); err != nil {
		return nil, err
	}
	s.registrations = table{ask: codeRegister, end: codeUnregister, none: "wamp.error.no_such_registration"}
	s.subscriptions = table{ask: codeSubscribe, end: codeUnsubscribe, none: "wamp.error.no_such_subscription"}
	s.state.done = make(chan struct{})
	s.retry.init(config.Reconnect)
	s.reset()
	return s, nil
}

func setDefault[T comparable](value *T, standard T) {
	if *value == *new(T) {
		*value = standard
	}
}

// reset clears the state of a connection.
func (s *Session) reset() {
	s.extra, s.challenge = nil, nil
	s.state.id.Store(0)
	s.registrations.disconnected()
	s.subscriptions.disconnected()
	s.invocations = make(map[uint64]*Invocation)
}

// Join connects to the router and joins the realm. If the session
// reconnects, the future also waits for later attempts, and succeeds once;
// OnJoin is called each time.
func (s *Session) Join() *txaio.Future[*JoinDetails] {
	var f *txaio.Future[*JoinDetails]
	f = txaio.CreateFutureOn(s.api, txaio.WithCanceller(func(*txaio.Future[*JoinDetails]) {
		s.loop.CallSoon(func() {
			if s.joins == f {
				s.joins = nil // Cancel settles it
				s.leave(CloseNormal)
			}
		})
	}))
	s.state.begin()
	s.loop.CallSoon(func() {
		s.state.begun()
		switch {
		case txaio.IsCalled(f): // cancelled in the meantime
			if s.phase == offline {
				s.state.end()
			}
		case s.phase != offline:
			reject(f, ErrAlreadyJoined)
		default:
			s.joins = f
			s.identity = 0
			s.retry.restart(s.config.Reconnect != nil)
			s.connect()
		}
	})
	return f
}

// Leave ends the session and closes the connection. The session does not
// reconnect; Join may be called again. The optional reason is a URI for the
// router. The future succeeds when the connection is closed. It fails with a
// [*TransportError] if the router neither says goodbye within Config.CloseTimeout
// nor closes the connection normally.
func (s *Session) Leave(reason ...string) *txaio.Future[struct{}] {
	f := newFuture[struct{}](s)
	uri := CloseNormal
	if len(reason) > 0 {
		uri = reason[0]
	}
	if err := checkURI(uri, exact); err != nil {
		reject(f, err)
		return f
	}
	s.loop.CallSoon(func() {
		s.leavers = append(s.leavers, f)
		s.leave(uri)
	})
	return f
}

// connect starts connecting.
func (s *Session) connect() {
	s.phase = connecting
	s.cause = nil
	s.reset()
	s.transport = newTransport(s.loop, s, s.dial)
	s.setDeadline(s.config.JoinTimeout, "the router did not welcome the session")
}

// setDeadline drops the connection after limit, unless endDeadline is called
// before.
func (s *Session) setDeadline(limit time.Duration, what string) {
	s.endDeadline()
	t := s.transport
	s.deadline = s.api.CallLater(limit, func() {
		if s.transport == t {
			err := errors.New(what + " within " + limit.String())
			t.abort(err)
			s.closed(t, err) // do not wait for the connection to end
		}
	})
}

func (s *Session) endDeadline() {
	if s.deadline != nil {
		s.deadline.Cancel()
		s.deadline = nil
	}
}

// opened implements transportEvents.
func (s *Session) opened(t *transport) {
	if t != s.transport || s.phase != connecting {
		return
	}
	s.phase = joining
	s.hello()
}

// welcome handles WELCOME.
func (s *Session) welcome(m *message) {
	details := &JoinDetails{Realm: s.config.Realm, Session: m.id, Details: m.details}
	for name, into := range map[string]*string{
		"realm": &details.Realm, "authid": &details.AuthID,
		"authrole": &details.AuthRole, "authmethod": &details.AuthMethod,
	} {
		if text, ok := m.details[name].(string); ok {
			*into = text
		}
	}
	if err := s.verify(details); err != nil {
		s.cannotAuthenticate(err)
		return
	}
	s.phase = joined
	s.endDeadline()
	s.retry.welcomed(s.loop.Now())
	s.state.id.Store(m.id)
	s.cancels = knowsCancel(m.details)
	s.requests.open(s.transport)
	s.keepalive.start(s)
	s.inOnJoin = true
	s.callback("OnJoin", func() error { return s.config.OnJoin(s, details) })
	f := txaio.CreateFutureSuccessOn(s.api, struct{}{})
	if s.config.OnJoinLater != nil {
		f = txaio.AsFutureOfOn(s.api, func() (*txaio.Future[struct{}], error) { return s.config.OnJoinLater(s, details) })
	}
	t := s.transport
	s.loop.CallSoon(func() { // after the requests that OnJoin made
		s.inOnJoin = false
		if s.transport == t && s.phase == joined {
			s.registrations.restore(s)
			s.subscriptions.restore(s)
		}
	})
	watch(s, f, func(struct{}) { s.ready(t, details) }, func(fail *txaio.Failure) { s.notReady(t, fail) })
}

// ready ends joining.
func (s *Session) ready(t *transport, details *JoinDetails) {
	if f := s.joins; f != nil && s.transport == t && s.phase == joined && resolve(f, details) {
		s.joins = nil // if f was cancelled, its canceller looks for it
	}
}

// notReady ends a session because OnJoinLater failed.
func (s *Session) notReady(t *transport, fail *txaio.Failure) {
	if s.transport != t || s.phase != joined {
		return
	}
	s.report(fail, "The session's OnJoinLater")
	s.retry.allow()
	s.send(codeGoodbye, map[string]any{}, CloseNormal)
	s.ended(fail.Value(), &CloseDetails{Reason: CloseNormal, Message: fail.Error()})
	s.hangUp(websocket.StatusNormalClosure, "")
}

// leave does Leave's work.
func (s *Session) leave(reason string) {
	s.retry.stop()
	s.again = false
	s.registrations.clear()
	s.subscriptions.clear()
	switch s.phase {
	case offline, waiting:
		s.phase = offline
		s.settle(ErrLeft, nil)
	case connecting:
		s.ended(ErrLeft, nil)
		s.transport.abort(ErrLeft)
	case joining:
		s.ended(ErrLeft, nil)
		s.hangUp(websocket.StatusNormalClosure, "")
	case joined:
		s.phase = leaving
		s.send(codeGoodbye, map[string]any{}, reason)
		s.setDeadline(s.config.CloseTimeout, "the router did not say goodbye")
	}
}

// goodbye handles GOODBYE: the answer to ours, or the router's own.
func (s *Session) goodbye(m *message) {
	if s.phase == leaving {
		s.ended(ErrLeft, &CloseDetails{Reason: CloseNormal, Message: m.messageText()})
	} else {
		s.send(codeGoodbye, map[string]any{}, CloseGoodbyeAndOut)
		s.retry.refused(m.text)
		s.ended(
			&RefusedError{"the router ended the session", m.reason()},
			&CloseDetails{Reason: m.text, Message: m.messageText()},
		)
	}
	s.hangUp(websocket.StatusNormalClosure, "")
}

// aborted handles ABORT.
func (s *Session) aborted(m *message) {
	s.again = s.phase == joining && s.nextIdentity(m.text)
	s.retry.refused(m.text)
	s.ended(
		&RefusedError{"the router refused the session", m.reason()},
		&CloseDetails{Reason: m.text, Message: m.messageText()},
	)
	s.hangUp(websocket.StatusNormalClosure, "")
}

// reason returns the reason of an ABORT or GOODBYE as an error.
func (m *message) reason() *Error {
	reason := &Error{URI: m.text}
	if text := m.messageText(); text != "" {
		reason.Args = []any{text}
	}
	return reason
}

func (m *message) messageText() string {
	text, _ := m.details["message"].(string) // it is optional
	return text
}

// violated ends the session because the router broke the protocol. As the
// protocol demands, it sends an ABORT that says why.
func (s *Session) violated(err error) {
	s.log.Error("WAMP session {session}: {error}", attr("session", s.ID()), attr("error", err.Error()))
	s.retry.refused(ProtocolViolation)
	if err == error(errNotUTF8) && s.transport.hasStatus() {
		s.ended(err, &CloseDetails{Reason: ProtocolViolation, Message: err.Error()})
		s.hangUp(websocket.StatusInvalidFramePayloadData, "")
		return
	}
	s.abortWith(ProtocolViolation, err)
}

// abortWith sends ABORT and ends the session with err.
func (s *Session) abortWith(uri string, err error) {
	s.send(codeAbort, map[string]any{"message": err.Error()}, uri)
	s.ended(err, &CloseDetails{Reason: uri, Message: err.Error()})
	s.hangUp(websocket.StatusProtocolError, uri)
}

// hangUp closes the connection of a session that has ended.
func (s *Session) hangUp(status websocket.StatusCode, reason string) {
	s.transport.close(status, reason)
	s.setDeadline(s.config.CloseTimeout, "the connection was not closed")
}

// ended is called when the session is over, whether the connection is still open
// or not. All pending requests fail with err.
func (s *Session) ended(err error, details *CloseDetails) {
	wasJoined := s.phase == joined || s.phase == leaving
	s.phase = closing
	s.cause = err
	s.endDeadline()
	s.keepalive.stop()
	s.requests.fail(s, txaio.CreateFailure(err))
	for _, inv := range s.invocations {
		inv.interrupt()
	}
	s.reset()
	if wasJoined && details != nil {
		s.callback("OnLeave", func() error { s.config.OnLeave(s, details); return nil })
	}
}

// closed implements transportEvents: the connection has ended.
func (s *Session) closed(t *transport, err error) {
	if t != s.transport {
		return
	}
	wasOpen := s.phase != connecting
	if s.phase != closing {
		if s.phase == leaving && closedNormally(err) { // the router understood our GOODBYE, even if its answer was lost
			s.ended(ErrLeft, &CloseDetails{Reason: CloseNormal})
		} else {
			s.retry.allow()
			s.ended(&TransportError{Err: err, Connecting: !wasOpen}, &CloseDetails{Reason: CloseTransportLost, Message: err.Error()})
		}
	}
	s.endDeadline()
	s.transport = nil
	s.phase = offline
	cause := s.cause
	if errors.Is(cause, ErrLeft) {
		cause = nil
	}
	if wasOpen {
		s.callback("OnDisconnect", func() error { s.config.OnDisconnect(s, cause); return nil })
	}
	if s.again {
		s.again = false
		s.connect()
		return
	}
	if s.retry.schedule(s) {
		s.phase = waiting
		return
	}
	s.settle(s.cause, s.cause)
}

// settle settles the futures of Join and Leave. The session stays offline.
func (s *Session) settle(joinErr, leaveErr error) {
	s.state.end()
	if f := s.joins; f != nil {
		s.joins = nil
		reject(f, joinErr)
	}
	leavers := s.leavers
	s.leavers = nil
	for _, f := range leavers {
		if _, lost := errors.AsType[*TransportError](leaveErr); lost {
			reject(f, leaveErr)
		} else {
			resolve(f, struct{}{})
		}
	}
}

// received implements transportEvents.
func (s *Session) received(t *transport, m *message, err error) {
	if t != s.transport || s.phase == closing {
		return
	}
	if err == nil {
		if _, answer := answers[m.code]; answer || m.code == codeError {
			s.keepalive.answered(t)
		}
		err = s.dispatch(m)
	}
	if err != nil {
		s.violated(err)
	}
}

// dispatch handles a message. Its error says how the message breaks the
// protocol.
func (s *Session) dispatch(m *message) error {
	switch m.code {
	case codeAbort:
		s.aborted(m)
		return nil
	case codeWelcome, codeChallenge:
		if s.phase != joining {
			return violation("%v to a session that is joined", m.code)
		}
		if m.code == codeChallenge {
			return s.challenged(m)
		}
		s.welcome(m)
		return nil
	}
	if s.phase == joining && !(m.code == codeGoodbye && s.retry.joined) { // a router that restarts says it to returning sessions
		return violation("%v before WELCOME", m.code)
	}
	if m.code == codeGoodbye {
		s.goodbye(m)
		return nil
	}
	if s.phase == leaving {
		return nil // the router sent it before our GOODBYE arrived
	}
	if m.request == 0 && (m.code == codeUnregistered || m.code == codeUnsubscribed) {
		return s.revoked(m)
	}
	switch m.code {
	case codeEvent:
		s.event(m)
		return nil
	case codeInvocation:
		return s.invocation(m)
	case codeInterrupt:
		return s.interrupt(m)
	}
	if m.code == codeError && (m.of == codePublish || m.of == codeYield) && !s.requests.isPending(m.request) {
		// Some routers answer although nobody asked for it.
		s.log.Warn("WAMP: the router refused {message} {request}: {error}",
			attr("message", m.of.String()), attr("request", m.request), attr("error", m.text))
		return nil
	}
	return s.requests.answered(s, m)
}

// send sends a message, or logs that it cannot be sent.
func (s *Session) send(c code, elements ...any) {
	if err := s.trySend(c, elements...); err != nil {
		s.log.Error("WAMP {message} cannot be sent: {error}", attr("message", c.String()), attr("error", err.Error()))
	}
}

// trySend sends a message. It fails if the message is too long for the router, or
// has a number that the serializer cannot encode.
func (s *Session) trySend(c code, elements ...any) error {
	frame, err := s.transport.encode(c, elements...)
	if err != nil {
		return err
	}
	s.transport.send(frame)
	return nil
}

// callback calls a function of the user's and logs its failure.
func (s *Session) callback(name string, fn func() error) {
	s.logFailure(txaio.AsFutureOn(s.api, ignoring(fn)), name)
}

// logFailure logs the failure of a future.
func (s *Session) logFailure(f *txaio.Future[struct{}], name string) {
	txaio.Watch(f, nil, func(fail *txaio.Failure) { s.report(fail, "The session's "+name) })
}

// report logs that the user's code failed. It logs the stack only of a panic: the
// stack of an error lies in this package.
func (s *Session) report(fail *txaio.Failure, what string) {
	if _, panicked := errors.AsType[*txaio.PanicError](fail); panicked {
		s.log.Failure(fail, "{what} failed", attr("what", what))
	} else {
		s.log.Error("{what} failed: {error}", attr("what", what), attr("error", fail.Error()))
	}
}
