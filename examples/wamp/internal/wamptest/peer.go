// Package wamptest has the router's side of a WAMP connection, for tests that
// send each frame of the router themselves.
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

// A Server accepts WebSocket connections from inside the process. It does not use
// the network, so it also works in a bubble of testing/synctest.
type Server struct {
	tb    testing.TB
	pipes chan net.Conn
	peers chan *Peer
	done  chan struct{}
	close sync.Once

	// Refuse makes the server answer every connection with this HTTP status.
	Refuse int
	// Protocol is the subprotocol that it accepts, wamp.2.json by default. It
	// also selects the serializer of a RawSocket.
	Protocol string
	// Raw says that the sessions of a test use a RawSocket.
	Raw bool
	// RawLength is the limit that it gives to a RawSocket, 15 by default.
	// RawAnswer replaces its answer to the handshake, if it is set.
	RawLength byte
	RawAnswer []byte
	// Link is the network between the sessions and the server.
	Link Link
}

// URL is the URL of a Server for sessions that use its [Server.Client].
const URL = "ws://router.test/"

// NewServer starts a server that ends with the test.
func NewServer(tb testing.TB) *Server {
	s := newServer(tb)
	s.start(s)
	return s
}

func newServer(tb testing.TB) *Server {
	return &Server{tb: tb, pipes: make(chan net.Conn), peers: make(chan *Peer, 2000), done: make(chan struct{}), Protocol: "wamp.2.json", RawLength: 15}
}

func (s *Server) start(handler http.Handler) {
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

// ServeHTTP accepts a WebSocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Refuse != 0 {
		w.WriteHeader(s.Refuse)
		return
	}
	p := s.newPeer()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:   []string{s.Protocol},
		OnPingReceived: func(context.Context, []byte) bool { return p.pinged() },
	})
	if err != nil {
		return // the client has got the reason
	}
	conn.SetReadLimit(-1)
	p.conn, p.protocol, p.Request = webPeer{conn}, conn.Subprotocol(), r
	s.peers <- p
	p.receive()
}

func (s *Server) newPeer() *Peer {
	return &Peer{
		tb: s.tb, frames: make(chan []byte, 100_000), gone: make(chan struct{}),
		Pings: make(chan struct{}, 100), Pongs: make(chan string, 100),
	}
}

// receive reads until the connection ends.
func (p *Peer) receive() {
	defer close(p.gone)
	for {
		frame, err := p.conn.read()
		if err != nil {
			p.err = err
			return
		}
		p.frames <- frame
	}
}

// pinged notes a ping, and reports whether to answer it.
func (p *Peer) pinged() bool {
	select {
	case p.Pings <- struct{}{}:
	default: // nobody has looked at the last hundred
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.mute
}

// A peerConn is a WebSocket or a RawSocket. Writing returns no errors, because
// reading finds them too.
type peerConn interface {
	read() ([]byte, error)
	write(kind websocket.MessageType, frame []byte)
	close(status websocket.StatusCode)
	drop()
}

type webPeer struct{ conn *websocket.Conn }

func (w webPeer) read() ([]byte, error) {
	_, frame, err := w.conn.Read(context.Background())
	return frame, err
}

func (w webPeer) write(kind websocket.MessageType, frame []byte) {
	_ = w.conn.Write(context.Background(), kind, frame)
}

func (w webPeer) close(status websocket.StatusCode) { _ = w.conn.Close(status, "") }
func (w webPeer) drop()                             { _ = w.conn.CloseNow() }

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

// patience is how long a test waits for a message or a connection.
const patience = time.Hour // in a synctest bubble it takes no time

// A Peer is the router's side of a connection.
type Peer struct {
	tb       testing.TB
	conn     peerConn
	protocol string
	frames   chan []byte
	gone     chan struct{}
	err      error // why it ended, once gone is closed

	// Pings gets a token for each ping.
	Pings chan struct{}
	// Pongs gets the payloads of a RawSocket's pongs.
	Pongs chan string
	// Request is the HTTP request for a WebSocket.
	Request *http.Request
	// Limit is the limit that the session's RawSocket gave.
	Limit int

	mu   sync.Mutex
	mute bool
}

// Mute makes the peer answer no pings any more.
func (p *Peer) Mute() {
	p.mu.Lock()
	p.mute = true
	p.mu.Unlock()
}

// Send sends messages, which are written in JSON, with the connection's serializer.
// If the connection ends meanwhile, Send does not fail the test: the next
// expectation does.
func (p *Peer) Send(frames ...string) {
	kind := websocket.MessageText
	if p.protocol == "wamp.2.msgpack" || p.protocol == "wamp.2.cbor" {
		kind = websocket.MessageBinary
	}
	for _, frame := range frames {
		p.conn.write(kind, encode(p.protocol, frame))
	}
}

// SendBinary sends a binary message as it is.
func (p *Peer) SendBinary(frame []byte) { p.conn.write(websocket.MessageBinary, frame) }

// SendText sends a text message as it is.
func (p *Peer) SendText(frame string) { p.conn.write(websocket.MessageText, []byte(frame)) }

// SendPing sends a ping of a RawSocket.
func (p *Peer) SendPing(payload string) { p.conn.(*rawPeer).message(1, []byte(payload)) }

// SendRaw sends a message of a RawSocket that is of any kind.
func (p *Peer) SendRaw(kind byte, payload []byte) { p.conn.(*rawPeer).message(kind, payload) }

// Next returns the next message. If none comes, it fails the test.
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
	message, err := decode(p.protocol, frame)
	if err != nil {
		p.tb.Fatalf("the session sent %q: %v", frame, err)
	}
	return message
}

// Expect receives the next message and checks that it is want, a JSON list. The
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

// Welcome receives the session's HELLO and welcomes the session.
func (p *Peer) Welcome() {
	p.tb.Helper()
	p.Expect(`[1, "realm1", "*"]`)
	p.Send(`[2, 4711, {"roles": {"broker": {}, "dealer": {}}}]`)
}

// ExpectClosed waits for the end of the connection and returns the WebSocket
// status, or -1 for a RawSocket. If the session sends another message, it fails the
// test.
func (p *Peer) ExpectClosed() websocket.StatusCode {
	p.tb.Helper()
	if message := p.next(); message != nil {
		p.tb.Fatalf("the session sent %v, and was to close the connection", message)
	}
	return websocket.CloseStatus(p.err)
}

// Goodbye receives the session's GOODBYE and answers it.
func (p *Peer) Goodbye() {
	p.tb.Helper()
	p.Expect(`[6, {}, "*"]`)
	p.Send(`[6, {}, "wamp.close.goodbye_and_out"]`)
}

// Close ends the connection with the closing handshake of WebSocket.
func (p *Peer) Close(status websocket.StatusCode) { p.conn.close(status) }

// Drop ends the connection without a word.
func (p *Peer) Drop() { p.conn.drop() }
