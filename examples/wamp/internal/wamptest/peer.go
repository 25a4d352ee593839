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
	// set to another. It tells the serializer, also that of a RawSocket.
	Protocol string
	// Raw tells tests that sessions are to use a RawSocket.
	Raw bool
	// RawLength is the limit that it gives to a RawSocket, 15 unless it is set to
	// another, and RawAnswer, if it is set, what it answers the handshake with.
	RawLength byte
	RawAnswer []byte
	// Link is what lies between.
	Link Link
}

// URL is where sessions reach a Server by its [Server.Client].
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

// ServeHTTP takes a connection for a WebSocket.
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

// pinged takes a ping, and reports whether it is to be answered.
func (p *Peer) pinged() bool {
	select {
	case p.Pings <- struct{}{}:
	default: // nobody has looked at the last hundred
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.mute
}

// A peerConn is a WebSocket or a RawSocket. Its errors of writing are those that
// reading finds.
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

// patience is how long a test waits for what has to come.
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
	// Request is what asked for a WebSocket.
	Request *http.Request
	// Limit is the limit that a RawSocket gave.
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

// Send sends frames, in JSON as they are, else as the serializer has them. A
// connection that ends meanwhile is not the test's failure: what it expects next
// is.
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
	message, err := decode(p.protocol, frame)
	if err != nil {
		p.tb.Fatalf("the session sent %q: %v", frame, err)
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
// has to have sent nothing more, and returns the WebSocket status. That of a
// RawSocket is -1.
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
func (p *Peer) Close(status websocket.StatusCode) { p.conn.close(status) }

// Drop ends the connection without a word.
func (p *Peer) Drop() { p.conn.drop() }
