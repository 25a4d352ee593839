package wamptest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A Router is a small WAMP router on a port of 127.0.0.1. It has features that
// some real routers lack: it passes CANCEL on as INTERRUPT, keeps the arguments of
// errors, and asks for salted WAMP-CRA.
type Router struct {
	// URL and RawURL are its URLs for WebSocket and for RawSocket.
	URL, RawURL string

	admit  RouterOptions
	stops  []func()
	faults *Chaos // nil: none

	mu       sync.Mutex
	closed   bool // there is no realm
	refused  int  // sessions that wanted to join it
	ids      uint64
	sessions map[*routed]bool
	callees  map[string]*routed          // by procedure
	procs    map[string]uint64           // registration ids by procedure
	topics   map[string]map[*routed]bool // subscribers by topic
	topicIDs map[string]uint64           // subscription ids by topic
	calls    map[uint64]*routedCall      // by the request id of the INVOCATION
	byCaller map[routedRequest]uint64    // the same by the caller's request
}

// A routed is a session of a Router.
type routed struct {
	router   *Router
	conn     peerConn
	protocol string
	out      chan []byte
	id       uint64
	calls    uint64 // invocations that were sent to it
	proof    proof  // checks its answer to the challenge

	heldIn, heldOut []byte // frames that the next ones overtake
}

type routedRequest struct {
	session *routed
	request uint64
}

type routedCall struct {
	caller routedRequest
	callee routedRequest
}

// RouterOptions say who may join a router. Each field turns on a method of
// authentication. Without any, everybody may join.
type RouterOptions struct {
	Secret   string            // of WAMP-CRA
	Keys     map[string]string // of cryptosign: the names by the keys, in hexadecimal
	Password string            // of SCRAM
	KDF      string            // of SCRAM
}

// NewRouter starts a router that ends with the test, and returns its URL. With a
// secret, it admits sessions that sign its challenge with it.
func NewRouter(tb testing.TB, secret string) (url string) {
	return StartRouter(tb, RouterOptions{Secret: secret}).URL
}

// StartRouter starts a router that ends with the test.
func StartRouter(tb testing.TB, options RouterOptions) *Router {
	r := newRouter(options)
	web, raw := r.listen(tb, "127.0.0.1:0"), r.listen(tb, "127.0.0.1:0")
	r.URL, r.RawURL = "ws://"+web.Addr().String()+"/", "rs://"+raw.Addr().String()
	r.stops = []func(){r.serveWeb(web), r.serveRaw(raw)}
	tb.Cleanup(r.stop)
	return r
}

func (r *Router) listen(tb testing.TB, address string) net.Listener {
	tb.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

func (r *Router) stop() {
	for _, stop := range r.stops {
		stop()
	}
	r.stops = nil
}

// Shutdown ends the router as a real one ends before a restart: it says goodbye to
// all sessions, and waits until they have answered and gone.
func (r *Router) Shutdown() {
	r.mu.Lock()
	for s := range r.sessions {
		s.send(6, none, "wamp.close.system_shutdown")
	}
	r.mu.Unlock()
	for gone := false; !gone; runtime.Gosched() {
		r.mu.Lock()
		gone = len(r.sessions) == 0
		r.mu.Unlock()
	}
	r.stop()
}

// Restart starts the router again, at the same URL. It does not know the realm
// until OpenRealm.
func (r *Router) Restart(tb testing.TB) {
	tb.Helper()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	address := strings.TrimSuffix(strings.TrimPrefix(r.URL, "ws://"), "/")
	r.stops = append(r.stops, r.serveWeb(r.listen(tb, address)))
}

// OpenRealm makes the router know the realm. It returns how many sessions it has
// refused meanwhile.
func (r *Router) OpenRealm() (refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
	return r.refused
}

// ServeRouter serves the connections of listener, until stop is called.
func ServeRouter(listener net.Listener, secret string) (stop func()) {
	return newRouter(RouterOptions{Secret: secret}).serveWeb(listener)
}

func newRouter(options RouterOptions) *Router {
	r := &Router{admit: options}
	r.drop()
	return r
}

// ServeHTTP accepts a WebSocket.
func (r *Router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	conn, err := websocket.Accept(w, request, &websocket.AcceptOptions{Subprotocols: rawNumbers[1:], InsecureSkipVerify: true})
	if err != nil {
		return // the client has got the reason
	}
	conn.SetReadLimit(1 << 24)
	r.serve(webPeer{conn}, conn.Subprotocol())
}

func (r *Router) serveWeb(listener net.Listener) (stop func()) {
	server := &http.Server{Handler: r}
	go server.Serve(listener)
	return func() {
		server.Close()
		r.drop()
	}
}

func (r *Router) serveRaw(listener net.Listener) (stop func()) {
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				in := bufio.NewReader(conn)
				var hello [4]byte
				if _, err := io.ReadFull(in, hello[:]); err != nil {
					return
				}
				number := int(hello[1] & 15)
				if number < 1 || number >= len(rawNumbers) {
					number = 0
					hello[1] = 1 << 4 // the error
				}
				if _, err := conn.Write([]byte{0x7f, 0xf0&hello[1] | byte(number), 0, 0}); err != nil || number == 0 {
					conn.Close()
					return
				}
				always, ignore := func() bool { return true }, func(string) {}
				r.serve(&rawPeer{conn: conn, in: in, pinged: always, ponged: ignore}, rawNumbers[number])
			}()
		}
	}()
	return func() {
		listener.Close()
		r.drop()
	}
}

// drop drops all connections and forgets everything.
func (r *Router) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		go s.conn.drop() // which waits for the reader
	}
	r.sessions = make(map[*routed]bool)
	r.callees = make(map[string]*routed)
	r.procs = make(map[string]uint64)
	r.topics = make(map[string]map[*routed]bool)
	r.topicIDs = make(map[string]uint64)
	r.calls = make(map[uint64]*routedCall)
	r.byCaller = make(map[routedRequest]uint64)
}

func (r *Router) serve(conn peerConn, protocol string) {
	kind := websocket.MessageBinary
	if protocol == "wamp.2.json" {
		kind = websocket.MessageText
	}
	s := &routed{router: r, conn: conn, protocol: protocol, out: make(chan []byte, r.backlog())}
	r.mu.Lock()
	r.sessions[s] = true
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		for {
			select {
			case frame := <-s.out:
				conn.write(kind, frame)
			case <-done:
				return
			}
		}
	}()
	defer close(done)
	defer func() {
		conn.drop()
		r.mu.Lock()
		r.forget(s)
		r.mu.Unlock()
	}()
	for {
		frame, err := conn.read()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.faults.frame(frame, &s.heldIn, func(frame []byte) {
			if !r.sessions[s] { // it came late
				return
			}
			value, err := decodeAny(protocol, frame)
			if message, is := value.([]any); err == nil && is && len(message) >= 2 {
				r.handle(s, message)
			} else {
				go conn.drop() // which waits for the reader
			}
		})
		r.mu.Unlock()
	}
}

// backlog is how many frames may wait for a session.
func (r *Router) backlog() int {
	if r.faults != nil {
		return 1000 // there are many sessions, and they begin again and again
	}
	return 100_000
}

// forget ends a session. The router is locked.
func (r *Router) forget(s *routed) {
	delete(r.sessions, s)
	for procedure, callee := range r.callees {
		if callee == s {
			delete(r.callees, procedure)
		}
	}
	for _, subscribers := range r.topics {
		delete(subscribers, s)
	}
}

func (s *routed) send(elements ...any) {
	frame, err := encodeAny(s.protocol, elements)
	if err != nil {
		panic(err) // it was decoded before
	}
	s.router.faults.frame(frame, &s.heldOut, func(frame []byte) {
		select {
		case s.out <- frame:
		default: // nobody reads it any more
		}
	})
}

func (r *Router) next() uint64 { r.ids++; return r.ids }

func id(message []any, i int) uint64 {
	if len(message) <= i {
		return 0
	}
	switch n := message[i].(type) {
	case int64:
		return uint64(n)
	case uint64:
		return n
	case float64:
		return uint64(n)
	}
	return 0 // no session has this id
}

func text(message []any, i int) string {
	if len(message) <= i {
		return ""
	}
	s, _ := message[i].(string) // "" is nobody's name
	return s
}

func option(message []any, i int, name string) any {
	if len(message) <= i {
		return nil
	}
	details, _ := message[i].(map[string]any) // no options
	return details[name]
}

func rest(message []any, from int) []any { return message[min(from, len(message)):] }

var none = map[string]any{}

func (r *Router) welcome(s *routed, name string, extra map[string]any) {
	s.id = r.next()
	s.send(2, s.id, map[string]any{"authid": name, "authextra": extra, "roles": map[string]any{
		"broker": none,
		"dealer": map[string]any{"features": map[string]any{"call_canceling": true, "progressive_call_results": true}},
	}})
}

func (r *Router) handle(s *routed, m []any) {
	switch kind := id(m, 0); kind {
	case 1: // HELLO
		if r.closed {
			r.refused++
			s.send(3, none, "wamp.error.no_such_realm")
			return
		}
		r.hello(s, m)
	case 5: // AUTHENTICATE
		if s.proof == nil {
			return
		}
		name, extra, ok := s.proof(text(m, 1))
		if !ok {
			s.send(3, none, "wamp.error.authentication_failed")
			return
		}
		r.welcome(s, name, extra)
	case 6: // GOODBYE
		r.forget(s) // before the session can come back
		s.send(6, none, "wamp.close.goodbye_and_out")
	case 16: // PUBLISH
		publication := r.next()
		for subscriber := range r.topics[text(m, 3)] {
			if subscriber != s || option(m, 2, "exclude_me") == false {
				subscriber.send(append([]any{36, r.topicIDs[text(m, 3)], publication, none}, rest(m, 4)...)...)
			}
		}
		if option(m, 2, "acknowledge") == true {
			s.send(17, id(m, 1), publication)
		}
	case 32: // SUBSCRIBE
		topic := text(m, 3)
		if r.topics[topic] == nil {
			r.topics[topic], r.topicIDs[topic] = make(map[*routed]bool), r.next()
		}
		r.topics[topic][s] = true
		s.send(33, id(m, 1), r.topicIDs[topic])
	case 34: // UNSUBSCRIBE
		for topic, known := range r.topicIDs {
			if known == id(m, 2) {
				delete(r.topics[topic], s)
			}
		}
		s.send(35, id(m, 1))
	case 64: // REGISTER
		procedure := text(m, 3)
		if r.callees[procedure] != nil {
			s.send(8, 64, id(m, 1), none, "wamp.error.procedure_already_exists")
			return
		}
		r.callees[procedure], r.procs[procedure] = s, r.next()
		s.send(65, id(m, 1), r.procs[procedure])
	case 66: // UNREGISTER
		for procedure, known := range r.procs {
			if known == id(m, 2) {
				delete(r.callees, procedure)
			}
		}
		s.send(67, id(m, 1))
	case 48: // CALL
		r.call(s, m)
	case 49: // CANCEL
		r.cancel(s, m)
	case 70: // YIELD
		progress := option(m, 2, "progress") == true
		details := none
		if progress {
			details = map[string]any{"progress": true}
		}
		if caller, ok := r.answered(s, id(m, 1), !progress); ok {
			caller.session.send(append([]any{50, caller.request, details}, rest(m, 3)...)...)
		}
	case 8: // ERROR
		if caller, ok := r.answered(s, id(m, 2), true); ok {
			caller.session.send(append([]any{8, 48, caller.request}, rest(m, 3)...)...)
		}
	}
}

func (r *Router) call(s *routed, m []any) {
	callee := r.callees[text(m, 3)]
	if callee == nil {
		s.send(8, 48, id(m, 1), none, "wamp.error.no_such_procedure", []any{"nobody registered " + text(m, 3)})
		return
	}
	details := none
	if option(m, 2, "receive_progress") == true {
		details = map[string]any{"receive_progress": true}
	}
	callee.calls++
	call := &routedCall{routedRequest{s, id(m, 1)}, routedRequest{callee, callee.calls}}
	key := r.next()
	r.calls[key], r.byCaller[call.caller], r.byCaller[call.callee.mark()] = call, key, key
	callee.send(append([]any{68, callee.calls, r.procs[text(m, 3)], details}, rest(m, 4)...)...)
}

// mark turns a callee's request into a key that differs from all callers' requests.
func (q routedRequest) mark() routedRequest { return routedRequest{q.session, q.request | 1<<63} }

// answered returns the call that a callee answers.
func (r *Router) answered(callee *routed, request uint64, last bool) (caller routedRequest, ok bool) {
	mark := routedRequest{callee, request}.mark()
	call := r.calls[r.byCaller[mark]]
	if call == nil {
		return caller, false
	}
	if last {
		delete(r.calls, r.byCaller[mark])
		delete(r.byCaller, mark)
		delete(r.byCaller, call.caller)
	}
	return call.caller, true
}

func (r *Router) cancel(s *routed, m []any) {
	call := r.calls[r.byCaller[routedRequest{s, id(m, 1)}]]
	if call == nil {
		return
	}
	mode := option(m, 2, "mode")
	if mode != "skip" {
		call.callee.session.send(69, call.callee.request, map[string]any{"mode": mode})
	}
	if mode != "kill" {
		r.answered(call.callee.session, call.callee.request, true)
		s.send(8, 48, id(m, 1), none, "wamp.error.canceled")
	}
}
