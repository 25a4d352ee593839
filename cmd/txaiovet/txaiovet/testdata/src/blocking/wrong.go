package blocking

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

type client struct {
	loop *txaio.Loop
	ch   chan int

	mu        sync.Mutex
	onTimeout func()
}

func callbacks(ctx context.Context, f, g *txaio.Future[int], loop *txaio.Loop, tl *testutil.TestLoop, tb testing.TB, ch chan int) {
	txaio.AddCallbacks(f, func(v int) (int, error) {
		txaio.Await(ctx, g) // want `Await waits, and this is run by a loop, which it holds: go on in a callback`
		<-ch                // want `a receive from a channel waits`
		return v, nil
	}, func(fail *txaio.Failure) (int, error) {
		v, _ := txaio.Await[int](ctx, g) // want `Await waits`
		return v, fail
	})
	txaio.Watch(f, func(int) {
		loop.Run(ctx)            // want `Loop.Run waits`
		loop.RunUntilComplete(g) // want `Loop.RunUntilComplete waits`
		loop.Drain(ctx)          // want `Loop.Drain waits`
	}, func(*txaio.Failure) {
		txaio.RunUntil(ctx, loop, g) // want `RunUntil waits`
		testutil.Await(tb, g)        // want `testutil.Await waits`
		tl.Advance(time.Second)      // want `testutil.TestLoop.Advance waits`
		tl.RunOnce()                 // want `testutil.TestLoop.RunOnce waits`
		tl.RunUntilIdle()            // want `testutil.TestLoop.RunUntilIdle waits`
	})
	h := txaio.Then(f, func(int) (int, error) { return <-ch, nil }) // want `a receive`
	h = txaio.ThenOf(h, func(int) (*txaio.Future[int], error) {
		for range ch { // want `a range over a channel`
		}
		return g, nil
	})
	h = txaio.Catch(h, func(*txaio.Failure) (int, error) { return txaio.Await(ctx, g) }) // want `Await waits`
	txaio.Watch(h, func(int) {}, nil)
	txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { <-ch })) // want `a receive`
}

func loops(ctx context.Context, f *txaio.Future[int], loop *txaio.Loop, any txaio.EventLoop, tl *testutil.TestLoop, api *txaio.API, ch, done chan int) {
	txaio.CallSoon(func() { <-ch })                            // want `a receive`
	txaio.CallLater(0, func() { <-ch })                        // want `a receive`
	loop.CallSoon(func() { <-ch })                             // want `a receive`
	loop.CallLater(0, func() { txaio.Await(ctx, f) })          // want `Await waits`
	any.CallSoon(func() { <-ch })                              // want `a receive`
	any.CallLater(0, func() { <-ch })                          // want `a receive`
	tl.CallSoon(func() { <-ch })                               // want `a receive`
	api.CallSoon(func() { <-ch })                              // want `a receive`
	api.CallLater(0, func() { <-ch })                          // want `a receive`
	txaio.MakeBatchedTimer(1, 0).CallLater(1, func() { <-ch }) // want `a receive`
	(*txaio.Loop).CallSoon(loop, func() { <-ch })              // want `a receive`
	soon := loop.CallSoon
	soon(func() { <-ch })                                                    // want `a receive`
	own{}.CallSoon(func() { <-ch })                                          // want `a receive`
	txaio.NewLoop(txaio.WithExceptionHandler(func(*txaio.Failure) { <-ch })) // want `a receive`
	txaio.CallSoon(func() {
		func() {
			<-ch // want `a receive`
		}()
		defer func() { <-ch }()                                  // want `a receive`
		defer txaio.Await(ctx, f)                                // want `Await waits`
		go use(<-ch)                                             // want `a receive`
		txaio.AsFuture(func() (int, error) { return <-ch, nil }) // want `a receive`
		select {
		case <-ch: // want `a receive`
		case <-done:
		}
		select {
		case v, ok := <-ch: // want `a receive`
			_, _ = v, ok
		case done <- 1:
		}
		select {
		default:
			<-ch // want `a receive`
		case <-done:
		}
		use(1 + <-ch)         // want `a receive`
		if v := <-ch; v > 0 { // want `a receive`
			return
		}
	})
}

func use(int) {}

type own struct{}

func (own) CallSoon(fn func())                                     {}
func (own) CallLater(d time.Duration, fn func()) txaio.DelayedCall { return nil }
func (own) Now() time.Time                                         { return time.Time{} }

// Functions that are declared elsewhere.

func (c *client) onValue(v int) (int, error) {
	<-c.ch // want `a receive`
	return v, nil
}

func (c *client) tick() {
	<-c.ch // want `a receive`
}

func generic[T any](ch chan T) func() {
	return func() {
		<-ch // want `a receive`
	}
}

func (c *client) wait() int { return <-c.ch }

func (c *client) waitLonger() { c.wait() }

func declared(c *client, f *txaio.Future[int]) {
	txaio.AddCallbacks(f, c.onValue, nil)
	c.loop.CallSoon(c.tick)
	c.loop.CallSoon(generic(c.ch))
	later := func() {
		<-c.ch // want `a receive`
	}
	c.loop.CallSoon(later)
	txaio.CallSoon(func() {
		c.wait()       // want `c.wait waits \(a receive from a channel at wrong.go:\d+\), and this is run by a loop`
		c.waitLonger() // want `c.waitLonger waits \(a receive from a channel at wrong.go:\d+\)`
		local := func() { <-c.ch }
		local() // want `local waits`
	})
	var once sync.Once
	_ = once
}

func answers(f *txaio.Future[int], requests, replies chan int) {
	requests <- 1
	txaio.Watch(f, func(int) {
		<-replies       // want `a receive`
		use(<-requests) // want `a receive`
	}, nil)
}

// onLoop runs a function as part of one of its own.
func (c *client) onLoop(fn func()) {
	txaio.CallSoon(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		fn()
	})
}

func (c *client) given() {
	c.onLoop(func() {
		<-c.ch // want `a receive`
	})
	c.onTimeout = func() {
		<-c.ch // want `a receive`
	}
	txaio.CallLater(time.Second, c.onTimeout)
}
