package oddmixed

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

type app struct {
	*txaio.Loop
	wg   sync.WaitGroup
	ch   chan int
	api  *txaio.API
	done func()
}

type waiter interface{ Run(context.Context) error }

type loop interface {
	txaio.EventLoop
	InLoop() bool
}

func (a *app) blocking(ctx context.Context, f *txaio.Future[int], w waiter, l loop, chans []chan int, m map[string]chan int) {
	a.CallSoon(func() { a.Run(ctx) }) // want `Loop\.Run waits`
	a.CallSoon(func() { w.Run(ctx) })
	l.CallSoon(func() { <-a.ch })                   // want `a receive from a channel waits`
	l.CallLater(time.Second, func() { <-chans[0] }) // want `a receive from a channel waits`
	l.CallLater(time.Second, func() { <-m["x"] })   // want `a receive from a channel waits`
	a.CallSoon(func() { a.wg.Wait() })
	a.CallSoon(func() { time.Sleep(1) })
	a.CallSoon(func() { <-time.After(1) }) // want `a receive from a channel waits`
	a.CallSoon(func() { <-ctx.Done() })    // want `a receive from a channel waits`
	a.CallSoon(func() { <-f.Done() })      // want `a receive from a channel waits`
	await := txaio.Await[int]
	a.CallSoon(func() { await(ctx, f) }) // want `Await waits`
	a.CallSoon(func() {
		if v, err := txaio.Await(ctx, f); err == nil { // want `Await waits`
			fmt.Println(v)
		}
	})
	a.CallSoon(func() {
		switch <-a.ch { // want `a receive from a channel waits`
		}
	})
	a.CallSoon(func() {
		a.ch <- <-a.ch // want `a receive from a channel waits`
	})
	a.CallSoon(func() {
		x, ok := <-a.ch // want `a receive from a channel waits`
		_, _ = x, ok
	})
	a.CallSoon(func() {
		var x = <-a.ch // want `a receive from a channel waits`
		_ = x
	})
	a.CallSoon(func() {
		for x := range a.ch { // want `a range over a channel waits`
			_ = x
		}
	})
	a.CallSoon(func() { defer a.wait() }) // want `a\.wait waits \(a receive from a`
	a.CallSoon(func() { go a.wait() })
	a.CallSoon(func() { go func() { a.wait() }() })
	a.CallSoon(func() {
		a.CallSoon(func() {
			a.wait() // want `a\.wait waits \(a receive from a`
		})
	})
	a.CallSoon(a.tick)
	(*app).static(a)
	txaio.CallSoon(wrap(func() { <-a.ch }))
	a.CallSoon(a.done)
	var once sync.Once
	a.CallSoon(func() { once.Do(func() { <-a.ch }) })         // want `a receive from a channel waits`
	a.api.CallSoon(func() { txaio.RunUntil(ctx, a.Loop, f) }) // want `RunUntil waits`
	txaio.ThenOf(f, func(v int) (*txaio.Future[int], error) { // want `use the future that ThenOf returns`
		return txaio.Go(func(ctx context.Context) (int, error) { return txaio.Await(ctx, f) }), nil
	})
	g := txaio.Then(f, func(v int) (int, error) { // nothing
		x, err := txaio.AsFutureOf(func() (*txaio.Future[int], error) { <-a.ch; return f, nil }), error(nil) // want `a receive from a channel waits`
		_ = x
		return v, err
	})
	txaio.Watch(g, func(int) { select {} }, func(*txaio.Failure) {
		select {
		case <-a.ch:
			<-a.ch // want `a receive from a channel waits`
		default:
			<-a.ch // want `a receive from a channel waits`
		}
	})
	go a.CallSoon(func() { <-a.ch })        // want `a receive from a channel waits`
	defer txaio.CallSoon(func() { <-a.ch }) // want `a receive from a channel waits`
	txaio.CallSoon(func() {
		fn := func() { <-a.ch }
		fn() // want `fn waits \(a receive from a`
		run(fn)
		goRun(fn)
	})
	time.AfterFunc(1, func() { <-a.ch })
}

func run(fn func())         { fn() }
func goRun(fn func())       { go fn() }
func wrap(fn func()) func() { return fn }
func (a *app) wait()        { <-a.ch }
func (a *app) static()      {}
func (a *app) tick() {
	a.deep(3) // want `a\.deep waits \(a receive from a`
	a.CallLater(time.Second, a.tick)
}
func (a *app) deep(n int) {
	if n > 0 {
		a.deep(n - 1)
		a.wait()
	}
}

// ignored
func ignored(f *txaio.Future[int], fs []*txaio.Future[int], any []txaio.AnyFuture) (err error) {
	if txaio.AddTimeout(f, 1).IsCalled() {
		return nil
	}
	if g := txaio.AddTimeout(f, 1); g != nil { // a condition is a use
		return nil
	}
	for range 3 {
		txaio.AddTimeout(f, 1) // want `use the future that AddTimeout returns`
	}
	x, y := txaio.AddTimeout(f, 1), txaio.Then(f, conv) // want `use the future that AddTimeout returns`
	_ = x
	txaio.Watch(y, nil, func(*txaio.Failure) {})
	var z *txaio.Future[string]
	z = txaio.Then(f, conv) // want `use the future that Then returns`
	_, _ = z, 1
	txaio.Gather(fs, false)    // want `use the future that Gather returns`
	txaio.GatherAny(any, true) // want `use the future that GatherAny returns`
	txaio.ThenOf(f, convOf)    // want `use the future that ThenOf returns`
	txaio.Catch(f, catchAll)
	txaio.Catch(f, catchSome) // want `use the future that Catch returns`
	txaio.Catch(txaio.Then(f, conv), func(fail *txaio.Failure) (string, error) {
		if errors.Is(fail, txaio.ErrCancelled) {
			log.Print("cancelled")
		} else {
			log.Fatal(fail)
		}
		return "", nil
	})
	switch txaio.Then(f, conv) {
	}
	func(...interface{}) {}(txaio.Then(f, conv))
	_ = []any2{txaio.Then(f, conv)}
	ch := make(chan *txaio.Future[string], 1)
	ch <- txaio.Then(f, conv)
	fn := func() *txaio.Future[string] { return txaio.Then(f, conv) }
	fn()
	defer func() { txaio.AddTimeout(f, 1) }() // want `use the future that AddTimeout returns`
	var last *txaio.Future[int]
	for _, f := range fs {
		last = txaio.AddTimeout(f, 1)
	}
	_ = last.IsCalled()
	then := txaio.Then[int, string]
	then(f, conv) // want `use the future that Then returns`
	return
}

type any2 = any

func conv(v int) (string, error)                  { return "", nil }
func convOf(v int) (*txaio.Future[string], error) { return nil, nil }
func catchAll(*txaio.Failure) (int, error)        { return 0, nil }
func catchSome(fail *txaio.Failure) (int, error)  { return 0, fail.Value() }

// branch
func branch(f *txaio.Future[int], l *testutil.TestLoop) error {
	if txaio.UsingDeferred == true { // want `delete this branch`
	}
	if false || txaio.UsingFuture { // want `delete this branch`
	}
	if b := 1; txaio.UsingFuture {
		_ = b
	} else { // want `delete this branch`
	}
	if txaio.UsingDeferred {
		l.Advance(1)
	} else {
		l.Advance(2)
	}
	if txaio.UsingDeferred { // want `delete the branch`
		err := txaio.Resolve(f, 1)
		if err != nil {
			return err
		}
	} else {
		err := txaio.Resolve(f, 1)
		if err != nil {
			return err
		}
	}
	if !txaio.UsingDeferred { // want `delete the branch`
		fmt.Println("x")
	} else {
		fmt.Println("x")
	}
	backend := "future"
	if txaio.UsingDeferred {
		backend = "deferred"
	}
	fmt.Fprintln(os.Stderr, backend)
	for txaio.UsingDeferred {
	}
	switch txaio.UsingDeferred {
	case true:
		return nil
	default:
		return errors.New("x")
	}
}

func name() string {
	if txaio.UsingDeferred {
		return "deferred"
	}
	return "future"
}

func same2() int {
	if txaio.UsingDeferred { // want `delete the branch`
		return 1
	}
	return 1
}

func guard() {
	if txaio.UsingFuture {
		panic("unreachable on future")
	}
	if !txaio.UsingDeferred && !txaio.UsingFuture {
		panic("build with -tags deferred or -tags future")
	}
}
