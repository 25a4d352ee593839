package wamp

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/coder/websocket"
)

// A webSocket is a connection over WebSocket.
type webSocket struct {
	conn    *websocket.Conn
	speak   Serializer
	state   *tls.ConnectionState
	message counting     // the message that read reads
	frame   bytes.Buffer // what it returns
}

// dialWebSocket returns the dialer for a router.
func dialWebSocket(config *Config) dialer {
	url, offered := config.URL, config.Serializers
	var names []string
	for _, s := range offered {
		names = append(names, subprotocol(s))
	}
	options := &websocket.DialOptions{HTTPClient: config.HTTPClient, HTTPHeader: config.Header, Subprotocols: names}
	return func(ctx context.Context) (connection, error) {
		conn, response, err := websocket.Dial(ctx, url, options)
		if err != nil {
			return nil, redacted(err, url)
		}
		chosen := slices.Index(names, conn.Subprotocol())
		if chosen < 0 {
			_ = conn.CloseNow() // the error would add nothing
			return nil, fmt.Errorf("the server at %s does not speak %v", redactedURL(url), names)
		}
		conn.SetReadLimit(config.MaxMessage)
		return &webSocket{conn: conn, speak: offered[chosen], state: response.TLS}, nil
	}
}

func (c *webSocket) serializer() Serializer    { return c.speak }
func (c *webSocket) longest() int              { return math.MaxInt } // the router does not tell
func (c *webSocket) tls() *tls.ConnectionState { return c.state }

func (c *webSocket) kind() websocket.MessageType {
	if c.speak.text() {
		return websocket.MessageText
	}
	return websocket.MessageBinary
}

func (c *webSocket) read(progress *atomic.Int64, _ func([]byte)) ([]byte, error) {
	if c.frame.Cap() > maxKept { // before it waits, perhaps for long
		c.frame = bytes.Buffer{}
	}
	// A context that can end would cost a registration for each message.
	// CloseNow ends the read as well.
	kind, r, err := c.conn.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	c.message = counting{r, progress}
	c.frame.Reset()
	_, err = c.frame.ReadFrom(&c.message)
	if err == nil && kind != c.kind() {
		return nil, violation("a message of the wrong type for %s: it is not %v", subprotocol(c.speak), c.kind())
	}
	return c.frame.Bytes(), err
}

// maxKept is the largest buffer that is kept for the next message.
const maxKept = 4 << 10

func (c *webSocket) write(frame []byte, progress *atomic.Int64) error {
	if len(frame) <= fragment {
		err := c.conn.Write(context.Background(), c.kind(), frame)
		progress.Add(int64(len(frame)))
		return err
	}
	w, err := c.conn.Writer(context.Background(), c.kind())
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(frame, fragment) {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		progress.Add(int64(len(piece)))
	}
	return w.Close()
}

func (c *webSocket) pong([]byte) error              { return nil } // the library sends it
func (c *webSocket) Ping(ctx context.Context) error { return c.conn.Ping(ctx) }

func (c *webSocket) close(status websocket.StatusCode, reason string) {
	_ = c.conn.Close(status, reason) // the reader sees the result
}

func (c *webSocket) closeNow() { _ = c.conn.CloseNow() }
