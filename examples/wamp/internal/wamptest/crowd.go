package wamptest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// A Crowd is the router's side of very many connections. It implements only the
// WebSocket that it needs, on the goroutine that calls it, and keeps only the
// connections. So a test of memory measures the sessions.
type Crowd struct {
	tb       testing.TB
	listener net.Listener
	conns    []net.Conn
}

// NewCrowd returns a Crowd on a port of 127.0.0.1, and its URL.
func NewCrowd(tb testing.TB) (c *Crowd, url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c = &Crowd{tb: tb, listener: listener}
	tb.Cleanup(c.Close)
	return c, "ws://" + listener.Addr().String() + "/"
}

// Close drops the connections.
func (c *Crowd) Close() {
	c.listener.Close()
	for _, conn := range c.conns {
		conn.Close()
	}
}

// Welcome accepts a connection and welcomes the session.
func (c *Crowd) Welcome() {
	c.tb.Helper()
	conn, err := c.listener.Accept()
	if err != nil {
		c.tb.Fatal(err)
	}
	c.conns = append(c.conns, conn)
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		c.tb.Fatal(err)
	}
	accept := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n",
		base64.StdEncoding.EncodeToString(accept[:]))
	c.read(conn, opText) // HELLO
	c.write(conn, opText, []byte(fmt.Sprintf(`[2, %d, {}]`, len(c.conns))))
}

const (
	opText = 1
	opPing = 9
	opPong = 10
)

// AnswerPings receives a ping on each connection and answers it.
func (c *Crowd) AnswerPings() {
	c.tb.Helper()
	for _, conn := range c.conns {
		c.write(conn, opPong, c.read(conn, opPing))
	}
}

// read reads a frame, which a client has masked.
func (c *Crowd) read(conn net.Conn, op byte) []byte {
	c.tb.Helper()
	var header [2]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		c.tb.Fatal(err)
	}
	if got := header[0] & 15; got != op {
		c.tb.Fatalf("got a frame of kind %d, want %d", got, op)
	}
	length := int(header[1] & 127)
	if length == 126 {
		var long [2]byte
		if _, err := io.ReadFull(conn, long[:]); err != nil {
			c.tb.Fatal(err)
		}
		length = int(binary.BigEndian.Uint16(long[:]))
	}
	rest := make([]byte, 4+length)
	if _, err := io.ReadFull(conn, rest); err != nil {
		c.tb.Fatal(err)
	}
	mask, payload := rest[:4], rest[4:]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return payload
}

func (c *Crowd) write(conn net.Conn, op byte, payload []byte) {
	c.tb.Helper()
	if _, err := conn.Write(append([]byte{128 | op, byte(len(payload))}, payload...)); err != nil {
		c.tb.Fatal(err)
	}
}
