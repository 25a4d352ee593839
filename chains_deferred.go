//go:build deferred && !future

package txaio

import (
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
)

// A runner is who calls a callback of a shared Deferred.
type runner uint8

const (
	nobody runner = iota
	// counted is a run that chains counts.
	counted
	// uncounted is one that began before the first use of Chain.
	uncounted
	// alone is one that began before the Deferred was shared. Until it ends,
	// the first link and the result are its own. It is not counted either.
	alone
)

// chains counts the runs of callbacks that are under way, from the first use of
// Chain on: the only one who asks.
var chains struct {
	used    atomic.Bool
	running atomic.Int64
}

// runCounted runs callbacks and counts that. It is a frame of its own on the
// stack, for stackRuns to find.
//
//go:noinline
func runCounted(callbacks func() bool) {
	chains.running.Add(1)
	defer chains.running.Add(-1)
	for !callbacks() {
	}
}

// runsHere reports whether a run of that kind can only be on the running
// goroutine: where all that are counted are, or where one is that is not. It
// looks at the stack, which costs microseconds, for the sake of a case that
// hardly ever happens. That two runs began before the first Chain, and one of
// them chains to what the other runs on another goroutine, is what it cannot
// tell.
func runsHere(r runner) bool {
	here := stackRuns()
	if r == counted {
		return chains.running.Load() <= here[counted]
	}
	return here[r] > 0
}

// stackRuns counts the runs on the running goroutine's stack.
func stackRuns() (runs [alone + 1]int64) {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	pending := false // a chainRun, of which runCounted comes next if it was counted
	for more := n > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		name, ours := strings.CutPrefix(frame.Function, packagePrefix)
		switch {
		case ours && strings.HasPrefix(name, "(*chainRun[...]).callbacks"):
			pending = true
			continue
		case ours && name == "runCounted":
			runs[counted]++
		case ours && name == "(*Deferred[...]).settleReady":
			runs[alone]++
		case pending:
			runs[uncounted]++
		}
		pending = false
	}
	return runs
}

// packagePrefix is what the names of this package's functions begin with.
var packagePrefix = strings.TrimSuffix(runtime.FuncForPC(reflect.ValueOf(runCounted).Pointer()).Name(), "runCounted")
