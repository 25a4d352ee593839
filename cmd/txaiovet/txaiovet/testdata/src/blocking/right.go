package blocking

import (
	"context"
	"sync"
	"time"

	"github.com/txaio-go/txaio"
)

func elsewhere(ctx context.Context, f, g *txaio.Future[int], ch, done chan int) {
	<-ch
	txaio.Await(ctx, f)
	txaio.Watch(f, func(int) {
		go func() { <-ch }()
		go txaio.Await(ctx, g)
		go wait(ch)
		h := txaio.Go(func(ctx context.Context) (int, error) { return <-ch, nil })
		txaio.Watch(h, func(int) {}, nil)
		time.AfterFunc(1, func() { <-ch })
		select {
		case <-ch:
		default:
		}
		select {
		case ch <- 1:
		case done <- 2:
		}
		ch <- 1
		later := func() { <-ch }
		go later()
		_ = later
		close(ch)
		_ = len(ch)
		for range 3 {
		}
	}, nil)
	f = txaio.Go(func(ctx context.Context) (int, error) {
		select {
		case <-ctx.Done():
		case v := <-ch:
			return v, nil
		}
		return txaio.Await(ctx, g)
	})
	txaio.AsFuture(func() (int, error) { return <-ch, nil })
	unrelated{}.CallSoon(func() { <-ch })
	unrelated{}.Run(func() { <-ch })
	txaio.CallSoon(func() {
		unrelated{}.Run(nil)
		if txaio.UsingDeferred {
			<-ch
		}
	})
}

func wait(ch chan int) { <-ch }

type unrelated struct{}

func (unrelated) CallSoon(fn func()) {}
func (unrelated) Run(fn func())      {}

type server struct{ slots chan struct{} }

// A place in a semaphore that is taken outside is given back.
func (s *server) semaphore(loop txaio.EventLoop, f *txaio.Future[int], free chan bool) {
	select {
	case s.slots <- struct{}{}:
	default:
		return
	}
	loop.CallSoon(func() {
		<-s.slots
	})
	free <- true
	txaio.Watch(f, func(int) {
		defer func() { <-free }()
	}, nil)
}

// A function that a helper calls where it is given to it is run there.
func locked(mu *sync.Mutex, fn func()) {
	mu.Lock()
	defer mu.Unlock()
	fn()
}

func async(fn func()) { txaio.CallSoon(func() { go fn() }) }

func helpers(mu *sync.Mutex, ch chan int) {
	locked(mu, func() { <-ch })
	txaio.CallSoon(func() { locked(mu, func() { use(1) }) })
	async(func() { <-ch })
}
