//go:build js && wasm

package browserloop

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"github.com/txaio-go/txaio"
)

// ErrPageGone is the error of operations that can't finish because the page is being
// left.
var ErrPageGone = errors.New("browserloop: the page is gone")

const (
	// slice is how long a turn runs functions before the page can run: half the
	// time between two frames.
	slice = 8 * time.Millisecond
	// farewell is how long functions still run when the page is being left.
	farewell = 200 * time.Millisecond
	// maxTimeout is the longest delay, in milliseconds, that setTimeout takes.
	maxTimeout = math.MaxInt32
)

// An EventLoop is a txaio.EventLoop on the event loop of the page. Make one with
// [New].
//
// It runs its functions in turns. Each turn is a task of the page's: it runs the
// timers that are due and the queued functions, for at most 8 ms. Between two turns
// the page paints, handles input and runs its own timers, even if a function queues
// itself again and again. To make this work, a turn begins with a message on a
// MessageChannel, because the alternatives are worse:
//
//   - queueMicrotask runs all microtasks, those that they queue included, before
//     the page gets its turn. Such a function would freeze the page.
//   - setTimeout waits 4 ms if one timer sets the next, and a second if the tab is
//     in the background.
//
// The loop has its own timers, and runs them in the order in which they are due. It
// sets one timer of the page for the earliest. A zero delay needs none, and means the
// next turn. The page may prolong other delays, to a second and more in the
// background. It never shortens them.
//
// Functions run on a goroutine of their own. One that blocks, on a channel say,
// holds up the loop but not the page; one that computes holds up both. A panic
// goes to [EventLoop.HandleFailure], runtime.Goexit ends only that function.
//
// If the page is left for good, pending promises and futures of this package fail with
// [ErrPageGone]. The loop runs functions that are already queued, for 200 ms more.
// Later calls of CallSoon and CallLater fail with ErrPageGone, see HandleFailure. If
// the user may come back to the page, nothing of this happens.
type EventLoop struct {
	epoch time.Time
	post  func() // queues a task that begins a turn
	ring  js.Func

	mu      sync.Mutex
	ready   []func()
	timers  timers
	made    int  // how many timers were made
	posted  bool // a task that begins a turn is queued
	running bool // a turn is running
	alarm   js.Value
	alarmAt int64     // math.MaxInt64 if no alarm is set
	closing time.Time // when the page was left; zero before
}

// New returns a new loop. A page needs only one.
func New() *EventLoop {
	l := &EventLoop{epoch: time.Now(), alarmAt: math.MaxInt64}
	l.post = poster(js.FuncOf(func(js.Value, []js.Value) any {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.posted = false
		l.start()
		return nil
	}))
	l.ring = js.FuncOf(func(js.Value, []js.Value) any {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.alarmAt = math.MaxInt64
		l.start()
		return nil
	})
	onPageGone(l.close)
	return l
}

// poster returns a function that queues a task for the page, after the page's other
// tasks.
func poster(task js.Func) func() {
	// Node.js also has MessageChannel, but doesn't exit while a port listens.
	if js.Global().Get("setImmediate").Type() == js.TypeFunction {
		return func() { js.Global().Call("setImmediate", task) }
	}
	channel := js.Global().Get("MessageChannel").New()
	channel.Get("port1").Set("onmessage", task)
	port := channel.Get("port2")
	return func() { port.Call("postMessage", js.Null()) }
}

// Now returns the system's time when the loop was made, plus the time since then on the
// clock of performance.now and of the page's timers. Setting the system's clock does
// not affect it.
func (l *EventLoop) Now() time.Time { return l.epoch.Add(time.Since(l.epoch)) }

// now is Now on the loop's time line.
func (l *EventLoop) now() int64 { return int64(time.Since(l.epoch)) }

// CallSoon runs fn in a turn that begins later, after the functions that are already
// queued.
func (l *EventLoop) CallSoon(fn func()) {
	if fn == nil {
		panic("browserloop: CallSoon needs a function, and was given nil")
	}
	if err := l.queue(fn); err != nil {
		l.HandleFailure(txaio.CreateFailure(err))
	}
}

func (l *EventLoop) queue(fn func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed() {
		return fmt.Errorf("%w, and a function given to CallSoon won't run", ErrPageGone)
	}
	l.ready = append(l.ready, fn)
	l.wake()
	return nil
}

// wake makes sure that a turn begins. l.mu is held.
func (l *EventLoop) wake() {
	switch {
	case l.running || l.posted:
	case l.closing.IsZero():
		l.posted = true
		l.post()
	default:
		l.start() // the page begins no task any more
	}
}

// start begins a turn on a new goroutine, because a function that blocks here would
// block the page. l.mu is held.
func (l *EventLoop) start() {
	if !l.running {
		l.running = true
		go l.turn()
	}
}

// InLoop reports whether the running goroutine is running a function of the loop, or
// one that JavaScript has called. Waiting there would block the loop, or the page.
func (l *EventLoop) InLoop() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(1, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(1, pcs)
	}
	for frames := runtime.CallersFrames(pcs[:n]); ; {
		frame, more := frames.Next()
		switch {
		case frame.Function == "syscall/js.handleEvent",
			strings.HasSuffix(frame.Function, "/browserloop.(*EventLoop).call"):
			return true
		case !more:
			return false
		}
	}
}

// HandleFailure reports a failure that nothing else handles to the page, as an error
// event on the window. The console shows it, unless a listener prevents that.
func (l *EventLoop) HandleFailure(fail *txaio.Failure) {
	if report := js.Global().Get("reportError"); report.Type() == js.TypeFunction {
		report.Invoke(errorToJS(fail))
		return
	}
	js.Global().Get("console").Call("error", errorToJS(fail))
}

// turn runs one turn.
func (l *EventLoop) turn() {
	defer l.endTurn() // also if a function calls runtime.Goexit
	l.queueTimers()
	for end := time.Now().Add(slice); time.Now().Before(end); {
		fn := l.take()
		if fn == nil {
			return
		}
		l.call(fn)
	}
}

// queueTimers queues the timers that are due.
func (l *EventLoop) queueTimers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for now := l.now(); len(l.timers) > 0 && l.timers[0].when <= now; {
		l.ready = append(l.ready, heap.Pop(&l.timers).(*timer).run)
	}
}

// take takes the next function off the queue, nil if there is none.
func (l *EventLoop) take() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ready) == 0 {
		return nil
	}
	fn := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	return fn
}

// call calls fn. InLoop finds its frame on the stack.
//
//go:noinline
func (l *EventLoop) call(fn func()) {
	defer func() {
		if value := recover(); value != nil {
			l.HandleFailure(panicFailure(value))
		}
	}()
	fn()
}

// endTurn makes the next turn begin when there is something to run.
func (l *EventLoop) endTurn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = false
	switch {
	case l.closed():
		if n := len(l.ready); n > 0 {
			l.ready = nil
			go l.HandleFailure(txaio.CreateFailure(fmt.Errorf("%w before %d functions have run", ErrPageGone, n)))
		}
	case len(l.ready) > 0:
		l.wake()
	default:
		l.ready = nil // free its memory
		l.setAlarm()
	}
}

// close runs the queued functions while the page is being left.
func (l *EventLoop) close() {
	failBridges(ErrPageGone)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = time.Now()
	l.start()
}

// closed reports whether the page is gone and nothing runs any more. l.mu is held.
func (l *EventLoop) closed() bool {
	return !l.closing.IsZero() && time.Since(l.closing) > farewell
}
