package early

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func fetch() *txaio.Future[int] { return nil }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func resolve() int {
	f := txaio.CreateFuture[int]()
	got := 0
	txaio.AddCallbacks(f, func(v int) (int, error) {
		got = v
		return v, nil
	}, nil)
	txaio.Resolve(f, 1)
	return got // want `read got in a callback, or after txaio.Await: a callback of f writes it`
}

func reject(t *testing.T) {
	f := txaio.CreateFuture[int]()
	var failure error
	txaio.Watch(f, nil, func(fail *txaio.Failure) { failure = fail })
	txaio.Reject(f, errors.New("no"))
	if failure == nil { // want `read failure in a callback`
		t.Error("not failed", failure)
	}
}

func cancel() {
	f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) {}))
	cancelled := false
	txaio.Watch(f, nil, func(*txaio.Failure) { cancelled = true })
	txaio.Cancel(f)
	fmt.Println(cancelled) // want `read cancelled in a callback`
}

func addCallbacks() {
	f := txaio.CreateFutureSuccess(1)
	var got []int
	txaio.AddCallbacks(f, func(v int) (int, error) {
		got = append(got, v)
		return v, nil
	}, nil)
	fmt.Println(len(got)) // want `read got in a callback`
}

func addCallbacksToAnother(f *txaio.Future[int]) (got int) {
	txaio.Watch(f, func(v int) { got = v }, nil)
	return // want `read got in a callback`
}

func resolvedBefore() {
	f := txaio.CreateFuture[int]()
	txaio.Resolve(f, 1)
	n := 0
	txaio.Watch(f, func(int) { n++ }, nil)
	n++ // want `read n in a callback`
}

func then() {
	f := txaio.CreateFuture[int]()
	var text string
	g := txaio.Then(f, func(v int) (string, error) {
		text = fmt.Sprint(v)
		return text, nil
	})
	h := txaio.Catch(g, func(*txaio.Failure) (string, error) { return "", nil })
	last := ""
	txaio.Watch(txaio.AddTimeout(h, 1), func(s string) { last = s }, nil)
	fmt.Println(text, last)
	must(txaio.Resolve(f, 1))
	fmt.Println("resolved")
	fmt.Println(text) // want `read text in a callback`
	fmt.Println(last) // want `read last in a callback`
}

func gather() {
	a, b := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	sum := 0
	txaio.Watch(txaio.Gather([]*txaio.Future[int]{a, b}, true), func(all []txaio.Result[int]) { sum = len(all) }, nil)
	txaio.Resolve(a, 1)
	fmt.Println(sum) // nothing has settled b
	txaio.Resolve(b, 2)
	fmt.Println(sum) // want `read sum in a callback`
}

type counter struct {
	n    int
	last *int
	f    *txaio.Future[int]
	by   map[string]int
}

func (c *counter) fields() {
	c.f = txaio.CreateFuture[int]()
	txaio.Watch(c.f, func(v int) {
		c.n++
		*c.last = v
		c.by["x"] = v
	}, nil)
	txaio.Resolve(c.f, 1)
	fmt.Println(c.n)       // want `read c.n in a callback`
	fmt.Println(*c.last)   // want `read c.last in a callback`
	fmt.Println(c.by["y"]) // want `read c.by in a callback`
}

func local(f *txaio.Future[int]) any {
	var c counter
	txaio.Watch(f, func(v int) { c.n = v }, nil)
	_ = c.f
	return c // want `read c in a callback`
}

func pointers(data []byte) {
	f := txaio.CreateFuture[int]()
	var (
		v       struct{ n int }
		n       atomic.Int64
		flag    int32
		builder strings.Builder
	)
	txaio.Watch(f, func(int) {
		json.Unmarshal(data, &v)
		n.Add(1)
		atomic.AddInt32(&flag, 1)
		builder.WriteString("x")
	}, nil)
	txaio.Resolve(f, 1)
	fmt.Println(v.n)              // want `read v.n in a callback`
	fmt.Println(n.Load())         // want `read n in a callback`
	fmt.Println(flag)             // want `read flag in a callback`
	fmt.Println(builder.String()) // want `read builder in a callback`
}

func throughClosures(t *testing.T) {
	var events []string
	note := func(s string) { events = append(events, s) }
	f := txaio.CreateFuture[string]()
	onValue := func(s string) { note(s) }
	txaio.Watch(f, onValue, nil)
	txaio.Resolve(f, "x")
	if len(events) != 1 { // want `read events in a callback`
		t.Error("no")
	}
}

var global int

func setGlobal(v int) { global = v }

func globals() {
	f := txaio.CreateFuture[int]()
	txaio.Watch(f, setGlobal, nil)
	txaio.Resolve(f, 1)
	fmt.Println(global) // want `read global in a callback`
}

func branches(ok bool) {
	f := txaio.CreateFuture[int]()
	done := false
	txaio.Watch(f, func(int) { done = true }, func(*txaio.Failure) { done = true })
	if ok {
		txaio.Resolve(f, 1)
	} else {
		txaio.Reject(f, errors.New("no"))
	}
	switch {
	case done: // want `read done in a callback`
	}
}

func insideLiteral() {
	txaio.CallSoon(func() {
		f := fetch()
		got := 0
		txaio.Watch(f, func(v int) { got = v }, nil)
		for i := range 3 {
			fmt.Println(i, got) // want `read got in a callback`
		}
	})
}

func waitsBefore(loop *testutil.TestLoop) {
	f := txaio.CreateFuture[int]()
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	loop.RunUntilIdle()
	txaio.Resolve(f, 1)
	println(got) // want `read got in a callback`
	loop.RunUntilIdle()
	println(got)
}

func operands(f *txaio.Future[int]) {
	x := 0
	txaio.Watch(f, func(v int) { x = v }, nil)
	defer fmt.Println(x) // want `read x in a callback`
	y := 0
	txaio.Watch(f, func(v int) { y = v }, nil)
	go fmt.Println([]int{y}) // want `read y in a callback`
	z := 0
	txaio.Watch(f, func(v int) { z = v }, nil)
	z += 2 // want `read z in a callback`
	w := 0
	txaio.Watch(f, func(v int) { w = v }, nil)
	_ = map[string]any{"a": struct{ a, b int }{a: 1, b: w}} // want `read w in a callback`
}

func inLoops(fs []*txaio.Future[int]) {
	sum := 0
outer:
	for i, f := range fs {
		txaio.Watch(f, func(v int) { sum += v }, nil)
		switch x := any(f).(type) {
		case *txaio.Future[string]:
			continue outer
		case *txaio.Future[int]:
			txaio.Resolve(x, i)
		}
	}
	for {
		fmt.Println(sum) // want `read sum in a callback`
	}
}

func inLiteral() {
	f := txaio.CreateFuture[int]()
	var got int
	func() {
		txaio.Watch(f, func(v int) { got = v }, nil)
		if err := txaio.Resolve(f, 1); err != nil {
			return
		}
	}()
	fmt.Println(got) // want `read got in a callback`
}

func immediately() {
	f := txaio.CreateFuture[int]()
	var got int
	txaio.Watch(f, func(v int) { got = v }, nil)
	for {
		txaio.Resolve(f, 1)
		if !txaio.IsCalled(f) {
			break
		}
	}
	fmt.Println(got) // want `read got in a callback`
}

type recorder struct{ got []int }

func (r *recorder) record(v int) { r.add(v) }
func (r *recorder) add(v int)    { r.got = append(r.got, v) }

// What a method writes is a field of what it is called on.
func (c *counter) methods(f *txaio.Future[int]) {
	r := &recorder{}
	txaio.Watch(f, r.record, nil)
	fmt.Println(len(r.got)) // want `read r.got in a callback`
	var inner struct{ recorder }
	txaio.Watch(f, func(v int) { inner.record(v) }, nil)
	fmt.Println(inner.got) // want `read inner.got in a callback`
}

func closures(t *testing.T) {
	f := txaio.CreateFuture[int]()
	got := 0
	settle := func() { txaio.Resolve(f, 1) }
	check := func(want int) {
		t.Helper()
		if got != want {
			t.Error(got)
		}
	}
	txaio.Watch(f, func(v int) { got = v }, nil)
	check(0)
	settle()
	check(1) // want `read got in a callback`
}

func deferred(f *txaio.Future[int]) (err error) {
	count, closed := 0, false
	defer func() {
		fmt.Println(count) // want `read count in a callback`
		if closed {        // want `read closed in a callback`
			return
		}
	}()
	show := func() { fmt.Println(err) }
	defer show()
	txaio.Watch(f, func(int) { count++ }, func(fail *txaio.Failure) { err = fail })
	if f.IsCalled() {
		txaio.Watch(f, func(int) { closed = true }, nil)
		return nil
	}
	return nil
}

func polledOnce(f *txaio.Future[int], done chan int) {
	got := 0
	txaio.Watch(f, func(v int) { got = v; done <- v }, nil)
	txaio.Resolve(f, 1)
	select {
	case <-done:
		fmt.Println(got)
	default:
	}
	fmt.Println(got) // want `read got in a callback`
}

func canceller() {
	stopped, failed := false, false
	f := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { stopped = true }))
	g := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[int]) { failed = true }))
	txaio.Cancel(f)
	txaio.Resolve(g, 1)
	fmt.Println(stopped, failed) // want `read stopped in a callback, or after txaio.Await: a callback of f`
}

func once(f *txaio.Future[int]) {
	var once sync.Once
	got := 0
	txaio.Watch(f, func(v int) { once.Do(func() { got = v }) }, nil)
	fmt.Println(got) // want `read got in a callback`
}
