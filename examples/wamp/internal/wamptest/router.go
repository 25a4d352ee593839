package wamptest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A Router is a small WAMP router on a port of 127.0.0.1. It does what
// routers in the field leave out: it passes CANCEL on as INTERRUPT, hands
// errors through with their arguments, and asks for salted WAMP-CRA.
type Router struct {
	secret string // "": everybody may join
	faults *Chaos // nil: none

	mu       sync.Mutex
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
	router *Router
	conn   *websocket.Conn
	out    chan []byte
	id     uint64
	calls  uint64 // invocations that were sent to it

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

// The challenge of a router with a secret.
const (
	challenge  = `{"authid":"joe","nonce":"x"}`
	salt       = "salt123"
	iterations = 100
	keyLength  = 16
)

// NewRouter starts a router that ends with the test, and returns its URL. With
// a secret, it admits those who sign its challenge with it.
func NewRouter(tb testing.TB, secret string) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(ServeRouter(listener, secret))
	return "ws://" + listener.Addr().String() + "/"
}

// ServeRouter serves the connections of listener, until stop is called.
func ServeRouter(listener net.Listener, secret string) (stop func()) {
	r := newRouter(secret)
	server := &http.Server{Handler: http.HandlerFunc(r.serve)}
	go server.Serve(listener)
	return func() {
		server.Close()
		r.restart()
	}
}

func newRouter(secret string) *Router {
	r := &Router{secret: secret, sessions: make(map[*routed]bool)}
	r.restart()
	return r
}

// restart drops all connections and forgets everything.
func (r *Router) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		go s.conn.CloseNow()
	}
	r.sessions = make(map[*routed]bool)
	r.callees = make(map[string]*routed)
	r.procs = make(map[string]uint64)
	r.topics = make(map[string]map[*routed]bool)
	r.topicIDs = make(map[string]uint64)
	r.calls = make(map[uint64]*routedCall)
	r.byCaller = make(map[routedRequest]uint64)
}

func (r *Router) serve(w http.ResponseWriter, request *http.Request) {
	conn, err := websocket.Accept(w, request, &websocket.AcceptOptions{Subprotocols: []string{"wamp.2.json"}})
	if err != nil {
		return // the client has got the reason
	}
	conn.SetReadLimit(1 << 24)
	s := &routed{router: r, conn: conn, out: make(chan []byte, r.backlog())}
	r.mu.Lock()
	r.sessions[s] = true
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		for {
			select {
			case frame := <-s.out:
				if conn.Write(context.Background(), websocket.MessageText, frame) != nil {
					return
				}
			case <-done:
				return
			}
		}
	}()
	defer close(done)
	defer r.forget(s)
	defer conn.CloseNow()
	for {
		_, frame, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		r.mu.Lock()
		r.faults.frame(frame, &s.heldIn, func(frame []byte) {
			var message []any
			switch {
			case !r.sessions[s]: // it came late
			case json.Unmarshal(frame, &message) != nil || len(message) < 2:
				go conn.CloseNow() // which waits for the reader
			default:
				r.handle(s, message)
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

func (r *Router) forget(s *routed) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
	frame, err := json.Marshal(elements)
	if err != nil {
		panic(err) // it came as JSON
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
	n, _ := message[i].(float64) // 0 is nobody's id
	return uint64(n)
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

func (r *Router) welcome(s *routed) {
	s.id = r.next()
	s.send(2, s.id, map[string]any{"authid": "joe", "roles": map[string]any{
		"broker": none,
		"dealer": map[string]any{"features": map[string]any{"call_canceling": true, "progressive_call_results": true}},
	}})
}

func (r *Router) handle(s *routed, m []any) {
	switch kind := id(m, 0); kind {
	case 1: // HELLO
		if r.secret == "" {
			r.welcome(s)
			return
		}
		s.send(4, "wampcra", map[string]any{"challenge": challenge, "salt": salt, "iterations": iterations, "keylen": keyLength})
	case 5: // AUTHENTICATE
		if text(m, 1) == signature(r.secret) {
			r.welcome(s)
		} else {
			s.send(3, none, "wamp.error.authentication_failed")
		}
	case 6: // GOODBYE
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

// mark makes a key of a callee's request that no caller's request is equal to.
func (q routedRequest) mark() routedRequest { return routedRequest{q.session, q.request | 1<<63} }

// answered returns whose call a callee answers.
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

// signature is what the router expects of those who know the secret.
func signature(secret string) string {
	key, err := pbkdf2.Key(sha256.New, secret, []byte(salt), iterations, keyLength)
	if err != nil {
		panic(err) // the parameters are the constants above
	}
	signer := hmac.New(sha256.New, []byte(base64.StdEncoding.EncodeToString(key)))
	signer.Write([]byte(challenge))
	return base64.StdEncoding.EncodeToString(signer.Sum(nil))
}
