package oddearly

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

type rec struct {
	events []string
	mu     sync.Mutex
	f      *txaio.Future[int]
	done   chan struct{}
}

func (r *rec) add(s string)  { r.events = append(r.events, s) }
func (r *rec) all() []string { return r.events }

// table test
func TestTable(t *testing.T) {
	for _, test := range []struct {
		name string
		want int
	}{{"a", 1}} {
		t.Run(test.name, func(t *testing.T) {
			f := txaio.CreateFuture[int]()
			var got int
			txaio.Watch(f, func(v int) { got = v }, nil)
			if err := txaio.Resolve(f, 1); err != nil {
				t.Fatal(err)
			}
			if got != test.want { // want `read got in a callback`
				t.Errorf("got %d", got)
			}
		})
	}
}

// with loop
func TestLoop(t *testing.T) {
	loop := testutil.UseLoop(t)
	f := txaio.CreateFuture[int]()
	var got []int
	for range 3 {
		txaio.Watch(f, func(v int) { got = append(got, v) }, nil)
	}
	loop.CallSoon(func() { txaio.Resolve(f, 1) })
	if len(got) > 0 {
		t.Error()
	}
	loop.RunUntilIdle()
	if !slices.Equal(got, []int{1}) {
		t.Error(got)
	}
}

// wait group
func workers() int {
	var wg sync.WaitGroup
	total := 0
	for i := range 3 {
		wg.Add(1)
		f := txaio.Go(func(context.Context) (int, error) { return i, nil })
		txaio.Watch(f, func(v int) { total += v; wg.Done() }, nil)
	}
	wg.Wait()
	return total
}

// done channel
func (r *rec) run() []string {
	txaio.Watch(r.f, func(int) { r.events = append(r.events, "x"); close(r.done) }, nil)
	txaio.Resolve(r.f, 1)
	<-r.done
	return r.events
}
func (r *rec) bad() []string {
	txaio.Watch(r.f, func(int) { r.events = append(r.events, "x") }, nil)
	txaio.Resolve(r.f, 1)
	return r.events // want `read r\.events in a callback`
}

// via method of receiver: not the same variable to the tool
func (r *rec) indirect() []string {
	txaio.Watch(r.f, func(int) { r.add("x") }, nil)
	txaio.Resolve(r.f, 1)
	return r.all()
}

// mutex
func (r *rec) locked() int {
	n := 0
	txaio.Watch(r.f, func(int) { r.mu.Lock(); n++; r.mu.Unlock() }, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	return n
}

// err variable reuse
func errReuse(f *txaio.Future[int]) error {
	var err error
	txaio.Watch(f, nil, func(fail *txaio.Failure) { err = fail })
	err = txaio.Resolve(f, 1)
	return err
}

func errReuse2(f *txaio.Future[int]) error {
	var err error
	txaio.Watch(f, nil, func(fail *txaio.Failure) { err = fail })
	if err := txaio.Resolve(f, 1); err != nil {
		return err
	}
	return err // want `read err in a callback`
}

// loop counter with settle in a loop
func manyF(fs []*txaio.Future[int]) int {
	n := 0
	for _, f := range fs {
		txaio.Watch(f, func(int) { n++ }, nil)
	}
	for i, f := range fs {
		txaio.Resolve(f, i)
	}
	return n // want `read n in a callback`
}

// remaining counter pattern: all in callbacks
func countdown(fs []*txaio.Future[int], done *txaio.Future[int]) {
	left := len(fs)
	for _, f := range fs {
		txaio.Watch(f, func(int) {
			if left--; left == 0 {
				txaio.Resolve(done, 1)
			}
		}, nil)
	}
}

// remaining counter guard after: real hazard
func countdown2(fs []*txaio.Future[int], done *txaio.Future[int]) {
	left := 0
	for _, f := range fs {
		left++
		txaio.Watch(f, func(int) { left-- }, nil)
	}
	if left == 0 { // want `read left in a callback`
		txaio.Resolve(done, 1)
	}
}

// return the pending future and write to receiver only later
func (r *rec) start() *txaio.Future[int] {
	r.f = txaio.CreateFuture[int]()
	txaio.Watch(r.f, func(int) { r.f = nil }, nil)
	return r.f
}

// receiver state with unknown future
func (r *rec) startUnknown(fetch func() *txaio.Future[int]) *txaio.Future[int] {
	r.f = fetch()
	txaio.Watch(r.f, func(int) { r.f = nil }, nil)
	return r.f // want `read r\.f in a callback`
}

// http handler writes
func handler(w http.ResponseWriter, f *txaio.Future[int]) {
	status := 0
	txaio.Watch(f, func(int) { status = 200 }, nil)
	w.WriteHeader(500)
	fmt.Println(status)
}

// switch on value
func sw(f *txaio.Future[int]) {
	x := 0
	txaio.Watch(f, func(v int) { x = v }, nil)
	txaio.Reject(f, errors.New("x"))
	switch x { // want `read x in a callback`
	case 1:
	}
}

// closure reads called after
func closureRead(f *txaio.Future[int]) {
	x := 0
	get := func() int { return x }
	txaio.Watch(f, func(v int) { x = v }, nil)
	txaio.Resolve(f, 1)
	fmt.Println(get()) // want `read x in a callback`
}

// immediate function literal
func iife(f *txaio.Future[int]) {
	x := 0
	txaio.Watch(f, func(v int) { x = v }, nil)
	func() {
		txaio.Resolve(f, 1)
	}()
	fmt.Println(x) // want `read x in a callback`
}

// timer
func timer(f *txaio.Future[int]) (ran bool) {
	g := txaio.CreateFuture[int]()
	txaio.Watch(g, func(int) { ran = true }, nil)
	txaio.CallLater(time.Second, func() { txaio.Resolve(g, 1) })
	return ran
}

// shadow
func shadow(f *txaio.Future[int]) {
	x := 0
	txaio.Watch(f, func(x int) { x = 2 }, nil)
	txaio.Resolve(f, 1)
	fmt.Println(x)
	{
		x := 5
		txaio.Watch(f, func(v int) { x = v; println(x) }, nil)
		_ = &x
	}
	fmt.Println(x)
}

// array element
func arr(fs []*txaio.Future[int]) {
	got := make([]int, len(fs))
	for i, f := range fs {
		txaio.Watch(f, func(v int) { got[i] = v }, nil)
	}
	all := txaio.Gather(fs, true)
	txaio.Watch(all, func([]txaio.Result[int]) { fmt.Println(got) }, nil)
}

func arr2(fs []*txaio.Future[int]) []int {
	got := make([]int, len(fs))
	for i, f := range fs {
		txaio.Watch(f, func(v int) { got[i] = v }, nil)
	}
	return got // want `read got in a callback`
}

// blank reading
func blank(f *txaio.Future[int]) {
	var got int
	txaio.Watch(f, func(v int) { got = v }, nil)
	_ = got // want `read got in a callback`
}

// await other thing in the condition
func cond(ctx context.Context, f *txaio.Future[int]) {
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	if _, err := txaio.Await(ctx, f); err == nil && got == 1 {
		fmt.Println(got)
	}
}

// order of arguments
func order(f *txaio.Future[int]) {
	got := 0
	txaio.AddCallbacks(f, func(v int) (int, error) { got = v; return v, nil }, nil)
	fmt.Println(got, txaio.Resolve(f, 1)) // want `read got in a callback`
}

// multi futures where only other settled
func otherSettled() {
	f, g := txaio.CreateFuture[int](), txaio.CreateFuture[int]()
	a, b := 0, 0
	txaio.Watch(f, func(v int) { a = v }, nil)
	txaio.Watch(g, func(v int) { b = v }, nil)
	txaio.Resolve(g, 1)
	fmt.Println(a)
	fmt.Println(b) // want `read b in a callback`
}

// var decl
func vars() {
	var f *txaio.Future[int] = txaio.CreateFuture[int]()
	var got, other int
	txaio.Watch(f, func(v int) { got, other = v, v }, nil)
	fmt.Println(got, other)
	_ = txaio.Resolve(f, 1)
	fmt.Println(got)   // want `read got in a callback`
	fmt.Println(other) // want `read other in a callback`
}

// alias
func alias() {
	f := txaio.CreateFuture[int]()
	g := f
	got := 0
	txaio.Watch(g, func(v int) { got = v }, nil)
	println(got)
	txaio.Resolve(f, 2)
	println(got) // want `read got in a callback`
}

// generics
func gen[T any](f *txaio.Future[T]) (got T) {
	txaio.Watch(f, func(v T) { got = v }, nil)
	return got // want `read got in a callback`
}

// defer settle
func deferred() {
	f := txaio.CreateFuture[int]()
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	defer txaio.Resolve(f, 2)
	defer func() { txaio.Resolve(f, 2) }()
	go txaio.Resolve(f, 2)
	println(got)
}

// return inside for with wait later
func pollers(loop *testutil.TestLoop, f *txaio.Future[int]) int {
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	for i := 0; got == 0; i++ {
		if i > 100 {
			return -1
		}
		loop.Advance(time.Second)
	}
	return got
}

// retry loop: registers, waits at loop start
func retry(ctx context.Context, mk func() *txaio.Future[int]) {
	for {
		f := mk()
		ok := false
		txaio.Watch(f, func(int) { ok = true }, nil)
		txaio.Await(ctx, f)
		if ok {
			return
		}
	}
}

// read in else of settle
func ifelse(f *txaio.Future[int]) {
	g := txaio.CreateFuture[int]()
	got := 0
	txaio.Watch(g, func(v int) { got = v }, nil)
	if txaio.IsCalled(f) {
		txaio.Resolve(g, 1)
	} else {
		println(got)
	}
	println(got) // want `read got in a callback`
}

// settle returns error checked w/ fatal, then test helper
func helperWait(t *testing.T, loop *testutil.TestLoop) {
	settle := func(f *txaio.Future[int]) {
		t.Helper()
		if err := txaio.Resolve(f, 1); err != nil {
			t.Fatal(err)
		}
		loop.RunUntilIdle()
	}
	f := txaio.CreateFuture[int]()
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	settle(f)
	if got != 1 {
		t.Error(got)
	}
}

// the callback writes its own param struct via pointer
func ptrParam(f *txaio.Future[*rec]) {
	var r *rec
	txaio.Watch(f, func(v *rec) { v.events = nil; r = v }, nil)
	txaio.Resolve(f, &rec{})
	r.add("x") // want `read r in a callback`
}

// CreateFuture WithResult
func withResult() {
	f := txaio.CreateFuture(txaio.WithResult(3))
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	println(got) // want `read got in a callback`
}

// package level func literal
var _ = func() int {
	f := txaio.CreateFutureSuccess(1)
	got := 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	return got // want `read got in a callback`
}

// settled between in callback of other
func inner(f, g *txaio.Future[int]) {
	n := 0
	txaio.Watch(f, func(int) {
		txaio.Watch(g, func(v int) { n = v }, nil)
		println(n) // want `read n in a callback`
	}, nil)
}

// done flag read by the returned func
func flag(f *txaio.Future[int]) func() bool {
	done := false
	txaio.Watch(f, func(int) { done = true }, nil)
	return func() bool { return done }
}

// map range
func mp(f *txaio.Future[int]) {
	m := map[int]bool{}
	txaio.Watch(f, func(v int) { m[v] = true }, nil)
	for k := range m { // want `read m in a callback`
		println(k)
	}
}

// cancel pending whose errback writes
func canc(tl *testutil.TestLoop) {
	f := txaio.CreateFuture[int]()
	var fail *txaio.Failure
	txaio.AddCallbacks(f, nil, func(x *txaio.Failure) (int, error) { fail = x; return 0, x })
	txaio.Cancel(f, "gone")
	println(fail.Error()) // want `read fail in a callback`
}
