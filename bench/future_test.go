package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/eventloop"
	promise "github.com/fanliao/go-promise"
	"github.com/samber/mo"

	"github.com/txaio-go/txaio"
)

// BenchmarkSettle creates a future, adds a callback and resolves the future. The
// callback runs inside Resolve on the deferred backend, and on a running loop on
// the future backend. The time includes the loop's work after the last Resolve.
func BenchmarkSettle(b *testing.B) {
	b.Run("floor", floor)
	for _, buffer := range []int{0, 1024} {
		b.Run(chanLoopName(buffer), func(b *testing.B) {
			defer allocs(b)()
			loop := newChanLoop(buffer)
			for i := range b.N {
				loop.callSoon(func() { direct(i) }) // passes a value, as a future does
			}
			loop.close()
		})
	}
	b.Run("channel hand-off", func(b *testing.B) {
		defer allocs(b)()
		values := make(chan int)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for value := range values {
				direct(value)
			}
		}()
		for range b.N {
			values <- 1
		}
		close(values)
		<-done
	})
	b.Run("txaio", func(b *testing.B) {
		defer allocs(b)()
		stop := runLoop()
		for range b.N {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, callback, nil)
			txaio.Resolve(f, 1)
		}
		stop()
	})
	b.Run("txaio idle", func(b *testing.B) {
		defer allocs(b)()
		loop := txaio.NewLoop()
		defer txaio.SetLoop(txaio.SetLoop(loop))
		for range b.N {
			f := txaio.CreateFuture[int]()
			txaio.AddCallbacks(f, callback, nil)
			txaio.Resolve(f, 1)
		}
		ran := make(chan struct{})
		loop.CallSoon(func() { close(ran) })
		<-ran
	})
	b.Run("goja_nodejs RunOnLoop", func(b *testing.B) {
		defer allocs(b)()
		loop := eventloop.NewEventLoop()
		loop.Start()
		for i := range b.N {
			loop.RunOnLoop(func(*goja.Runtime) { direct(i) })
		}
		flushGoja(loop)
	})
	b.Run("mo future", func(b *testing.B) {
		defer allocs(b)()
		for b.Loop() {
			f := mo.NewFuture(func(resolve func(int), _ func(error)) { resolve(1) }).Then(callback)
			f.Collect()
		}
	})
	b.Run("go-promise", func(b *testing.B) {
		defer allocs(b)()
		for b.Loop() {
			p := promise.NewPromise()
			p.OnSuccess(func(any) { direct(1) })
			p.Resolve(1)
			p.Get()
		}
	})
}

func nothing() {}

// flushGoja waits until the loop has run everything, and stops it.
func flushGoja(loop *eventloop.EventLoop) {
	done := make(chan struct{})
	loop.RunOnLoop(func(*goja.Runtime) { close(done) })
	<-done
	loop.Stop()
}

// chanLoop is the event loop that most programs write themselves: a channel of
// functions. Without a buffer, a producer waits until the loop takes the function.
// With a buffer, it waits only if the buffer is full.
type chanLoop struct {
	functions chan func()
	done      chan struct{}
}

func chanLoopName(buffer int) string {
	if buffer == 0 {
		return "chan func loop"
	}
	return fmt.Sprintf("chan func loop, buffer %d", buffer)
}

func newChanLoop(buffer int) *chanLoop {
	l := &chanLoop{make(chan func(), buffer), make(chan struct{})}
	go func() {
		defer close(l.done)
		for fn := range l.functions {
			fn()
		}
	}()
	return l
}

func (l *chanLoop) callSoon(fn func()) { l.functions <- fn }

// close waits until everything has run.
func (l *chanLoop) close() {
	close(l.functions)
	<-l.done
}

// runLoop makes a running loop the current one. The function it returns waits
// until the loop has run everything, and ends it.
func runLoop() (stop func()) {
	loop := txaio.NewLoop()
	previous := txaio.SetLoop(loop)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = loop.Run(ctx) // ends with cancel
	}()
	return func() {
		ran := make(chan struct{})
		loop.CallSoon(func() { close(ran) })
		<-ran
		cancel()
		<-done
		txaio.SetLoop(previous)
	}
}
