//go:build deferred || future

package txaio

import (
	"runtime"
	"sync"
)

// A failure that nobody has seen when its future is collected is logged, once:
// what Twisted's DebugInfo and the destructor of asyncio's Future do. Seen is a
// failure that an errback, AddBoth, Await, Gather, AddTimeout or
// RunUntilComplete was given, or that Result or Exception returned.
//
// A future that succeeds has no part in this. One that ends up failed and
// unseen gets a cleanup, and whoever sees the failure afterwards takes that off
// again.

// unhandledMessage is what Twisted and asyncio log.
func unhandledMessage() string {
	if UsingDeferred {
		return "Unhandled error in Deferred"
	}
	return "Future exception was never retrieved"
}

// withoutError returns a failure that prints like f and refers to nothing that
// belongs to others. It calls the error's Error method, so no lock may be held.
func (f *Failure) withoutError() *Failure {
	dropped := &Failure{err: &droppedError{failureText(f)}, stack: f.stack}
	dropped.history.Store(f.history.Load())
	return dropped
}

// dropped holds the failures of collected futures until they are logged, by a
// goroutine that exists as long as there are any: a log hook that blocks must
// not hold up the runtime's cleanups.
var dropped struct {
	sync.Mutex
	failures []*Failure
	logging  bool
}

// reportDropped is called by the runtime when the future that had failed with
// fail has been collected.
func reportDropped(fail *Failure) {
	dropped.Lock()
	defer dropped.Unlock()
	dropped.failures = append(dropped.failures, fail)
	if !dropped.logging {
		dropped.logging = true
		go logDropped()
	}
}

func logDropped() {
	finished := false
	defer func() {
		if !finished {
			go logDropped() // a log hook has called runtime.Goexit
		}
	}()
	for {
		dropped.Lock()
		if len(dropped.failures) == 0 {
			dropped.failures, dropped.logging = nil, false
			finished = true
			dropped.Unlock()
			return
		}
		fail := dropped.failures[0]
		dropped.failures = dropped.failures[1:]
		dropped.Unlock()
		reportUnhandled(unhandledMessage(), fail)
	}
}

// onDrop has fail reported when future is collected.
func onDrop[F any](future *F, fail *Failure) runtime.Cleanup {
	return runtime.AddCleanup(future, reportDropped, fail)
}
