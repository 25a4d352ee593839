package wamp

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// A rawSocket is a connection over WAMP's RawSocket, in which each message has a
// header of four bytes: its kind and its length.
type rawSocket struct {
	conn  net.Conn
	in    *bufio.Reader
	speak Serializer
	max   int   // length of the longest message that the router accepts
	limit int64 // length of the longest message that this side accepts

	lock  sync.Mutex // held while a message is written
	stuck atomic.Bool

	pings uint64        // how many were sent; the number is the payload
	asked atomic.Uint64 // the payload of the last ping
	pongs chan struct{} // holds a token when the last ping has been answered
}

// The kinds of messages.
const (
	rawMessage = 0
	rawPing    = 1
	rawPong    = 2
)

// The handshake begins with rawMagic. It states the longest message that a side
// accepts as a power of two, from 2^9 to 2^24.
const (
	rawMagic    = 0x7f
	rawShortest = 9
	rawLongest  = 1<<24 - 1 // a header has three bytes for the length
)

var (
	errHungUp = errors.New("the router closed it")
	errBusy   = errors.New("a message is being written")
	// errSerializer is a router's answer to a handshake.
	errSerializer = errors.New("the router does not know the serializer")
)

// rawErrors are the errors of the handshake.
var rawErrors = map[byte]error{
	1: errSerializer,
	2: errors.New("the router does not accept the limit for the length of messages"),
	3: errors.New("the router does not know the requested features"),
	4: errors.New("the router has too many connections"),
}

// dialRawSocket returns the dialer for a router: rs://host:port, rss://host:port or
// unix:///path.
func dialRawSocket(config *Config, to *url.URL) dialer {
	network, address := "tcp", to.Host
	if to.Scheme == "unix" {
		network, address = "unix", to.Path
	}
	return func(ctx context.Context) (connection, error) {
		// A handshake names one serializer. If the router does not know it, try the next.
		for _, s := range config.Serializers[:len(config.Serializers)-1] {
			if conn, err := dialRaw(ctx, config, to, network, address, s); !errors.Is(err, errSerializer) {
				return conn, err
			}
		}
		return dialRaw(ctx, config, to, network, address, config.Serializers[len(config.Serializers)-1])
	}
}

func dialRaw(ctx context.Context, config *Config, to *url.URL, network, address string, s Serializer) (connection, error) {
	dial := config.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	opened := conn
	stop := context.AfterFunc(ctx, func() { opened.Close() })
	defer stop()
	if to.Scheme == "rss" {
		settings := config.TLS.Clone() // may be nil
		if settings == nil {
			settings = &tls.Config{}
		}
		settings.ServerName = cmp.Or(settings.ServerName, to.Hostname())
		secured := tls.Client(conn, settings)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secured
	}
	c := &rawSocket{conn: conn, in: bufio.NewReader(conn), speak: s, limit: config.MaxMessage, pongs: make(chan struct{}, 1)}
	if err := c.handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("RawSocket at %s: %w", redactedURL(config.URL), err)
	}
	return c, nil
}

// handshake agrees with the router on the serializer and on the longest messages.
func (c *rawSocket) handshake() error {
	exponent := min(max(bits.Len64(uint64(c.limit-1)), rawShortest), rawShortest+15)
	if _, err := c.conn.Write([]byte{rawMagic, byte(exponent-rawShortest)<<4 | c.speak.number(), 0, 0}); err != nil {
		return err
	}
	var answer [4]byte
	if _, err := io.ReadFull(c.in, answer[:]); err != nil {
		return err
	}
	high, low := answer[1]>>4, answer[1]&15
	switch {
	case answer[0] != rawMagic:
		return errors.New("the server does not speak RawSocket")
	case low == 0:
		return cmp.Or(rawErrors[high], fmt.Errorf("the router refuses the connection with the error %d", high))
	case low != c.speak.number() || answer[2] != 0 || answer[3] != 0:
		return fmt.Errorf("the router answers the handshake with %x", answer)
	}
	c.max = min(1<<(rawShortest+high), rawLongest)
	return nil
}

func (c *rawSocket) serializer() Serializer { return c.speak }
func (c *rawSocket) longest() int           { return c.max }

func (c *rawSocket) tls() *tls.ConnectionState {
	secured, is := c.conn.(*tls.Conn)
	if !is {
		return nil
	}
	state := secured.ConnectionState()
	return &state
}

func (c *rawSocket) read(progress *atomic.Int64, onPing func([]byte)) ([]byte, error) {
	for {
		kind, payload, err := c.readAny(counting{c.in, progress})
		switch {
		case err != nil && c.stuck.Load():
			return nil, errStuck
		case err != nil:
			return nil, err
		case kind == rawMessage:
			return payload, nil
		case kind == rawPing:
			onPing(payload)
		case len(payload) == 8 && binary.BigEndian.Uint64(payload) == c.asked.Load(): // others answer earlier pings
			select {
			case c.pongs <- struct{}{}:
			default: // the router has answered it twice
			}
		}
	}
}

func (c *rawSocket) readAny(in io.Reader) (kind byte, payload []byte, err error) {
	var header [4]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		if err == io.EOF {
			err = errHungUp
		}
		return 0, nil, err
	}
	length := int64(binary.BigEndian.Uint32(header[:]) & rawLongest)
	switch {
	case header[0] > rawPong:
		return 0, nil, fmt.Errorf("the router broke the protocol: a RawSocket message of the kind %#x", header[0])
	case length > c.limit:
		return 0, nil, fmt.Errorf("the router sent a message of %d bytes: at most %d are accepted", length, c.limit)
	}
	// The length may be a lie, so allocate memory as the bytes arrive.
	var buffer bytes.Buffer
	buffer.Grow(int(min(length, fragment)))
	if _, err := io.CopyN(&buffer, in, length); err != nil {
		return 0, nil, cmp.Or(notEOF(err), io.ErrUnexpectedEOF)
	}
	return header[0], buffer.Bytes(), nil
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func (c *rawSocket) write(frame []byte, progress *atomic.Int64) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.writeAny(rawMessage, frame, progress)
}

func (c *rawSocket) writeAny(kind byte, payload []byte, progress *atomic.Int64) error {
	first := min(len(payload), fragment)
	piece := binary.BigEndian.AppendUint32(make([]byte, 0, 4+first), uint32(kind)<<24|uint32(len(payload)))
	if _, err := c.conn.Write(append(piece, payload[:first]...)); err != nil {
		return err
	}
	progress.Add(int64(first))
	for piece := range slices.Chunk(payload[first:], fragment) {
		if _, err := c.conn.Write(piece); err != nil {
			return err
		}
		progress.Add(int64(len(piece)))
	}
	return nil
}

func (c *rawSocket) pong(payload []byte) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.writeAny(rawPong, payload, new(atomic.Int64))
}

// pingTime is how long writing a ping may take: as long as in the WebSocket
// library.
const pingTime = 5 * time.Second

// Ping implements connection. A ping cannot be sent in the middle of a message, and
// the time of waiting for its end would be taken from the router's.
func (c *rawSocket) Ping(ctx context.Context) error {
	if !c.lock.TryLock() {
		return errBusy
	}
	c.pings++
	c.asked.Store(c.pings)
	select {
	case <-c.pongs: // for an earlier ping
	default:
	}
	timer := time.AfterFunc(pingTime, func() {
		c.stuck.Store(true)
		c.closeNow()
	})
	err := c.writeAny(rawPing, binary.BigEndian.AppendUint64(nil, c.pings), new(atomic.Int64))
	timer.Stop()
	c.lock.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-c.pongs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close implements connection. RawSocket has no status or reason. The messages
// sent before still arrive; then the router closes the other direction.
func (c *rawSocket) close(websocket.StatusCode, string) {
	if half, can := c.conn.(interface{ CloseWrite() error }); can {
		_ = half.CloseWrite() // the reader sees the result
	} else {
		c.closeNow()
	}
}

func (c *rawSocket) closeNow() { _ = c.conn.Close() }
