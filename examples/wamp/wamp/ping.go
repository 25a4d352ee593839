package wamp

import (
	"errors"
	"sync"
	"time"

	"github.com/txaio-go/txaio"
)

// sharedPings is the timer of every session that was given none: a thousand
// sessions need one real timer a second, not a thousand.
var sharedPings = sync.OnceValue(func() *txaio.BatchedTimer { return txaio.MakeBatchedTimer(time.Second, 0) })

// errNoPong is why a connection is dropped whose router does not answer.
var errNoPong = errors.New("the router did not answer a ping")

// A keepalive finds out that a router is gone, where the network does not say
// so.
type keepalive struct {
	heard bool // something came since the last look
	asked bool // a ping has not been answered
	timer txaio.DelayedCall
}

func (k *keepalive) start(s *Session) {
	*k = keepalive{}
	if s.config.PingInterval > 0 {
		k.again(s)
	}
}

func (k *keepalive) again(s *Session) {
	t := s.transport
	k.timer = s.config.Pings.CallLater(s.config.PingInterval, func() {
		// The timer is shared, and may belong to another loop.
		s.loop.CallSoon(func() {
			if s.transport == t && k.timer != nil {
				k.look(s)
			}
		})
	})
}

// look is taken once an interval. A session that has heard something needs no
// ping.
func (k *keepalive) look(s *Session) {
	switch {
	case k.heard:
		k.heard = false
	case k.asked:
		s.transport.abort(errNoPong)
		return
	default:
		k.asked = true
		s.transport.sendPing()
	}
	k.again(s)
}

func (k *keepalive) stop() {
	if k.timer != nil {
		k.timer.Cancel()
		k.timer = nil
	}
}

// ponged implements transportEvents.
func (s *Session) ponged(t *transport) {
	if t == s.transport {
		s.keepalive.heard, s.keepalive.asked = true, false
	}
}
