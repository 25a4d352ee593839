package txaio

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio/internal/queue"
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
//
// In a browser and in Node.js nothing else runs while a goroutine can. There a loop
// that is busy pauses every 8 ms, so that the page paints and its events are
// handled.
//
// Make one with [NewLoop]: the zero value panics with a [*UsageError].
type Loop struct {
	queue queue.Queue[task]

	// Producers write the queue, and the driver writes what follows: on one
	// cache line they would take it from each other.
	_ [64]byte

	// What is left of the turn. Only the driver uses it.
	turn []task
	next int

	mu       sync.Mutex // taken before the queue's
	driver   driver
	heir     chan struct{} // closed for the call of Run that drives next; nil if none waits
	resting  bool          // the driver rests, so the alarm has to be right
	draining bool          // it is Drain that drives, which ends with the last timer
	timers   timerHeap
	alarm    *alarm
	counters counters

	token    chan struct{} // wakes the call of Run that rests; holds one
	startOwn func()        // wakeOwn, runOwn and wakeCaller, made once
	driveOwn func()
	rouse    func()

	labels  labels
	clock   clockwork.Clock
	wall    bool      // clock is the system's
	epoch   time.Time // where the loop's time line begins, on clock
	handler func(*Failure)
}

// driver says who runs a loop's functions.
type driver uint8

const (
	idle   driver = iota // nobody: there is nothing to run
	own                  // the loop's own goroutine
	caller               // a call of Run or RunUntilComplete, or a ManualLoop
)

// A LoopOption is an option of [NewLoop].
type LoopOption func(*Loop)

// WithClock makes the loop run its timers by clock instead of the system's,
// which with a clockwork.FakeClock means when that is advanced. It panics with a
// [*UsageError] if clock is nil.
func WithClock(clock clockwork.Clock) LoopOption {
	if clock == nil {
		panic(usageErrorf("WithClock needs a clock, and was given nil; without the option the loop goes by the system's"))
	}
	return func(l *Loop) { l.clock = clock }
}

// WithExceptionHandler makes the loop hand to handler what has nowhere else
// to go: the panic of a function that it ran and, on the future backend, an
// error that an errback returned. The loop calls it on its own goroutine, one
// failure at a time. Without it such failures are errors in the log, with their
// tracebacks.
func WithExceptionHandler(handler func(*Failure)) LoopOption {
	return func(l *Loop) { l.handler = handler }
}

var systemClock = clockwork.NewRealClock()

// NewLoop returns a new loop. It panics with a [*UsageError] if an option is
// nil.
func NewLoop(opts ...LoopOption) *Loop {
	l := &Loop{clock: systemClock, token: make(chan struct{}, 1), alarm: new(alarm)}
	l.alarm.at.Store(never)
	l.startOwn, l.driveOwn, l.rouse = l.wakeOwn, l.runOwn, l.wakeCaller
	for _, opt := range opts {
		if opt == nil {
			panic(usageErrorf("NewLoop was given a nil option"))
		}
		opt(l)
	}
	l.wall = reflect.TypeOf(l.clock) == reflect.TypeOf(systemClock)
	l.epoch = l.clock.Now()
	l.resting = l.queue.Rest(l.startOwn)
	return l
}

var errNotMade error = usageErrorf("this Loop was not made with NewLoop")

// mustBeMade panics if l is nil or the zero value.
func (l *Loop) mustBeMade() {
	if l == nil || l.clock == nil {
		panic(errNotMade)
	}
}

// Now returns the time of the loop's clock.
func (l *Loop) Now() time.Time {
	l.mustBeMade()
	return l.clock.Now()
}

// String returns the loop's name, see [WithName].
func (l *Loop) String() string {
	switch {
	case l == nil:
		return "Loop nil"
	case l.labels.name == "":
		return "Loop"
	}
	return fmt.Sprintf("Loop %q", l.labels.name)
}

// Format prints String for every verb, as other goroutines may change what fmt
// would print.
func (l *Loop) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(l.String())) }

// CallSoon runs fn after what is queued already. It panics with a
// [*UsageError] if fn is nil.
func (l *Loop) CallSoon(fn func()) {
	mustHaveBackend()
	l.mustBeMade()
	if fn == nil {
		panic(usageErrorf("CallSoon needs a function, and was given nil"))
	}
	l.queue.Push(funcTask(fn))
}

// HandleFailure hands fail to the loop's exception handler: see
// [WithExceptionHandler]. Call it on the loop's goroutine.
func (l *Loop) HandleFailure(fail *Failure) {
	l.mustBeMade()
	if l.handler == nil {
		reportUnhandled("Unhandled error in event loop", fail)
		return
	}
	if _, broken := protect(func() (struct{}, error) { l.handler(fail); return struct{}{}, nil }); broken != nil {
		reportUnhandled("Unhandled error in event loop", fail)
		reportUnhandled("Panic in the event loop's exception handler", broken)
	}
}

// InLoop reports whether the running goroutine is running a function of a
// loop, this or any other [Loop].
func (l *Loop) InLoop() bool { return onLoop() }

// onLoop reports whether the running goroutine is running a task of a Loop. It
// looks for runTasks on the stack, which takes a microsecond or two; so it does not
// while no loop is running any.
func onLoop() bool {
	if turnsRunning.Load() == 0 {
		return false
	}
	var frames [64]uintptr
	for skip := 2; ; skip += len(frames) {
		n := runtime.Callers(skip, frames[:])
		for _, pc := range frames[:n] {
			if fn := runtime.FuncForPC(pc - 1); fn != nil && fn.Entry() == runTasksEntry {
				return true
			}
		}
		if n < len(frames) {
			return false
		}
	}
}

// turnsRunning counts the calls of runTasks.
var turnsRunning atomic.Int64

var runTasksEntry = reflect.ValueOf(runTasks).Pointer()

// Turns

// runTurn runs one turn: what is left of the last one, if that ended with its
// goroutine; else what is ready now, with the timers that are due. It returns
// how many functions it had to run.
func (l *Loop) runTurn() int {
	if l.next == len(l.turn) {
		l.beginTurn()
	}
	n := len(l.turn) - l.next
	fail := runTasks(l, nil)
	for fail != nil {
		fail = runTasks(l, fail)
	}
	return n
}

// beginTurn makes what is ready now, with the timers that are due, the turn to
// run.
func (l *Loop) beginTurn() {
	l.turn, l.next = l.queue.Take(l.turn), 0
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resting = false
	if l.timers.next() != never {
		now := l.now()
		for l.timers.next() <= now {
			l.turn = append(l.turn, l.timers.pop())
		}
	}
	l.counters.count(len(l.turn))
}

// runTasks runs what is left of the turn, up to a task that panics, and
// returns the failure of that; panicked is what it returned before, for the
// exception handler. One recover for many tasks is cheaper than one for each. It
// is a frame of its own on the stack, for onLoop to find.
//
//go:noinline
func runTasks(l *Loop, panicked *Failure) (fail *Failure) {
	finished := false
	turnsRunning.Add(1)
	defer func() {
		turnsRunning.Add(-1)
		if !finished {
			fail = panicFailure(recover())
		}
	}()
	if panicked != nil {
		l.HandleFailure(panicked)
	}
	if observing() {
		l.runObserved()
	}
	for l.next < len(l.turn) {
		t := l.take()
		if fn, is := t.(funcTask); is {
			fn() // cheaper than the call through the interface
		} else {
			t.run()
		}
	}
	finished = true
	return nil
}

// take takes the next task off the turn, which then does not hold it any more.
func (l *Loop) take() task {
	t := l.turn[l.next]
	l.turn[l.next] = nil
	l.next++
	return t
}

// Driving

// rest reports whether there is nothing to run now. If so, the alarm is set for
// what comes later, and whoever then queues something calls wake. l.mu is held.
func (l *Loop) rest(wake func()) bool {
	if l.next < len(l.turn) {
		return false
	}
	if when := l.timers.next(); when != never && when <= l.now() {
		return false
	}
	if !l.queue.Rest(wake) {
		return false
	}
	l.resting = true
	l.setAlarm()
	if !queue.Keep(cap(l.turn)) {
		l.turn, l.next = nil, 0
	}
	return true
}

// wakeOwn starts the loop's own goroutine, unless a call of Run has taken over
// meanwhile.
func (l *Loop) wakeOwn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.driver == idle {
		l.driver = own
		go l.driveOwn()
	}
}

// runOwn drives the loop while there is something to run. It is the loop's
// own goroutine.
func (l *Loop) runOwn() {
	finished := false
	defer func() {
		if !finished {
			go l.driveOwn() // a task or the exception handler has called runtime.Goexit
		}
	}()
	l.labels.set()
	var page pageShare
	for !finished {
		l.runTurn()
		page.giveTurn()
		finished = l.leave()
	}
}

// leave ends the driving of the loop's own goroutine if there is nothing left
// to run, or a call of Run waits for the loop.
func (l *Loop) leave() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.heir != nil:
		l.driver = caller
		close(l.heir)
		l.heir = nil
		return true
	case l.rest(l.startOwn):
		l.driver = idle
		return true
	}
	return false
}

// Run drives the loop on this goroutine until ctx ends, and returns ctx's
// error. What the loop's own goroutine was running it finishes first. If
// the loop is being driven already, or a loop is running the function that
// calls Run, it returns a [*UsageError] at once: asyncio's "this event loop is
// already running" and "cannot run the event loop while another loop is
// running".
//
// Work that is left when it returns goes on on the loop's own goroutine.
func (l *Loop) Run(ctx context.Context) error {
	mustHaveBackend()
	l.mustBeMade()
	label := labelling{labels: &l.labels, ctx: ctx}
	defer label.end()
	return l.run(ctx, func() bool { label.begin(); return false })
}

// RunUntilComplete drives the loop on this goroutine until f is settled and
// the callbacks added to it before this call have run. It returns the failure
// if f failed, which then counts as handled, and a [*UsageError] as [Loop.Run]
// does. It is asyncio's run_until_complete.
//
// A future that nothing will settle makes it run for ever.
func (l *Loop) RunUntilComplete(f AnyFuture) error {
	mustHaveBackend()
	l.mustBeMade()
	mustBeFuture(f)
	var result *Failure
	err := l.runUntil(context.Background(), func(done func()) {
		f.watch(func(_ any, fail *Failure) {
			result = fail
			done()
		}, false)
	})
	if err == nil && result != nil {
		err = result
	}
	return err
}

// RunUntil drives the loop on this goroutine, as [Loop.Run] does, until f is
// settled and the callbacks added to it before this call have run, or ctx ends. It
// returns what [Await] then returns: the value, or the failure as a [*Failure],
// which counts as handled, or ctx's error; and a [*UsageError] as Run does.
func RunUntil[T any](ctx context.Context, loop *Loop, f *Future[T]) (T, error) {
	mustHaveBackend()
	loop.mustBeMade()
	mustBeFuture(f)
	err := loop.runUntil(ctx, f.after)
	if _, misused := err.(*UsageError); misused {
		return *new(T), err
	}
	return Await(ctx, f)
}

// runUntil drives the loop until ctx ends or the function is called that it gives
// to watch, once it drives the loop.
func (l *Loop) runUntil(ctx context.Context, watch func(done func())) error {
	var (
		done     atomic.Bool
		watching bool
	)
	return l.run(ctx, func() bool {
		if !watching {
			watching = true
			watch(func() {
				done.Store(true)
				l.rouse()
			})
		}
		return done.Load()
	})
}

// Drain drives the loop on this goroutine, as [Loop.Run] does, until nothing is
// queued and no timer is set, those of batched timers included, or ctx ends: then it
// returns ctx's error. It returns a [*UsageError] as Run does. What other
// goroutines are yet to queue, such as those of [Go], it does not wait for. On a
// fake clock that nobody moves, timers keep it until ctx ends.
func (l *Loop) Drain(ctx context.Context) error {
	mustHaveBackend()
	l.mustBeMade()
	label := labelling{labels: &l.labels, ctx: ctx}
	defer label.end()
	return l.run(ctx, func() bool {
		label.begin()
		return l.drained()
	})
}

// drained reports whether there is nothing left to run, now or later. From now on
// whoever cancels the last timer rouses the call of Drain.
func (l *Loop) drained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
	return l.next == len(l.turn) && l.queue.Len() == 0 && l.timers.next() == never
}

// run drives the loop until ctx ends or done, asked before each turn, returns
// true.
func (l *Loop) run(ctx context.Context, done func() bool) error {
	if onLoop() {
		return errInLoop
	}
	if err := l.acquire(ctx); err != nil {
		return err
	}
	defer l.release()
	defer context.AfterFunc(ctx, l.rouse)()
	var page pageShare
	for !done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.runTurn()
		page.giveTurn()
		if l.sleep(ctx, done) {
			page = pageShare{}
		}
	}
	return nil
}

// sleep waits until there is something to run, or ctx ends, or done. It reports
// whether it had to.
func (l *Loop) sleep(ctx context.Context, done func() bool) bool {
	l.mu.Lock()
	resting := l.rest(l.rouse)
	l.mu.Unlock()
	if resting && ctx.Err() == nil && !done() { // what makes them so from now on wakes us
		<-l.token
	}
	return resting
}

// wakeCaller wakes the call of Run that rests, or keeps it from resting.
func (l *Loop) wakeCaller() {
	select {
	case l.token <- struct{}{}:
	default: // a token is there already
	}
}

var (
	errDriven error = usageErrorf("the loop is already running: one call of Run or RunUntilComplete at a time")
	errInLoop error = usageErrorf("a loop is running this function: Run and RunUntilComplete would block it; add callbacks, or call them on another goroutine")
)

// acquire makes this goroutine the driver.
func (l *Loop) acquire(ctx context.Context) error {
	l.mu.Lock()
	switch {
	case l.driver == idle:
		l.driver = caller // which wakeOwn finds, if it is on its way
		l.mu.Unlock()
		return nil
	case l.driver == caller, l.heir != nil:
		l.mu.Unlock()
		return errDriven
	}
	mine := make(chan struct{})
	l.heir = mine
	l.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	waiting := l.heir == mine
	if waiting {
		l.heir = nil
	}
	l.mu.Unlock()
	if !waiting { // it became ours at that very moment
		l.release()
	}
	return ctx.Err()
}

// release ends this goroutine's driving, also if a task ended the goroutine
// with runtime.Goexit. What is left to run, the loop's own goroutine does.
func (l *Loop) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.driver, l.draining = idle, false
	if !l.rest(l.startOwn) {
		l.driver = own
		go l.driveOwn()
	}
}

// A ManualLoop is a [Loop] that runs only when it is told to, on the goroutine
// that tells it: the base of loops for tests, such as testutil.TestLoop.
// Functions can be queued from any goroutine; they wait.
//
// If a type that embeds it is the current loop, futures queue their callbacks
// on the ManualLoop itself.
type ManualLoop struct {
	*Loop
	running atomic.Bool // a call of RunOnce is under way
}

// NewManualLoop returns a new loop that nothing drives but its methods. It
// panics with a [*UsageError] if an option is nil.
func NewManualLoop(opts ...LoopOption) *ManualLoop {
	mustHaveBackend()
	l := NewLoop(opts...)
	l.driver, l.resting = caller, false
	return &ManualLoop{Loop: l}
}

// RunOnce runs one turn of the loop and returns how many functions that were:
// asyncio's _run_once, Twisted's runUntilCurrent. It panics with a
// [*UsageError] if another call of it is running.
func (m *ManualLoop) RunOnce() int {
	m.mustBeMade()
	if !m.running.CompareAndSwap(false, true) {
		panic(errDriven)
	}
	defer m.running.Store(false)
	return m.runTurn()
}

// Ready reports whether there is something to run now. To Twisted that
// includes a timer that is due; to asyncio, only when a turn has found it. It
// panics as RunOnce does.
func (m *ManualLoop) Ready() bool {
	m.mustBeMade()
	if m.running.Load() {
		panic(errDriven)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.next < len(m.turn) || m.queue.Len() > 0 || UsingDeferred && m.timers.next() <= m.now()
}

// NextTimer returns the time until the earliest timer, which is negative if
// it is overdue. ok is false if there is none. Twisted calls it timeout().
func (m *ManualLoop) NextTimer() (delay time.Duration, ok bool) {
	m.mustBeMade()
	m.mu.Lock()
	defer m.mu.Unlock()
	when := m.timers.next()
	return time.Duration(until(when, m.now())), when != never
}

// Clock returns the loop's clock.
func (m *ManualLoop) Clock() clockwork.Clock {
	m.mustBeMade()
	return m.clock
}

// mustBeMade panics if m is nil or the zero value.
func (m *ManualLoop) mustBeMade() {
	if m == nil {
		panic(errNotMade)
	}
	m.Loop.mustBeMade()
}

func (m *ManualLoop) native() *Loop {
	m.mustBeMade()
	return m.Loop
}

// Runaway returns the error for work that renews itself, which has run for so
// many turns at one instant. It names the function that would run next.
func (m *ManualLoop) Runaway(turns int) *UsageError {
	if m.next == len(m.turn) {
		m.beginTurn()
	}
	name := "one that was cancelled"
	if m.next < len(m.turn) {
		name = taskName(m.turn[m.next])
	}
	return usageErrorf("work renews itself without end: %d turns ran at one instant, and the next function is %s", turns, name)
}
