// Command bench measures calls through a router. Caller and callee are two
// connections of this process. It measures the time of one call at a time, the
// calls per second with 100 at a time, and the processor time of a call. It measures
// this client and a bare one by turns; ../peers/bench.py measures Autobahn|Python.
//
//	go run -tags future ./bench -url ws://127.0.0.1:9000/
//
// Without a URL, the router is the one of the tests, in a process of its own.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

func main() {
	url := flag.String("url", "", "the router's URL; empty for the router of the tests")
	calls := flag.Int("calls", 400, "calls in a round")
	rounds := flag.Int("rounds", 100, "how often each client has its turn; the figures are the medians")
	profile := flag.String("profile", "", "write a profile of the processors to this file")
	router := flag.Bool("router", false, "be the router, until standard input ends")
	flag.Parse()
	if *router {
		serve()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if *url == "" {
		var stop func()
		var err error
		if *url, stop, err = startRouter(ctx); err != nil {
			log.Fatal(err)
		}
		defer stop()
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	// If the program drives the loop, the loop starts no goroutines.
	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	benched := txaio.Go(func(context.Context) (struct{}, error) {
		return struct{}{}, bench(ctx, *url, *calls, *rounds)
	})
	if err := loop.RunUntilComplete(benched); err != nil {
		log.Fatal(err)
	}
}

// serve runs the router, in its own process.
func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer wamptest.ServeRouter(listener, "")()
	fmt.Println("ws://" + listener.Addr().String() + "/")
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent process
}

func startRouter(ctx context.Context) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	process := exec.CommandContext(ctx, self, "-router")
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := process.Start(); err != nil {
		return "", nil, err
	}
	url, err = bufio.NewReader(stdout).ReadString('\n')
	return strings.TrimSpace(url), func() { _ = stdin.Close(); _ = process.Wait() }, err
}

const procedure = "com.bench.double"

// A client makes one call, and waits for the result.
type client struct {
	name string
	call func(ctx context.Context, n int) (any, error)

	latency, throughput, cost []float64 // of each round
}

func bench(ctx context.Context, url string, calls, rounds int) error {
	clients, err := connect(ctx, url)
	if err != nil {
		return err
	}
	for round := range rounds + 1 {
		for _, c := range clients {
			one, err := c.round(ctx, calls/4, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			many, err := c.round(ctx, calls, 100)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round == 0 {
				continue // the first round only warms up
			}
			c.latency = append(c.latency, one.each)
			c.throughput = append(c.throughput, 1e6/many.each)
			c.cost = append(c.cost, many.cpu)
		}
		// The next round begins with another client.
		clients = append(clients[1:], clients[0])
	}
	slices.SortFunc(clients, func(a, b *client) int { return strings.Compare(a.name, b.name) })
	bare := clients[0]
	fmt.Printf("%-28s %18s %24s %18s\n", "", "one at a time", "100 at a time", "CPU time a call")
	for _, c := range clients {
		fmt.Printf("%-28s %8.1f µs %6.2f %12.0f calls/s %5.2f %8.1f µs %6.2f\n", c.name,
			median(c.latency), ratio(c.latency, bare.latency),
			median(c.throughput), ratio(c.throughput, bare.throughput),
			median(c.cost), ratio(c.cost, bare.cost))
	}
	return nil
}

// connect returns the clients, the bare one first.
func connect(ctx context.Context, url string) ([]*client, error) {
	bareCallee, err := dialBare(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := bareCallee.serve(ctx); err != nil {
		return nil, err
	}
	bareCaller, err := dialBare(ctx, url)
	if err != nil {
		return nil, err
	}
	go bareCaller.listen(ctx)
	callee, err := join(ctx, url)
	if err != nil {
		return nil, err
	}
	registered := callee.Register(procedure+".txaio", func(inv *wamp.Invocation) (wamp.Payload, error) {
		n, ok := inv.Args[0].(int64)
		if !ok {
			return wamp.Payload{}, errors.New("no number")
		}
		return wamp.Args(2 * n), nil
	})
	if _, err := txaio.Await(ctx, registered); err != nil {
		return nil, err
	}
	caller, err := join(ctx, url)
	if err != nil {
		return nil, err
	}
	name := "future"
	if txaio.UsingDeferred {
		name = "deferred"
	}
	return []*client{
		{name: "a bare client", call: bareCaller.call},
		{name: "this one, " + name, call: func(ctx context.Context, n int) (any, error) {
			result, err := txaio.Await(ctx, caller.Call(procedure+".txaio", wamp.Args(n)))
			if err != nil {
				return nil, err
			}
			return result.Args[0], nil
		}},
	}, nil
}

// figures are times of one call, in microseconds.
type figures struct{ each, cpu float64 }

// round makes a number of calls, with at goroutines.
func (c *client) round(ctx context.Context, calls, at int) (figures, error) {
	var group sync.WaitGroup
	errs := make(chan error, at)
	cpu, start := cpuTime(), time.Now()
	for i := range at {
		group.Go(func() {
			for n := i; n < calls; n += at {
				result, err := c.call(ctx, n)
				if err == nil && result != int64(2*n) {
					err = fmt.Errorf("call %d returned %v", n, result)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	took, spent := time.Since(start), cpuTime()-cpu
	select {
	case err := <-errs:
		return figures{}, err
	default:
	}
	return figures{micros(took) / float64(calls), micros(spent) / float64(calls)}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// ratio returns the median of the ratios of rounds. The two rounds of a ratio ran
// one after the other, so a machine that slows down affects both.
func ratio(of, to []float64) float64 {
	ratios := make([]float64, len(of))
	for i := range of {
		ratios[i] = of[i] / to[i]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func join(ctx context.Context, url string) (*wamp.Session, error) {
	s, err := wamp.NewSession(wamp.Config{URL: url, Realm: "realm1"})
	if err != nil {
		return nil, err
	}
	_, err = txaio.Await(ctx, s.Join())
	return s, err
}

// cpuTime returns the processor time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // the calls per second are still right
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
