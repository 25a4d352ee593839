//go:build deferred || future

package txaio_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// Everything at once, from many goroutines, on shared futures: each callback
// runs exactly once, each gathering ends, and no goroutine is left.
func TestRace(t *testing.T) {
	ownReports(t)
	const (
		workers = 16
		rounds  = 200
		shared  = 4
	)
	before := runtime.NumGoroutine()
	loops := [2]*txaio.Loop{txaio.NewLoop(), txaio.NewLoop()}
	defer testutil.ReplaceLoop(loops[0])()
	for range rounds {
		var (
			futures [shared]*txaio.Future[int]
			added   atomic.Int64
			ran     [workers * shared * 2]atomic.Int64
			wg      sync.WaitGroup
			settled [shared]atomic.Int64
		)
		for i := range futures {
			txaio.SetLoop(loops[i%2])
			switch i % 3 {
			case 0:
				futures[i] = new(txaio.Future[int])
			case 1:
				futures[i] = txaio.CreateFuture(txaio.WithCanceller(func(f *txaio.Future[int]) { txaio.Resolve(f, -1) }))
			case 2:
				futures[i] = txaio.CreateFuture[int]()
			}
		}
		count := func(f *txaio.Future[int]) {
			n := added.Add(1) - 1
			txaio.AddCallbacks(f, func(v int) (int, error) {
				ran[n].Add(1)
				return v, nil
			}, func(fail *txaio.Failure) (int, error) {
				ran[n].Add(1)
				return 0, fail
			})
		}
		start := make(chan struct{})
		for worker := range workers {
			wg.Go(func() {
				<-start
				for i := range futures {
					f := futures[(i+worker)%shared]
					count(f)
					switch worker % 8 {
					case 0:
						if txaio.Resolve(f, worker) == nil {
							settled[(i+worker)%shared].Add(1)
						}
					case 1:
						if txaio.Reject(f, errOne) == nil {
							settled[(i+worker)%shared].Add(1)
						}
					case 2:
						txaio.Cancel(f)
					case 3:
						txaio.Await(context.Background(), f)
					case 4:
						txaio.Await(context.Background(), txaio.Gather(futures[:], worker < 8))
					case 5:
						g := txaio.Gather(futures[:], true)
						txaio.Cancel(g)
						<-g.Done()
					case 6:
						<-f.Done()
						txaio.IsCalled(f)
					case 7:
						ctx, cancel := context.WithCancel(context.Background())
						go cancel()
						txaio.Await(ctx, f)
					}
					count(f)
				}
			})
		}
		close(start)
		wg.Wait()
		for i, f := range futures {
			// All callbacks have been added, and this one comes after them.
			last := make(chan struct{})
			txaio.AddCallbacks(f, func(v int) (int, error) { close(last); return v, nil },
				func(fail *txaio.Failure) (int, error) { close(last); return 0, fail })
			<-last
			// On the deferred backend a settling call may also be swallowed.
			if n := settled[i].Load(); n > byBackend[int64](2, 1) {
				t.Errorf("future %d was settled %d times", i, n)
			}
		}
		if n := added.Load(); n != int64(len(ran)) {
			t.Fatalf("%d callbacks were added", n)
		}
		for i := range ran {
			if n := ran[i].Load(); n != 1 {
				t.Errorf("callback %d ran %d times", i, n)
			}
		}
	}
	wantGoroutines(t, before)
}

// Cancelling a gathering while it is settled, and while somebody waits for that,
// does one or the other.
func TestRaceCancelGather(t *testing.T) {
	ownReports(t)
	defer testutil.ReplaceLoop(txaio.NewLoop())()
	for range 2000 {
		f := txaio.CreateFuture[int]()
		g := txaio.Gather([]*txaio.Future[int]{f}, true)
		done := g.Done()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for !txaio.IsCalled(g) {
					txaio.Cancel(g)
				}
			})
		}
		wg.Go(func() { txaio.Resolve(f, 1) })
		wg.Wait()
		<-done
	}
}

// A gathering that does not consume failures fails with one of them, however
// close to it the last of the others succeeds, and on whichever loop.
func TestRaceGatherFails(t *testing.T) {
	loops := [2]*txaio.Loop{txaio.NewLoop(), txaio.NewLoop()}
	defer testutil.ReplaceLoop(loops[0])()
	for range 20_000 {
		var futures [2]*txaio.Future[int]
		for i := range futures {
			txaio.SetLoop(loops[i])
			futures[i] = txaio.CreateFuture[int]()
		}
		g := txaio.Gather(futures[:], false)
		var wg sync.WaitGroup
		wg.Go(func() { txaio.Reject(futures[0], failureOne) })
		wg.Go(func() { txaio.Resolve(futures[1], 1) })
		wg.Wait()
		if results, err := txaio.Await(context.Background(), g); err == nil {
			t.Fatalf("results %v", results)
		}
	}
}

var failureOne = txaio.CreateFailure(errOne)

// Adding callbacks while a Deferred or future is being settled keeps their
// order.
func TestRaceKeepsOrder(t *testing.T) {
	const count = 2000
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	f := txaio.CreateFuture[int]()
	var order []int
	half, done := make(chan struct{}), make(chan struct{})
	go func() {
		<-half
		txaio.Resolve(f, 1)
	}()
	for i := range count {
		if i == count/2 {
			close(half)
		}
		txaio.AddCallbacks(f, func(v int) (int, error) {
			if order = append(order, i); len(order) == count {
				close(done)
			}
			return v, nil
		}, nil)
	}
	<-done
	for i, got := range order {
		if got != i {
			t.Fatalf("callback %d ran at place %d", got, i)
		}
	}
}

// wantGoroutines waits for the goroutines that are on their way out.
func wantGoroutines(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > want {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), want, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}
