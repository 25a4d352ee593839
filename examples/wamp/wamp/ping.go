package wamp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/txaio-go/txaio"
)

// sharedPings is the timer of every session without Config.Pings: a thousand
// sessions need one real timer a second, not a thousand.
var sharedPings = sync.OnceValue(func() *txaio.BatchedTimer {
	return txaio.MakeBatchedTimer(time.Second, 0, txaio.RoundUp())
})

// The errors of a connection that the keepalive drops.
var (
	errNoPong = errors.New("the router did not answer a ping")
	errStuck  = errors.New("the router takes nothing that is sent to it")
)

// A ping or a pong waits behind the data sent before it. The keepalive allows for a
// link of slowest bytes a second, and for as much data as buffers hold.
const (
	slowest   = 10_000
	maxBuffer = 2 << 20
)

// behind is the time that n bytes may take on the slowest link.
func behind(n int64) time.Duration {
	return time.Duration(min(n, maxBuffer)) * time.Second / slowest
}

// A keepalive detects a dead connection that the network does not report. Once an
// interval it looks at both directions: whether bytes arrive, and whether bytes that
// are sent get through.
type keepalive struct {
	timer  txaio.DelayedCall
	looked time.Time

	read    int64 // bytes, at the last look
	written int64
	moved   time.Time // the last look that found the writer idle or further on

	proven int64 // bytes sent that have reached the router, as an answer shows

	asked     bool // a ping has not been answered yet
	askedAt   time.Time
	askedSent int64 // bytes sent and read at that time
	askedRead int64
}

func (k *keepalive) start(s *Session) {
	*k = keepalive{looked: s.loop.Now(), moved: s.loop.Now()}
	k.read, k.written, _ = s.transport.progress()
	if s.config.PingInterval > 0 {
		k.again(s, s.config.Pings)
	}
}

func (k *keepalive) again(s *Session, timer txaio.DelayedCaller) {
	t := s.transport
	k.timer = timer.CallLater(s.config.PingInterval, func() {
		// The timer is shared, and may belong to another loop.
		s.loop.CallSoon(func() {
			if s.transport == t && k.timer != nil {
				k.look(s)
			}
		})
	})
}

// look is called once an interval. If bytes arrive, and everything sent has
// reached the router, it sends no ping.
func (k *keepalive) look(s *Session) {
	t, now, interval := s.transport, s.loop.Now(), s.config.PingInterval
	read, written, writing := t.progress()
	if !writing || written != k.written {
		k.moved = now
	}
	switch {
	case now.Sub(k.moved) >= interval+behind(fragment):
		t.abort(errStuck)
		return
	case k.asked && now.Sub(k.askedAt) >= interval+behind(k.askedSent-k.proven+read-k.askedRead):
		t.abort(errNoPong)
		return
	case !k.asked && (read == k.read || t.bytesSent.Load() > k.proven):
		k.ask(s, now, read)
	}
	timer := s.config.Pings
	if now.Sub(k.looked) < interval/2 {
		timer = s.api // the batched timer rounds down, here to the present again and again
	}
	k.looked, k.read, k.written = now, read, written
	k.again(s, timer)
}

// ask sends a ping on a goroutine of its own, which waits for the pong.
func (k *keepalive) ask(s *Session, now time.Time, read int64) {
	t := s.transport
	k.asked, k.askedAt, k.askedSent, k.askedRead = true, now, t.bytesSent.Load(), read
	pong := txaio.GoOn(s.api, func(context.Context) (struct{}, error) { return struct{}{}, t.conn.Ping(t.ctx) })
	watch(s, pong,
		func(struct{}) {
			if t == s.transport {
				k.asked, k.proven = false, max(k.proven, k.askedSent)
			}
		},
		func(*txaio.Failure) {
			if t == s.transport {
				k.asked = false // it could not be sent; the next look finds the reason
			}
		})
}

// answered is called when the router has answered a request.
func (k *keepalive) answered(t *transport) { k.proven = t.bytesSent.Load() }

func (k *keepalive) stop() {
	if k.timer != nil {
		k.timer.Cancel()
		k.timer = nil
	}
}
