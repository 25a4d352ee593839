// Soak puts the library under load for a limited time. Then it checks that every
// callback ran exactly once, that the memory is free again, and that no goroutine
// is left. It prints figures, and exits with 1 if one is wrong.
//
//	go run -tags deferred ./internal/soak
//	go run -tags future ./internal/soak -size smoke
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// sizes say how much load there is of each kind.
type sizes struct {
	futures, timers, loops int
	workers, steps         int // steps of each worker
}

var (
	full  = sizes{futures: 10_000_000, timers: 1_000_000, loops: 100_000, workers: 64, steps: 100_000}
	smoke = sizes{futures: 200_000, timers: 50_000, loops: 3_000, workers: 64, steps: 300}
	// warm is enough load to allocate all the memory that the runtime and the
	// library never give back.
	warm = sizes{futures: wave, timers: 100_000, loops: 10 * loopWave, workers: 64, steps: 3_000}
)

// tolerance is how much the memory may grow, as a fraction.
const tolerance = 0.05

func main() {
	name := flag.String("size", "full", "full, or smoke: a few seconds of it")
	flag.Parse()
	size, known := map[string]sizes{"full": full, "smoke": smoke}[*name]
	if !known {
		flag.Usage()
		os.Exit(2)
	}
	// Hide the failures that the load causes.
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	txaio.SetLogrus(quiet)

	var r report
	began := time.Now()
	fmt.Printf("%s, %s, %d processors\n", backend(), runtime.Version(), runtime.GOMAXPROCS(0))
	keepGoroutines()
	held := hold()
	run(&report{quiet: true}, warm)
	goroutines, start := settle(1)
	run(&r, size)
	left, end := settle(goroutines)
	r.figure("memory", "%.0f KiB at the start, %.0f KiB at the end, %+.1f %%; the process had %s at most",
		kib(start), kib(end), 100*(float64(end)/float64(start)-1), peak())
	r.check(float64(end) <= float64(start)*(1+tolerance), "the memory has grown")
	r.check(held.release(), "a future or timer that was held during the load is broken")
	r.figure("goroutines", "%d at the start, %d at the end", goroutines, left)
	r.check(left <= goroutines, "goroutines are left")
	r.figure("total", "%v", time.Since(began).Round(time.Millisecond))
	if r.failed {
		os.Exit(1)
	}
}

func run(r *report, size sizes) {
	futures(r, size.futures)
	timers(r, size.timers)
	loops(r, size.loops)
	chaos(r, size.workers, size.steps)
	txaio.SetLoop(nil)
}

func backend() string {
	if txaio.UsingDeferred {
		return "deferred"
	}
	return "future"
}

// A report prints figures and remembers whether one was wrong.
type report struct {
	quiet, failed bool
}

func (r *report) figure(name, format string, args ...any) {
	if !r.quiet {
		fmt.Printf("%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
}

func (r *report) check(ok bool, format string, args ...any) {
	if !ok {
		r.failed = true
		fmt.Printf("FAILED: "+format+"\n", args...)
	}
}

// took says how long n things took, and how long each of them.
func took(began time.Time, n int) string {
	d := time.Since(began)
	return fmt.Sprintf("%v, %v each", d.Round(time.Millisecond), d/time.Duration(n))
}
