// Command bench measures calls per second through a router: one session
// registers a procedure, and another one calls it many times without waiting
// in between. ../peers/bench.py does the same with Autobahn|Python.
//
//	go run -tags future ./bench -url ws://127.0.0.1:9000/
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"syscall"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func main() {
	url := flag.String("url", "ws://127.0.0.1:9000/", "the router's URL")
	calls := flag.Int("calls", 10_000, "how many calls to have under way at once")
	rounds := flag.Int("rounds", 5, "how often to do that; the best round counts")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := bench(ctx, *url, *calls, *rounds); err != nil {
		log.Fatal(err)
	}
}

func bench(ctx context.Context, url string, calls, rounds int) error {
	callee, err := join(ctx, url)
	if err != nil {
		return err
	}
	registered := callee.Register("com.bench.double", func(inv *wamp.Invocation) (wamp.Payload, error) {
		n, _ := inv.Args[0].(int64) // it is what the caller sends
		return wamp.Args(2 * n).With(map[string]any{"ok": true}), nil
	})
	if _, err := txaio.Await(ctx, registered); err != nil {
		return err
	}
	caller, err := join(ctx, url)
	if err != nil {
		return err
	}
	var (
		best  time.Duration
		spent time.Duration
	)
	for range rounds {
		cpu, start := cpuTime(), time.Now()
		futures := make([]*txaio.Future[*wamp.Result], calls)
		for i := range futures {
			futures[i] = caller.Call("com.bench.double", wamp.Args(i))
		}
		results, err := txaio.Await(ctx, txaio.Gather(futures, false))
		if err != nil {
			return err
		}
		took := time.Since(start)
		spentNow := cpuTime() - cpu
		for i, result := range results {
			if result.Value.Args[0] != int64(2*i) {
				return fmt.Errorf("call %d returned %v", i, result.Value.Args)
			}
		}
		if best == 0 || took < best {
			best, spent = took, spentNow
		}
	}
	name := "Go, future"
	if txaio.UsingDeferred {
		name = "Go, deferred"
	}
	fmt.Printf("%-28s %8.0f calls/s %8.1f µs of CPU time per call\n", name,
		float64(calls)/best.Seconds(), float64(spent.Microseconds())/float64(calls))
	for _, s := range []*wamp.Session{caller, callee} {
		if _, err := txaio.Await(ctx, s.Leave()); err != nil {
			return err
		}
	}
	return nil
}

func join(ctx context.Context, url string) (*wamp.Session, error) {
	s, err := wamp.NewSession(wamp.Config{URL: url, Realm: "realm1"})
	if err != nil {
		return nil, err
	}
	_, err = txaio.Await(ctx, s.Join())
	return s, err
}

// cpuTime returns what this process has used of the processors.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // the calls per second are right all the same
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
