package wamptest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/coder/websocket"
)

// RawURL is the URL of a Server for sessions that use its [Server.Dial].
const RawURL = "rs://router.test:80"

// rawNumbers has the serializers at RawSocket's numbers for them.
var rawNumbers = []string{"", "wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor"}

// Dial returns a connection to the server for a RawSocket.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	go s.ServeRaw(far)
	return &linkConn{Conn: near, link: &s.Link, closed: make(chan struct{})}, nil
}

// ServeRaw accepts a RawSocket.
func (s *Server) ServeRaw(conn net.Conn) {
	in := bufio.NewReader(conn)
	var hello [4]byte
	if _, err := io.ReadFull(in, hello[:]); err != nil {
		return
	}
	number := slices.Index(rawNumbers, s.Protocol)
	answer := []byte{0x7f, s.RawLength<<4 | byte(max(number, 0)), 0, 0}
	switch {
	case s.Refuse != 0:
		answer[1] = 4 << 4
	case hello[0] != 0x7f || number < 1 || hello[1]&15 != byte(number):
		answer[1] = 1 << 4
	}
	if s.RawAnswer != nil {
		answer = s.RawAnswer
	}
	if _, err := conn.Write(answer); err != nil || s.RawAnswer != nil || answer[1]&15 == 0 {
		conn.Close()
		return
	}
	p := s.newPeer()
	raw := &rawPeer{conn: conn, in: in, pinged: p.pinged, ponged: func(payload string) { p.Pongs <- payload }}
	p.conn, p.protocol, p.Limit = raw, s.Protocol, 1<<(9+hello[1]>>4)
	s.peers <- p
	p.receive()
}

// A rawPeer is the router's side of a RawSocket.
type rawPeer struct {
	conn   net.Conn
	in     *bufio.Reader
	pinged func() bool // reports whether to answer
	ponged func(payload string)
	mu     sync.Mutex
}

func (r *rawPeer) write(_ websocket.MessageType, frame []byte) { r.message(0, frame) }

func (r *rawPeer) message(kind byte, payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	frame := binary.BigEndian.AppendUint32(nil, uint32(kind)<<24|uint32(len(payload)))
	_, _ = r.conn.Write(append(frame, payload...)) // the reader finds out
}

func (r *rawPeer) read() ([]byte, error) {
	for {
		var header [4]byte
		if _, err := io.ReadFull(r.in, header[:]); err != nil {
			return nil, err
		}
		payload := make([]byte, binary.BigEndian.Uint32(header[:])&0xffffff)
		if _, err := io.ReadFull(r.in, payload); err != nil {
			return nil, err
		}
		switch header[0] {
		case 0:
			return payload, nil
		case 1:
			if r.pinged() {
				go r.message(2, payload)
			}
		case 2:
			r.ponged(string(payload))
		default:
			return nil, errors.New("a RawSocket message of no known kind")
		}
	}
}

func (r *rawPeer) close(websocket.StatusCode) { r.conn.Close() }
func (r *rawPeer) drop()                      { r.conn.Close() }
