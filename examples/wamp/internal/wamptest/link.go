package wamptest

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Link is the network between the sessions and a Server. It has no faults until a
// test asks for them.
type Link struct {
	speed    atomic.Int64
	swallows atomic.Bool
	stalls   atomic.Bool
}

// SetSpeed limits both directions to a number of bytes per second.
func (l *Link) SetSpeed(bytes int64) { l.speed.Store(bytes) }

// Swallow makes the link lose everything that the sessions send, without an error.
func (l *Link) Swallow() { l.swallows.Store(true) }

// Stall makes the sessions wait for ever when they send.
func (l *Link) Stall() { l.stalls.Store(true) }

// take sleeps for as long as n bytes need.
func (l *Link) take(n int) {
	if speed := l.speed.Load(); speed > 0 {
		time.Sleep(time.Duration(n) * time.Second / time.Duration(speed))
	}
}

// A linkConn is the sessions' end of a connection.
type linkConn struct {
	net.Conn
	link   *Link
	once   sync.Once
	closed chan struct{}
}

func (c *linkConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.link.take(n)
	return n, err
}

func (c *linkConn) Write(p []byte) (int, error) {
	if c.link.stalls.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	c.link.take(len(p))
	if c.link.swallows.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *linkConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
