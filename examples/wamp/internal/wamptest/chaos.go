package wamptest

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Chaos is a Router on a Server, inside the process. A test can make it lose, delay,
// truncate, repeat and reorder the frames of both directions, and restart it.
type Chaos struct {
	*Server
	router *Router
	rate   atomic.Int64 // how many frames in ten thousand have a fault
	down   atomic.Bool

	// Happened counts the faults, by kind.
	Happened [kinds]atomic.Int64
}

// The faults.
const (
	lost = iota
	late
	cut
	repeated
	reordered
	kinds
)

// NewChaos starts a router that ends with the test. It has no faults until SetRate.
func NewChaos(tb testing.TB) *Chaos {
	c := &Chaos{Server: newServer(tb), router: newRouter(RouterOptions{})}
	c.router.faults = c
	c.start(c)
	tb.Cleanup(c.router.drop)
	return c
}

// ServeHTTP accepts a WebSocket, unless the router is restarting.
func (c *Chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c.router.ServeHTTP(w, r)
}

// SetRate sets how many frames in ten thousand have a fault.
func (c *Chaos) SetRate(rate int) { c.rate.Store(int64(rate)) }

// Restart drops all connections and forgets everything, and is back after a time.
func (c *Chaos) Restart(after time.Duration) {
	c.down.Store(true)
	c.router.drop()
	time.AfterFunc(after, func() { c.down.Store(false) })
}

// frame passes a frame on, sometimes with a fault. held is a frame that this one
// overtakes. The router is locked.
func (c *Chaos) frame(frame []byte, held *[]byte, pass func([]byte)) {
	what := -1
	if c != nil && rand.Int64N(10_000) < c.rate.Load() {
		what = rand.IntN(kinds)
		c.Happened[what].Add(1)
	}
	before := *held
	*held = nil
	switch what {
	case lost:
	case late:
		time.AfterFunc(time.Duration(rand.Int64N(int64(3*time.Second))), func() {
			c.router.mu.Lock()
			defer c.router.mu.Unlock()
			pass(frame)
		})
	case cut:
		pass(frame[:rand.IntN(len(frame))])
	case repeated:
		pass(frame)
		pass(frame)
	case reordered:
		*held = frame
	default:
		pass(frame)
	}
	if before != nil {
		pass(before)
	}
}
