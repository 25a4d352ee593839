package txaio

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio/internal/goid"
)

// A Loop is an event loop: it runs functions one at a time, first in, first
// out, and timers when they are due, those of the same instant in the order
// in which they were made.
//
// It works with no set-up. While nobody drives it with [Loop.Run] or
// [Loop.RunUntilComplete], it runs what is due on a goroutine of its own that
// exists only as long as there is something to run: an idle loop holds no
// goroutine, and there is nothing to close.
//
// One turn of the loop is asyncio's: timers that are due join the end of the
// queue, and what is in the queue at that moment runs; what that adds waits
// for the next turn.
//
// A function that panics does not stop the loop: the panic goes to the
// exception handler (see [WithExceptionHandler]). A function that calls
// runtime.Goexit ends the goroutine that runs it, as Goexit does; the loop
// goes on on another.
type Loop struct {
	// What is written for each task that is queued comes first, on one cache
	// line.
	mu     sync.Mutex // taken with lock, but by the driver
	ready  []task     // what runs in the next turn
	state  loopState
	asleep bool          // the driver waits for wake
	wake   chan struct{} // holds one token

	strides atomic.Uint32 // how many have been queued, for a driver that pauses, see pause

	timers timerHeap
	alarm  *alarm // nil until the loop first waits for a timer
	driver uint64 // goroutine that drives the loop, 0 where not known
	heir   *heir  // who drives the loop after its own goroutine

	counters counters
	labels   labels
	clock    clockwork.Clock
	wall     bool      // clock is the system's
	epoch    time.Time // where the loop's time line begins, on clock
	unix     int64     // epoch in nanoseconds since the Unix epoch
	handler  func(*Failure)

	// The driver writes what follows for each task or turn, and other goroutines
	// what stands above for each that they queue: on one cache line they would take
	// it from each other.
	_ [64]byte

	// What is left of the turn that is being run. Only the driver uses them.
	turn  []task
	next  int
	roomy int  // for how many turns a large queue has not been needed, see maxKeptQueue
	fed   bool // tasks come faster than turns begin, see linger

	begun   atomic.Uint32 // how many turns have begun, for those who wait for one
	met     atomic.Bool   // a producer has found the lock taken since the last turn, see lockBusy
	hurried atomic.Bool   // the next turn is to begin at once, see hurry
	crowded atomic.Int64  // until when nobody lets others run, see yield
}

// loopState says who runs a loop's functions.
type loopState uint8

const (
	idle   loopState = iota // nobody: there is nothing to run
	own                     // the loop's own goroutine
	driven                  // a call of Run or RunUntilComplete, or a test loop
)

// An heir is a call of Run that waits for the loop's own goroutine to finish
// its turn.
type heir struct {
	goroutine uint64
	ready     chan struct{}
}

// A LoopOption is an option of [NewLoop].
type LoopOption func(*Loop)

// WithClock makes the loop run its timers by clock instead of the system's,
// which with a clockwork.FakeClock means when that is advanced. It panics with a
// [*UsageError] where clock is nil.
func WithClock(clock clockwork.Clock) LoopOption {
	if clock == nil {
		panic(usageErrorf("WithClock needs a clock, and was given nil; without the option the loop goes by the system's"))
	}
	return func(l *Loop) { l.clock = clock }
}

// WithExceptionHandler makes the loop hand to handler what has nowhere else
// to go: the panic of a function that it ran and, on the future backend, an
// error that an errback returned. It is called on the loop's goroutine.
// Without it such failures are errors in the log, with their tracebacks.
func WithExceptionHandler(handler func(*Failure)) LoopOption {
	return func(l *Loop) { l.handler = handler }
}

var systemClock = clockwork.NewRealClock()

// NewLoop returns a new loop.
func NewLoop(opts ...LoopOption) *Loop {
	l := &Loop{clock: systemClock, wake: make(chan struct{}, 1)}
	for _, opt := range opts {
		opt(l)
	}
	l.wall = reflect.TypeOf(l.clock) == reflect.TypeOf(systemClock)
	l.epoch = l.clock.Now()
	l.unix = l.epoch.UnixNano()
	return l
}

// Now returns the time of the loop's clock.
func (l *Loop) Now() time.Time { return l.clock.Now() }

// now returns the time on the loop's own time line: nanoseconds since it was
// made.
func (l *Loop) now() int64 {
	if l.wall {
		return int64(time.Since(l.epoch)) // reads the monotonic clock alone, which is cheaper
	}
	return min(int64(l.clock.Now().Sub(l.epoch)), never-1) // Sub stops at the end of the time line
}

// unixNano implements engine.
func (l *Loop) unixNano() int64 {
	if l.wall {
		return l.unix + l.now()
	}
	return l.clock.Now().UnixNano()
}

// CallSoon runs fn after what is queued already. It panics with a
// [*UsageError] where fn is nil.
func (l *Loop) CallSoon(fn func()) {
	mustHaveBackend()
	if fn == nil {
		panic(usageErrorf("CallSoon needs a function, and was given nil"))
	}
	if !l.mu.TryLock() { // lock, in place
		l.lockBusy()
	}
	l.enqueue(funcTask(fn))
}

// CallLater runs fn after delay; a negative delay counts as 0. It panics with
// a [*UsageError] where fn is nil.
func (l *Loop) CallLater(delay time.Duration, fn func()) DelayedCall {
	mustHaveBackend()
	if fn == nil {
		panic(usageErrorf("CallLater needs a function, and was given nil"))
	}
	t := &timer{loop: l, fn: fn}
	now := l.now()
	when := now + int64(max(delay, 0))
	if when < now || when == never {
		when = never - 1 // beyond the end of the time line, so at its end
	}
	l.lock()
	defer l.mu.Unlock()
	l.timers.push(when, t)
	if l.state == idle || l.asleep {
		l.setAlarm(now)
	}
	return t
}

// schedule implements engine.
func (l *Loop) schedule(t task) {
	l.lock()
	l.enqueue(t)
}

// enqueue queues t. l.mu is held, and released.
func (l *Loop) enqueue(t task) {
	l.ready = append(l.ready, t)
	backlog := len(l.ready)
	switch {
	case l.state == idle:
		l.state = own
		go l.runOwn()
	case l.asleep:
		l.rouse()
	}
	l.mu.Unlock()
	if backlog%stride == 0 {
		l.passed(backlog)
	}
}

// rouse wakes the sleeping driver. l.mu is held.
func (l *Loop) rouse() {
	l.asleep = false
	select {
	case l.wake <- struct{}{}:
	default: // a token is there already
	}
}

// alarmFired is called when a timer may be due, on a goroutine of the clock's,
// which becomes the loop's own where the loop is idle.
func (l *Loop) alarmFired() {
	l.mu.Lock()
	switch {
	case l.state == idle:
		l.state = own
		l.mu.Unlock()
		l.runOwn()
		return
	case l.asleep:
		l.rouse()
	}
	l.mu.Unlock() // an active driver looks at the timers before it rests
}

// exception implements engine.
func (l *Loop) exception(fail *Failure) {
	if l.handler == nil {
		reportUnhandled("Unhandled error in event loop", fail)
		return
	}
	if _, broken := protect(func() (struct{}, error) { l.handler(fail); return struct{}{}, nil }); broken != nil {
		reportUnhandled("Unhandled error in event loop", fail)
		reportUnhandled("Panic in the event loop's exception handler", broken)
	}
}

// native returns the Loop that a loop for tests embeds.
func (l *Loop) native() *Loop { return l }

// here implements engine.
func (l *Loop) here() bool {
	l.mu.Lock()
	driver, asleep := l.driver, l.asleep
	l.mu.Unlock()
	return driver != 0 && !asleep && driver == goid.Get()
}

// Driving

// runTurn runs one turn: what is left of the last one, where that ended with
// its goroutine; else what is ready now, with the timers that are due.
func (l *Loop) runTurn() {
	if l.next == len(l.turn) {
		l.beginTurn()
	}
	for !l.runTasks() {
	}
	clear(l.turn)
	switch {
	case cap(l.turn) <= maxKeptQueue:
	case len(l.turn) > cap(l.turn)/4:
		l.roomy = 0
	case l.roomy < manyTurns:
		l.roomy++
	default:
		l.turn, l.roomy = nil, 0
	}
	l.turn, l.next = l.turn[:0], 0
}

// beginTurn makes what is ready now, with the timers that are due, the turn to
// run, and returns how much that is.
func (l *Loop) beginTurn() int {
	if l.met.Load() {
		l.met.Store(false)
	}
	if l.hurried.Load() {
		l.hurried.Store(false) // before the turn takes what is waited for
	}
	l.mu.Lock()
	if l.timers.next() != never {
		l.collectDue(l.now())
	}
	l.turn, l.ready = l.ready, l.turn[:0]
	l.next = 0
	n := len(l.turn)
	if n > 0 {
		l.counters.turn(n)
	}
	l.mu.Unlock()
	if n > 0 {
		l.begun.Add(1)
	}
	return n
}

// maxKeptQueue is the capacity up to which a queue is always kept: 64 KiB. A larger
// one is given up when the loop rests, or has not needed a quarter of it for
// manyTurns. To make it anew brings the collector about, which takes the driver's
// place for a while and so makes the queue grow again.
const (
	maxKeptQueue = 4096
	manyTurns    = 1000
)

// collectDue moves the timers that are due to the queue. l.mu is held.
func (l *Loop) collectDue(now int64) {
	for l.timers.next() <= now {
		l.ready = append(l.ready, l.timers.pop())
	}
	l.alarm.keep(l)
}

// runTasks runs what is left of the turn, up to a task that panics; it
// returns true when nothing is left. One recover for many tasks is cheaper
// than one for each.
func (l *Loop) runTasks() (done bool) {
	defer func() {
		if done {
			return
		}
		if value := recover(); value != nil {
			l.exception(panicFailure(value))
		}
	}()
	if observing() {
		l.runObserved()
		return true
	}
	for l.next < len(l.turn) {
		t := l.turn[l.next]
		l.next++
		if fn, is := t.(funcTask); is {
			fn() // cheaper than the call through the interface
		} else {
			t.run()
		}
	}
	return true
}

// runOwn drives the loop while there is something to run. It is the loop's
// own goroutine.
func (l *Loop) runOwn() {
	finished := false
	defer func() {
		if !finished {
			go l.runOwn() // a task or the exception handler has called runtime.Goexit
		}
	}()
	l.labels.set()
	goroutine := goid.Get()
	l.mu.Lock()
	l.driver = goroutine
	l.mu.Unlock()
	for {
		l.runTurn()
		l.mu.Lock()
		switch {
		case l.heir != nil:
			l.state, l.driver = driven, l.heir.goroutine
			close(l.heir.ready)
			l.heir = nil
			finished = true
		case l.rest():
			l.state, l.driver = idle, 0
			finished = true
		}
		l.mu.Unlock()
		if finished {
			return
		}
	}
}

// rest reports whether there is nothing to run now, and has the alarm set for
// what comes later. l.mu is held.
func (l *Loop) rest() bool {
	if len(l.ready) > 0 || l.next < len(l.turn) {
		return false
	}
	if when := l.timers.next(); when != never {
		now := l.now()
		if when <= now {
			return false
		}
		l.setAlarm(now)
	}
	if cap(l.ready) > maxKeptQueue || cap(l.turn) > maxKeptQueue {
		l.ready, l.turn, l.next = nil, nil, 0 // there is time to make them anew
	}
	return true
}

// Run drives the loop on this goroutine until ctx ends, and returns ctx's
// error. What the loop's own goroutine was running it finishes first. Where
// the loop is being driven already, also where Run is called by a function
// that the loop runs, it returns a [*UsageError] at once: asyncio's "this event
// loop is already running".
//
// Work that is left when it returns goes on on the loop's own goroutine.
func (l *Loop) Run(ctx context.Context) error {
	mustHaveBackend()
	label := labelling{labels: &l.labels, ctx: ctx}
	defer label.end()
	return l.run(ctx, func() bool { label.begin(); return false })
}

// RunUntilComplete drives the loop on this goroutine until f is settled and
// the callbacks added to it before this call have run. It returns the failure
// where f failed, which then counts as handled, and a [*UsageError] where the
// loop is being driven already. It is asyncio's run_until_complete.
//
// A future that nothing will settle makes it run for ever.
func (l *Loop) RunUntilComplete(f AnyFuture) error {
	mustHaveBackend()
	var (
		done   bool // guarded by l.mu
		result *Failure
	)
	watch := func(fail *Failure) {
		l.mu.Lock()
		defer l.mu.Unlock()
		done, result = true, fail
		if l.asleep {
			l.rouse()
		}
	}
	watching := false
	err := l.run(context.Background(), func() bool {
		if !watching {
			watching = true
			f.watch(watch)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return done
	})
	switch {
	case err != nil:
		return err
	case result != nil:
		return result
	}
	return nil
}

// run drives the loop until ctx ends or done, asked before each turn, returns
// true.
func (l *Loop) run(ctx context.Context, done func() bool) error {
	if err := l.acquire(ctx); err != nil {
		return err
	}
	defer l.release()
	for !done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.runTurn()
		if !l.linger() {
			l.sleep(ctx, done)
		}
	}
	return nil
}

// sleep waits until there is something to run, or ctx ends, or done.
func (l *Loop) sleep(ctx context.Context, done func() bool) {
	l.mu.Lock()
	if !l.rest() {
		l.mu.Unlock()
		return
	}
	l.asleep = true
	l.mu.Unlock()
	if !done() { // again, now that whoever makes it true wakes us
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
	}
	l.mu.Lock()
	l.asleep = false
	l.mu.Unlock()
}

var errDriven error = usageErrorf("the loop is already running: one call of Run or RunUntilComplete at a time, and none inside a function that the loop runs")

// acquire makes this goroutine the driver.
func (l *Loop) acquire(ctx context.Context) error {
	goroutine := goid.Get()
	l.mu.Lock()
	switch {
	case l.state == idle:
		l.state, l.driver = driven, goroutine
		l.mu.Unlock()
		return nil
	case l.state == driven, l.heir != nil, l.driver == goroutine:
		l.mu.Unlock()
		return errDriven
	}
	mine := &heir{goroutine, make(chan struct{})}
	l.heir = mine
	l.mu.Unlock()
	select {
	case <-mine.ready:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	inherited := l.heir != mine
	if !inherited {
		l.heir = nil
	}
	l.mu.Unlock()
	if inherited {
		l.release()
	}
	return ctx.Err()
}

// release ends this goroutine's driving, also where a task ended the goroutine
// with runtime.Goexit. What is left to run, the loop's own goroutine does.
func (l *Loop) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.driver, l.asleep = idle, 0, false
	if !l.rest() {
		l.state = own
		go l.runOwn()
	}
}
