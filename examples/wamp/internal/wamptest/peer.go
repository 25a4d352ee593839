// Package wamptest has the router's side of a WAMP connection, for tests that
// say frame by frame what a router sends.
package wamptest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A Server accepts WebSocket connections from inside the process: nothing
// touches the network, so that it also works in a bubble of testing/synctest.
type Server struct {
	tb    testing.TB
	pipes chan net.Conn
	peers chan *Peer
	done  chan struct{}
	close sync.Once

	// Refuse makes the server answer every connection with this HTTP status.
	Refuse int
	// Protocol is the subprotocol that it accepts: wamp.2.json, unless it is
	// set to another.
	Protocol string
	// Link is what lies between.
	Link Link
}

// URL is where sessions reach a Server by its [Server.Client].
const URL = "ws://router.test/"

// NewServer starts a server that ends with the test.
func NewServer(tb testing.TB) *Server {
	s := newServer(tb)
	s.start(s.serve)
	return s
}

func newServer(tb testing.TB) *Server {
	return &Server{tb: tb, pipes: make(chan net.Conn), peers: make(chan *Peer, 2000), done: make(chan struct{}), Protocol: "wamp.2.json"}
}

func (s *Server) start(handler http.HandlerFunc) {
	server := &http.Server{Handler: handler}
	go server.Serve((*listener)(s))
	s.tb.Cleanup(func() { server.Close() })
}

// Client returns an HTTP client whose connections end at the server.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			near, far := net.Pipe()
			select {
			case s.pipes <- far:
				return &linkConn{Conn: near, link: &s.Link, closed: make(chan struct{})}, nil
			case <-s.done:
				return nil, errors.New("the server is closed")
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		DisableKeepAlives: true,
	}}
}

type listener Server

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.pipes:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if s.Refuse != 0 {
		w.WriteHeader(s.Refuse)
		return
	}
	p := &Peer{tb: s.tb, frames: make(chan []byte, 100_000), Pings: make(chan struct{}, 100), gone: make(chan struct{})}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{s.Protocol},
		OnPingReceived: func(context.Context, []byte) bool {
			select {
			case p.Pings <- struct{}{}:
			default: // nobody has looked at the last hundred
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			return !p.mute
		},
	})
	if err != nil {
		return // the client has got the reason
	}
	conn.SetReadLimit(-1)
	p.conn = conn
	s.peers <- p
	defer close(p.gone)
	for {
		_, frame, err := conn.Read(context.Background())
		if err != nil {
			p.err = err
			return
		}
		p.frames <- frame
	}
}

// Accept returns the next connection.
func (s *Server) Accept() *Peer {
	s.tb.Helper()
	select {
	case p := <-s.peers:
		return p
	case <-time.After(patience):
		s.tb.Fatal("nobody connected")
		return nil
	}
}

// patience is how long a test waits for what has to come.
const patience = time.Hour // in a synctest bubble it takes no time

// A Peer is the router's side of a connection.
type Peer struct {
	tb     testing.TB
	conn   *websocket.Conn
	frames chan []byte
	gone   chan struct{}
	err    error // why it ended, once gone is closed

	// Pings gets a token for each ping.
	Pings chan struct{}

	mu   sync.Mutex
	mute bool
}

// Mute makes the peer answer no pings any more.
func (p *Peer) Mute() {
	p.mu.Lock()
	p.mute = true
	p.mu.Unlock()
}

// Send sends frames as they are. A connection that ends meanwhile is not the
// test's failure: what it expects next is.
func (p *Peer) Send(frames ...string) {
	for _, frame := range frames {
		_ = p.conn.Write(context.Background(), websocket.MessageText, []byte(frame))
	}
}

// SendBinary sends a binary message.
func (p *Peer) SendBinary(frame []byte) {
	_ = p.conn.Write(context.Background(), websocket.MessageBinary, frame)
}

// Next returns the next message, which has to come.
func (p *Peer) Next() []any {
	p.tb.Helper()
	message := p.next()
	if message == nil {
		p.tb.Fatalf("the session closed the connection (%v), and a message was expected", p.err)
	}
	return message
}

func (p *Peer) next() []any {
	p.tb.Helper()
	var frame []byte
	select {
	case frame = <-p.frames:
	case <-p.gone:
		select {
		case frame = <-p.frames:
		default:
			return nil
		}
	case <-time.After(patience):
		p.tb.Fatal("the session sent nothing")
	}
	var message []any
	if err := json.Unmarshal(frame, &message); err != nil {
		p.tb.Fatalf("the session sent %s: %v", frame, err)
	}
	return message
}

// Expect receives the next message, which has to be want, a JSON list. The
// string "*" in want stands for anything.
func (p *Peer) Expect(want string) []any {
	p.tb.Helper()
	var wanted []any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		p.tb.Fatalf("Expect(%s): %v", want, err)
	}
	got := p.Next()
	if !matches(got, wanted) {
		text, _ := json.Marshal(got) // it was JSON
		p.tb.Fatalf("the session sent\n%s, and this was expected:\n%s", text, want)
	}
	return got
}

func matches(got, want any) bool {
	switch want := want.(type) {
	case string:
		return want == "*" || got == want
	case []any:
		got, is := got.([]any)
		return is && slices.EqualFunc(got, want, matches)
	case map[string]any:
		got, is := got.(map[string]any)
		return is && maps.EqualFunc(got, want, matches)
	}
	return got == want
}

// Welcome takes the session's HELLO and welcomes it.
func (p *Peer) Welcome() {
	p.tb.Helper()
	p.Expect(`[1, "realm1", "*"]`)
	p.Send(`[2, 4711, {"roles": {"broker": {}, "dealer": {}}}]`)
}

// ExpectClosed waits for the end of the connection, before which the session
// has to have sent nothing more, and returns the WebSocket status.
func (p *Peer) ExpectClosed() websocket.StatusCode {
	p.tb.Helper()
	if message := p.next(); message != nil {
		p.tb.Fatalf("the session sent %v, and was to close the connection", message)
	}
	return websocket.CloseStatus(p.err)
}

// Goodbye takes the session's GOODBYE and answers it.
func (p *Peer) Goodbye() {
	p.tb.Helper()
	p.Expect(`[6, {}, "*"]`)
	p.Send(`[6, {}, "wamp.close.goodbye_and_out"]`)
}

// Close ends the connection in WebSocket's way.
func (p *Peer) Close(status websocket.StatusCode) { _ = p.conn.Close(status, "") }

// Drop ends the connection without a word.
func (p *Peer) Drop() { _ = p.conn.CloseNow() }
