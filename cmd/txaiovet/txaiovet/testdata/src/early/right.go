package early

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

type helper struct{ loop *testutil.TestLoop }

func (h *helper) drive()     { h.loop.Advance(time.Second) }
func drive(loop *txaio.Loop) { loop.Drain(context.Background()) }

// What waits lets callbacks run.
func waited(ctx context.Context, loop *txaio.Loop, tl *testutil.TestLoop, h *helper, unknown func(), e interface{ Run() }, done chan int, wg *sync.WaitGroup, tb testing.TB) {
	var got int
	start := func() *txaio.Future[int] {
		f := txaio.CreateFuture[int]()
		txaio.Watch(f, func(v int) { got = v }, nil)
		return f
	}
	f := start()
	txaio.Watch(f, func(v int) { got = v }, nil)
	txaio.Await(ctx, f)
	fmt.Println(got)
	for _, wait := range []func(){unknown} {
		txaio.Watch(f, func(v int) { got = v }, nil)
		wait()
		fmt.Println(got)
	}
	txaio.Watch(f, func(v int) { got = v }, nil)
	tl.RunUntilIdle()
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	tl.Advance(1)
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	for range 3 {
		tl.RunOnce()
	}
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	for got == 0 {
		tl.RunOnce()
	}
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	if got == 0 {
		tl.RunOnce()
	}
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	if err := loop.RunUntilComplete(f); err != nil {
		fmt.Println(got)
	}
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	txaio.RunUntil(ctx, loop, f)
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	<-done
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v; close(done) }, nil)
	for range done {
	}
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	select {
	case <-done:
		fmt.Println(got)
	case <-ctx.Done():
	}
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	wg.Wait()
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	synctest.Wait()
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	time.Sleep(1)
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	h.drive()
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	drive(loop)
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	unknown()
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	e.Run()
	fmt.Println(got)
	txaio.Watch(f, func(v int) { got = v }, nil)
	if v, _ := testutil.Await(tb, f); v != got {
		fmt.Println(got)
	}
	txaio.Watch(f, func(v int) { got = v }, nil)
	if txaio.UsingFuture {
		tl.RunUntilIdle()
	}
	fmt.Println(got)
}

func polled(f *txaio.Future[int]) {
	var done atomic.Bool
	txaio.Watch(f, func(int) { done.Store(true) }, nil)
	for !done.Load() {
		runtime.Gosched()
	}
	txaio.Watch(f, func(int) { done.Store(false) }, nil)
	for done.Load() {
	}
	fmt.Println(done.Load())
}

func waitedInLiteral(tl *testutil.TestLoop, f *txaio.Future[int]) {
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	func() {
		tl.RunUntilIdle()
	}()
	fmt.Println(got)
}

// Nothing has settled the future.
func pending(t *testing.T, loop *testutil.TestLoop) {
	f := txaio.CreateFuture[int]()
	ran := false
	txaio.Watch(f, func(int) { ran = true }, nil)
	g := txaio.Then(f, func(v int) (int, error) { return v, nil })
	txaio.Watch(g, func(int) { ran = true }, nil)
	if ran {
		t.Error("too early")
	}
	other := txaio.CreateFuture[int]()
	txaio.Resolve(other, 1)
	fmt.Println(ran)
	slept := txaio.Sleep(time.Second)
	txaio.Watch(slept, func(struct{}) { ran = true }, nil)
	txaio.Watch(txaio.Sleep(1), func(struct{}) { ran = true }, nil)
	fmt.Println(ran)
	c := &counter{f: f}
	c.f = txaio.CreateFuture[int]()
	txaio.Watch(c.f, func(int) { ran = true }, nil)
	fmt.Println(ran)
	txaio.Resolve(f, 1)
	loop.Advance(1)
	if !ran {
		t.Error("not run")
	}
}

// What is read is another variable, or is written by somebody else.
func others(f *txaio.Future[int], loop *txaio.Loop) {
	x, y := 0, 0
	c := &counter{}
	var s counter
	txaio.Watch(f, func(v int) {
		y := v
		y++
		x := y
		x++
		c.n = v
		s.n = v
		txaio.CallSoon(func() { y = 2 })
	}, nil)
	fmt.Println(x, y, c, c.last, s.last)
	out := new(int)
	txaio.Watch(f, func(v int) { *out = v }, nil)
	handle(out, &x)
	x = 5
	txaio.Watch(f, func(v int) { x = v }, nil)
	x = 6
	fmt.Println(x)
	func() {
		fmt.Println("nothing")
	}()
	txaio.Watch(f, func(v int) { y = v }, nil)
	txaio.CallSoon(func() { fmt.Println(y) })
	defer func() { fmt.Println(y) }()
	p := &y
	_ = p
	var mu sync.Mutex
	txaio.Watch(f, func(int) {
		mu.Lock()
		defer mu.Unlock()
	}, nil)
	mu.Lock()
	mu.Unlock()
}

func handle(...*int) {}

// Paths that do not meet.
func paths(ok bool) int {
	f := txaio.CreateFuture[int]()
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	if ok {
		txaio.Resolve(f, 1)
		return 0
	}
	switch {
	case !ok:
		txaio.Resolve(f, 2)
		return 1
	default:
		fmt.Println(got)
	}
	for range 3 {
		if ok {
			txaio.Resolve(f, 3)
			break
		}
	}
	return 2
}

func forOneBackend(t *testing.T, f *txaio.Future[int]) int {
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	if txaio.UsingDeferred && got != 1 {
		t.Error("not run")
	}
	if txaio.UsingDeferred {
		fmt.Println(got)
	} else {
		fmt.Println(got)
		fmt.Println("later")
	}
	if !txaio.UsingDeferred {
		return 0
	}
	return got
}

func loops(fs []*txaio.Future[int], ok func() bool) int {
	f := txaio.CreateFuture[int]()
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	for _, other := range fs {
		if other == nil {
			continue
		}
		txaio.Resolve(f, 1)
		return 1
	}
	for {
		if !txaio.IsCalled(f) {
			break
		}
		txaio.Resolve(f, 1)
		return 2
	}
	return got
}

type keeper struct{ got, other int }

func (r *keeper) record(v int)  { r.got = v }
func (r keeper) discard(v int)  { r.got = v }
func (r *keeper) forget(v int)  { r = nil }
func settleSoon(t *txaio.Loop)  { t.Drain(context.Background()) }
func (r *keeper) nothing(v int) {}

func methods(f *txaio.Future[int], loop *txaio.Loop) {
	r, s := &keeper{}, &keeper{}
	txaio.Watch(f, r.record, nil)
	txaio.Watch(f, s.discard, nil)
	txaio.Watch(f, s.forget, nil)
	txaio.Watch(f, s.nothing, nil)
	handleAll(s.got, r.other, s)
	settleSoon(loop)
	handleAll(r.got)
}

func handleAll(...any) {}

func rightClosures(loop *testutil.TestLoop) (err error) {
	f := txaio.CreateFuture[int]()
	got := 0
	run := func() { loop.RunUntilIdle() }
	show := func() { handle(&got); handleAll(got) }
	defer show()
	defer func() {
		if err != nil {
			handleAll(err)
		}
	}()
	txaio.Watch(f, func(v int) { got = v }, func(fail *txaio.Failure) { err = fail })
	show()
	txaio.Resolve(f, 1)
	defer run()
	run()
	show()
	txaio.Watch(f, nil, func(fail *txaio.Failure) { err = fail })
	return nil
}

func spins(f *txaio.Future[int], done chan int) int {
	got := 0
	txaio.Watch(f, func(v int) { got = v; done <- v }, nil)
	txaio.Resolve(f, 1)
wait:
	for {
		select {
		case <-done:
			break wait
		default:
		}
	}
	return got
}

func expected(f *txaio.Future[int]) {
	ran := false
	txaio.Watch(f, func(int) { ran = true }, nil)
	txaio.Resolve(f, 1)
	if ran != txaio.UsingDeferred {
		handleAll(ran == !txaio.UsingFuture)
	}
}
