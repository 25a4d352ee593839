package txaio

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio/internal/queue"
)

// A Loop is an event loop. It runs functions one at a time, first in, first
// out, and timers when they are due. Timers for the same instant run in the
// order in which they were made.
//
// A Loop needs no setup. While nobody drives it with [Loop.Run],
// [Loop.RunUntilComplete], [RunUntil] or [Loop.Drain], it runs what is due on
// a goroutine of its own. That goroutine exists only while there is something
// to run, so an idle loop holds no goroutine and need not be closed.
//
// One turn of the loop is asyncio's: timers that are due join the end of the
// queue, then everything in the queue at that moment runs. What that adds
// waits for the next turn.
//
// If a function panics, the panic goes to the exception handler (see
// [WithExceptionHandler]), and the loop goes on. If a function calls
// runtime.Goexit, the goroutine that runs it ends, and the loop goes on on
// another.
//
// In a browser and in Node.js, nothing else runs while a goroutine can run.
// There, a busy loop pauses every 8 ms, so that the page paints and handles its
// events.
//
// Make a Loop with [NewLoop]: the zero value panics with a [*UsageError].
type Loop struct {
	queue queue.Queue[task]

	// turn[next:] is the rest of the turn. Only the driver uses these two.
	turn []task
	next int

	driver atomic.Uint32 // idle, own or caller; wakeOwn changes it without the lock

	mu       sync.Mutex    // taken before the queue's
	heir     chan struct{} // closed for the call of Run that drives next; nil if none waits
	resting  bool          // the last begin found nothing to run, so a new timer sets the alarm
	draining bool          // the driver is Drain, which ends with the last timer
	timers   timerHeap
	alarm    *alarm
	counters counters

	token    chan struct{} // wakes the call of Run that rests; holds one
	startOwn func()        // the methods wakeOwn, runOwn and wakeCaller, bound once
	driveOwn func()
	rouse    func()

	labels  labels
	clock   clockwork.Clock
	wall    bool      // clock is the system's
	epoch   time.Time // the start of the loop's time line, on clock
	handler func(*Failure)
}

// Who runs a loop's functions.
const (
	idle   uint32 = iota // nobody: there is nothing to run
	own                  // the loop's own goroutine
	caller               // a call of Run or RunUntilComplete, or a ManualLoop
)

// A LoopOption is an option of [NewLoop].
type LoopOption func(*Loop)

// WithClock makes the loop run its timers by clock instead of the system's
// clock. With a clockwork.FakeClock, timers run when that clock is advanced.
// It panics with a [*UsageError] if clock is nil.
func WithClock(clock clockwork.Clock) LoopOption {
	if clock == nil {
		panic(usageErrorf("WithClock needs a clock, and was given nil; without the option the loop goes by the system's"))
	}
	return func(l *Loop) { l.clock = clock }
}

// WithExceptionHandler makes the loop call handler with failures that have
// nowhere else to go: panics of the functions that it runs and, on the future
// backend, errors that errbacks return. The loop calls handler on its own
// goroutine, with one failure at a time. Without a handler, such failures are
// logged as errors, with their tracebacks.
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
	l.begin(l.startOwn)
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

// String returns "Loop" and the loop's name, if it has one: see [WithName].
func (l *Loop) String() string {
	switch {
	case l == nil:
		return "Loop nil"
	case l.labels.name == "":
		return "Loop"
	}
	return fmt.Sprintf("Loop %q", l.labels.name)
}

// Format prints String for every verb, because fmt itself would read fields
// that other goroutines may be changing.
func (l *Loop) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(l.String())) }

// CallSoon runs fn after everything that is queued already. It panics with a
// [*UsageError] if fn is nil.
func (l *Loop) CallSoon(fn func()) {
	mustHaveBackend()
	l.mustBeMade()
	if fn == nil {
		panic(usageErrorf("CallSoon needs a function, and was given nil"))
	}
	l.queue.Push(funcTask(fn))
}

// HandleFailure passes fail to the loop's exception handler: see
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

// InLoop reports whether this goroutine is running a function of a [Loop],
// this one or any other.
func (l *Loop) InLoop() bool { return onLoop() }

// onLoop reports whether this goroutine is running a task of a loop. It looks for
// runTasks and runForeign on the stack, which takes 1 or 2 µs, and skips that if
// no loop is running a task.
func onLoop() bool {
	if turnsRunning.Load() == 0 {
		return false
	}
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 4*n)
		n = runtime.Callers(2, pcs)
	}
	return slices.ContainsFunc(pcs[:n], func(pc uintptr) bool {
		fn := runtime.FuncForPC(pc - 1)
		return fn != nil && (fn.Entry() == runTasksEntry || fn.Entry() == runForeignEntry)
	})
}

// turnsRunning counts the calls of runTasks and runForeign.
var turnsRunning atomic.Int64

var runTasksEntry = reflect.ValueOf(runTasks).Pointer()

// Turns

// begin makes a turn of what is queued and of the timers that are due, unless
// there is a rest of the last turn. If there is nothing to run, it returns
// false, and the loop rests: whoever queues something from then on calls wake,
// and the alarm is set for the timers. If wake is nil, the loop does not rest,
// and the turn may be empty. l.mu is held.
func (l *Loop) begin(wake func()) bool {
	if l.next < len(l.turn) {
		return true // a task ended the goroutine that ran it, or the loop changed hands
	}
	now := int64(math.MinInt64)
	if l.timers.next() != never {
		now = l.now()
	}
	if l.timers.next() <= now {
		wake = nil
	}
	l.turn, l.next = l.queue.Take(l.turn, wake), 0
	for l.timers.next() <= now {
		l.turn = append(l.turn, l.timers.pop())
	}
	l.counters.count(len(l.turn))
	l.resting = wake != nil && len(l.turn) == 0
	if l.resting {
		l.setAlarm()
	}
	return !l.resting
}

// runTurn runs the turn, or the rest of it. It returns the number of functions
// that were in it.
func (l *Loop) runTurn() int {
	n := len(l.turn) - l.next
	fail := runTasks(l, nil)
	for fail != nil {
		fail = runTasks(l, fail)
	}
	return n
}

// runTasks runs the rest of the turn, up to a task that panics, and returns
// the failure of that task. panicked is the failure that it returned before,
// for the exception handler. One recover for many tasks is cheaper than one
// for each. runTasks must stay a frame of its own on the stack, because onLoop
// looks for it.
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

// take removes the next task from the turn.
func (l *Loop) take() task {
	t := l.turn[l.next]
	l.turn[l.next] = nil
	l.next++
	return t
}

// Driving

// wakeOwn starts the loop's own goroutine, unless the loop has a driver by now.
// It takes no lock, because a clock may queue functions when it is asked for
// the time.
func (l *Loop) wakeOwn() {
	if l.driver.CompareAndSwap(idle, own) {
		go l.driveOwn()
	}
}

// runOwn drives the loop until there is nothing to run, or until a call of Run
// waits for the loop. It runs on the loop's own goroutine.
func (l *Loop) runOwn() {
	finished := false
	defer func() {
		if !finished {
			go l.driveOwn() // a task or the exception handler has called runtime.Goexit
		}
	}()
	l.labels.set()
	var page pageShare
	for l.stay() {
		l.queue.Pause(l.runTurn())
		page.giveTurn()
	}
	finished = true
}

// stay begins a turn, and reports whether the loop's own goroutine should run
// it. If not, the loop is idle, or has been handed to the call of Run that
// waits.
func (l *Loop) stay() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heir != nil {
		l.driver.Store(caller)
		close(l.heir)
		l.heir = nil
		return false
	}
	l.driver.Store(idle) // before begin: once the loop rests, wakeOwn may start another goroutine
	return l.begin(l.startOwn) && l.driver.CompareAndSwap(idle, own)
}

// Run drives the loop on this goroutine until ctx ends, and returns ctx's
// error. If the loop's own goroutine is running, Run waits until that has
// finished its turn. Work that is left when Run returns runs on the loop's own
// goroutine.
//
// Run returns a [*UsageError] at once if another call drives the loop, or if a
// loop is running the function that calls Run. asyncio says "this event loop
// is already running" and "cannot run the event loop while another loop is
// running".
func (l *Loop) Run(ctx context.Context) error {
	mustHaveBackend()
	l.mustBeMade()
	label := labelling{labels: &l.labels, ctx: ctx}
	defer label.end()
	return l.run(ctx, func() bool { label.begin(); return false })
}

// RunUntilComplete drives the loop on this goroutine until f is settled and
// the callbacks added to it before this call have run. If f failed, it returns
// the failure, which then counts as handled. It returns a [*UsageError] when
// [Loop.Run] does. It is asyncio's run_until_complete.
//
// If nothing settles f, RunUntilComplete runs for ever; [RunUntil] takes a
// context.
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

// RunUntil drives the loop on this goroutine until f is settled and the
// callbacks added to it before this call have run, or until ctx ends. It
// returns what [Await] does: the value, or the failure as a [*Failure], which
// then counts as handled, or ctx's error. It returns a [*UsageError] when
// [Loop.Run] does.
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

// runUntil drives the loop until ctx ends or done is called. It calls watch
// with done once it drives the loop.
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

// Drain drives the loop on this goroutine until nothing is queued and no timer
// is set, or until ctx ends: it then returns ctx's error. It waits for batched
// timers too, but not for what other goroutines have yet to queue, such as
// those of [Go]. It returns a [*UsageError] when [Loop.Run] does.
//
// On a fake clock that nobody advances, Drain waits for the timers until ctx
// ends.
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

// drained reports whether nothing is left to run, now or later. From then on,
// cancelling the last timer wakes the call of Drain.
func (l *Loop) drained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
	return l.next == len(l.turn) && l.queue.Len() == 0 && l.timers.next() == never
}

// run drives the loop until ctx ends or done returns true. It calls done
// before each turn, and again before it sleeps.
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
		if l.ready() {
			l.queue.Pause(l.runTurn())
			page.giveTurn()
		} else if !done() { // asked again, because a change before ready woke nobody
			<-l.token
			page = pageShare{}
		}
	}
	return nil
}

// ready begins a turn. If there is nothing to run, it returns false, and the
// loop rests.
func (l *Loop) ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begin(l.rouse)
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
	case l.driver.CompareAndSwap(idle, caller):
		l.mu.Unlock()
		return nil
	case l.driver.Load() == caller, l.heir != nil:
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
	if !waiting { // we became the driver in the meantime
		l.release()
	}
	return ctx.Err()
}

// pageSlice is how long a loop runs in a browser or Node.js before it pauses:
// half of the time between two frames.
const pageSlice = 8 * time.Millisecond

// A pageShare pauses a goroutine that drives a loop in a browser or Node.js. The
// page's events, timers and painting wait there until no goroutine can run, and
// a loop whose functions renew themselves can always run.
type pageShare struct{ since time.Time }

// giveTurn is called between two turns of the loop.
func (p *pageShare) giveTurn() {
	if runtime.GOOS != "js" {
		return
	}
	switch now := time.Now(); {
	case p.since.IsZero():
		p.since = now
	case now.Sub(p.since) > pageSlice && !inBubble(): // a pause would move its clock
		time.Sleep(time.Millisecond)
		p.since = time.Now()
	}
}

// release ends this goroutine's driving, also if a task ended the goroutine
// with runtime.Goexit. The loop's own goroutine runs what is left.
func (l *Loop) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = false
	l.driver.Store(idle)
	if l.begin(l.startOwn) {
		l.wakeOwn()
	}
}

// A ManualLoop is a [Loop] that runs only when it is told to, on the goroutine
// that tells it. It is the base for loops of tests, such as testutil.TestLoop.
// Functions that other goroutines queue wait until then.
//
// A type that embeds a ManualLoop can be the current loop: futures then queue
// their callbacks on the ManualLoop itself.
type ManualLoop struct {
	*Loop
	running atomic.Bool // a call of RunOnce is under way
}

// NewManualLoop returns a new loop that only its methods drive. It panics with
// a [*UsageError] if an option is nil.
func NewManualLoop(opts ...LoopOption) *ManualLoop {
	mustHaveBackend()
	l := NewLoop(opts...)
	l.driver.Store(caller)
	l.resting = false
	return &ManualLoop{Loop: l}
}

// RunOnce runs one turn of the loop and returns the number of functions that
// were in it. It is asyncio's _run_once and Twisted's runUntilCurrent. It
// panics with a [*UsageError] if another call of it is running.
func (m *ManualLoop) RunOnce() int {
	m.mustBeMade()
	if !m.running.CompareAndSwap(false, true) {
		panic(errDriven)
	}
	defer m.running.Store(false)
	m.beginTurn()
	return m.runTurn()
}

func (m *ManualLoop) beginTurn() {
	m.mu.Lock()
	defer m.mu.Unlock() // the clock may panic
	m.begin(nil)
}

// Ready reports whether there is something to run now. On the deferred backend
// that includes timers that are due, as in Twisted; on the future backend only
// those that a turn has found, as in asyncio. It panics when RunOnce does.
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
// the timer is overdue. ok is false if there is none. Twisted calls it
// timeout().
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

// Runaway returns an error for work that has renewed itself for that many
// turns at one instant. It names the function that would run next.
func (m *ManualLoop) Runaway(turns int) *UsageError {
	m.beginTurn()
	name := "one that was cancelled"
	if m.next < len(m.turn) {
		name = taskName(m.turn[m.next])
	}
	return usageErrorf("work renews itself without end: %d turns ran at one instant, and the next function is %s", turns, name)
}
