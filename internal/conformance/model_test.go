//go:build deferred || future

package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// Concurrent calls on a future have the same results as sequential calls in some
// order. Goroutines call functions on the same futures. The test records when
// each call began and ended, its answer, and the arguments of callbacks. Then it
// searches for an order of the calls in which the backend's sequential model,
// modelState, gives the same answers and runs the same callbacks with the same
// arguments.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	loop := txaio.NewLoop()
	defer testutil.ReplaceLoop(loop)()
	for round := range 4000 {
		histories := randomHistories(random)
		perform(t, histories, random.Uint64())
		for _, h := range histories {
			if !h.explained() {
				t.Fatalf("seed %d, round %d: no order of the calls explains this\n%s", seed, round, h)
			}
		}
	}
}

// A history is a record of the calls on one future and of its callbacks.
type history struct {
	f       *txaio.Future[string]
	mode    cancelMode
	cancels atomic.Int64 // how often the canceller was called
	calls   [][]*modelCall
	// The callbacks, in the order in which they ran. There is no lock, because
	// no two run at once. If two did, the race detector would report it.
	events []string
	final  string // the result of Await in the end
}

// A modelCall is a call on a future by one of the goroutines.
type modelCall struct {
	verb         string
	n            int
	began, ended int64
	answer       string
	composed     *txaio.Future[string] // by "then" and "catch"
	dropped      bool                  // there is a "drop" of it
	of           *modelCall            // the one whose composed future "drop" cancels
}

// A cancelMode says which canceller a future has.
type cancelMode uint8

const (
	noCanceller cancelMode = iota
	idleCanceller
	resolvingCanceller
	rejectingCanceller
)

var modelVerbs = []string{"resolve", "reject", "cancel", "add", "add", "add", "add", "then", "catch", "drop", "called", "pause"}

// randomHistories makes two futures and the calls of a few goroutines on them.
func randomHistories(random *rand.Rand) []*history {
	histories := make([]*history, 2)
	workers := 2 + random.IntN(3)
	for i := range histories {
		h := &history{mode: cancelMode(random.IntN(4)), calls: make([][]*modelCall, workers+1)}
		n := 0
		for worker := range workers {
			for range random.IntN(5) {
				n++
				c := &modelCall{verb: modelVerbs[random.IntN(len(modelVerbs))], n: n}
				if c.verb == "drop" && !c.drops(h.calls[worker]) {
					c.verb = "then"
				}
				h.calls[worker] = append(h.calls[worker], c)
			}
		}
		// Called in the end, when the other goroutines have finished.
		h.calls[workers] = []*modelCall{{verb: "resolve", n: n + 1}, {verb: "add", n: n + 2}}
		var opts []txaio.FutureOption[string]
		if h.mode != noCanceller {
			opts = append(opts, txaio.WithCanceller(h.canceller))
		}
		h.f = txaio.CreateFuture(opts...)
		histories[i] = h
	}
	return histories
}

// drops makes c cancel the future that one of the earlier calls composed, if
// there is one.
func (c *modelCall) drops(earlier []*modelCall) bool {
	for _, of := range earlier {
		if (of.verb == "then" || of.verb == "catch") && !of.dropped {
			of.dropped, c.of = true, of
			return true
		}
	}
	return false
}

// perform makes the calls of the histories, on a goroutine for each worker.
func perform(t *testing.T, histories []*history, seed uint64) {
	var (
		clock atomic.Int64
		wg    sync.WaitGroup
		start = make(chan struct{})
	)
	workers := len(histories[0].calls) - 1
	for worker := range workers {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			<-start
			next := make([]int, len(histories))
			for {
				var open []int
				for i, h := range histories {
					if next[i] < len(h.calls[worker]) {
						open = append(open, i)
					}
				}
				if len(open) == 0 {
					return
				}
				i := open[random.IntN(len(open))]
				histories[i].do(histories[i].calls[worker][next[i]], &clock)
				next[i]++
				for range random.IntN(3) {
					runtime.Gosched()
				}
			}
		})
	}
	close(start)
	wg.Wait()
	for _, h := range histories {
		for _, c := range h.calls[workers] {
			h.do(c, &clock)
		}
		done := make(chan struct{})
		txaio.AddCallbacks(h.f, func(v string) (string, error) { close(done); return v, nil },
			func(fail *txaio.Failure) (string, error) { close(done); return "", fail })
		<-done
		value, err := txaio.Await(context.Background(), h.f)
		if h.final = value; err != nil {
			h.final = "!" + describe(err.(*txaio.Failure))
		}
		for _, calls := range h.calls {
			for _, c := range calls {
				if c.composed != nil {
					h.checkComposed(t, c)
				}
			}
		}
	}
}

// checkComposed checks the outcome of the future that Then, ThenOf or Catch
// returned. It depends on whether the function was called.
func (h *history) checkComposed(t *testing.T, c *modelCall) {
	value, err := txaio.Await(context.Background(), c.composed)
	got := "passed by"
	for _, event := range h.events {
		if given, is := strings.CutPrefix(event, modelEvent(c.n, "")); is {
			got = given
		}
	}
	switch {
	case c.dropped && errors.Is(err, txaio.ErrCancelled):
	case got == "passed by" && (err != nil) == (c.verb == "then"):
	case got != "passed by" && err == nil && value == composedOf(c.n, got):
	default:
		t.Errorf("%s %d got %s, and its future %q, %v\n%s", c.verb, c.n, got, value, err, h)
	}
}

func (h *history) do(c *modelCall, clock *atomic.Int64) {
	c.began = clock.Add(1)
	switch c.verb {
	case "resolve":
		c.answer = settleAnswer(txaio.Resolve(h.f, fmt.Sprint("v", c.n)))
	case "reject":
		c.answer = settleAnswer(txaio.Reject(h.f, errors.New(fmt.Sprint("e", c.n))))
	case "cancel":
		txaio.Cancel(h.f)
	case "drop":
		txaio.Cancel(c.of.composed)
	case "called":
		c.answer = fmt.Sprint(txaio.IsCalled(h.f))
	case "pause":
		pauseForAWhile(h.f)
	case "add":
		h.add(c.n)
	case "then":
		c.composed = h.then(c.n)
	case "catch":
		c.composed = txaio.Catch(h.f, func(fail *txaio.Failure) (string, error) {
			return h.compose(c.n, "!"+describe(fail)), nil
		})
	}
	c.ended = clock.Add(1)
}

func settleAnswer(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func (h *history) canceller(f *txaio.Future[string]) {
	h.cancels.Add(1)
	if txaio.UsingFuture {
		h.events = append(h.events, "canceller")
	}
	switch h.mode {
	case resolvingCanceller:
		txaio.Resolve(f, "vc")
	case rejectingCanceller:
		txaio.Reject(f, errors.New("ec"))
	}
}

// add adds the pair of callbacks that has the number n.
func (h *history) add(n int) {
	txaio.AddCallbacks(h.f, func(v string) (string, error) {
		h.events = append(h.events, modelEvent(n, v))
		switch n % 5 {
		case 1:
			return v + "'", nil
		case 2:
			return v, errors.New(fmt.Sprint("x", n))
		case 3:
			panic(errors.New(fmt.Sprint("x", n)))
		}
		return v, nil
	}, func(fail *txaio.Failure) (string, error) {
		h.events = append(h.events, modelEvent(n, "!"+describe(fail)))
		if n%5 >= 3 {
			return fmt.Sprint("r", n), nil
		}
		return "", fail
	})
}

// then calls Then or, if n is odd, ThenOf. The function for ThenOf returns a
// settled future, or another goroutine's.
func (h *history) then(n int) *txaio.Future[string] {
	if n%2 == 0 {
		return txaio.Then(h.f, func(v string) (string, error) { return h.compose(n, v), nil })
	}
	return txaio.ThenOf(h.f, func(v string) (*txaio.Future[string], error) {
		composed := h.compose(n, v)
		if n%4 == 1 {
			return txaio.CreateFutureSuccess(composed), nil
		}
		return txaio.Go(func(context.Context) (string, error) { return composed, nil }), nil
	})
}

func (h *history) compose(n int, outcome string) string {
	h.events = append(h.events, modelEvent(n, outcome))
	return composedOf(n, outcome)
}

func composedOf(n int, outcome string) string { return fmt.Sprintf("%d of %s", n, outcome) }

// In the model, a byte stands for a pair or a function that waits for a future:
// the number of the pair, or that of the function of Then or Catch with one of
// these bits.
const (
	isThen  = 0x40
	isCatch = 0x80
)

// waiter returns the byte for the pair or function that a call adds.
func (c *modelCall) waiter() byte {
	return byte(c.n) | map[string]byte{"then": isThen, "catch": isCatch}[c.verb]
}

// composes runs the function of Then or Catch in the model, if waiter is one and
// the outcome is for it. It does not change the outcome. The function need not run
// if one of the calls cancels the composed future, even if the source is settled.
func (m *modelState) composes(s *search, waiter byte) (is, possible bool) {
	switch failed := m.outcome[0] == '!'; {
	case waiter&(isThen|isCatch) == 0:
		return false, true
	case failed != (waiter&isCatch != 0):
		return true, true
	}
	n := int(waiter &^ (isThen | isCatch))
	return true, s.dropped(n) && !s.ran(n) || m.happens(s, modelEvent(n, m.outcome))
}

// dropped reports whether the future that call n composed is cancelled.
func (h *history) dropped(n int) bool {
	for _, calls := range h.calls {
		for _, c := range calls {
			if c.n == n {
				return c.dropped
			}
		}
	}
	return false
}

// ran reports whether the callback or function with the number n ran.
func (h *history) ran(n int) bool {
	return slices.ContainsFunc(h.events, func(event string) bool { return strings.HasPrefix(event, modelEvent(n, "")) })
}

func modelEvent(n int, outcome string) string { return fmt.Sprintf("%d got %s", n, outcome) }

// pairResult returns the result of the pair with the number n for an outcome, as
// the callback or errback of history.add returns it.
func pairResult(n int, outcome string) string {
	failed := strings.HasPrefix(outcome, "!")
	switch {
	case failed && n%5 >= 3:
		return fmt.Sprint("r", n)
	case failed:
		return outcome
	case n%5 == 1:
		return outcome + "'"
	case n%5 == 2 || n%5 == 3:
		return fmt.Sprint("!error x", n)
	}
	return outcome
}

// A search looks for the order of the calls.
type search struct {
	*history
	tried map[any]bool
}

// A place is how far each goroutine has come.
type place struct {
	state modelState
	calls [8]uint8
	steps [8]uint8 // of the call; some take several
}

// explained reports whether some order of the calls explains the history.
func (h *history) explained() bool {
	s := search{h, map[any]bool{}}
	return s.from(place{state: modelState{mode: h.mode}})
}

func (s *search) from(at place) bool {
	if s.tried[at] {
		return false
	}
	s.tried[at] = true
	finished := true
	for worker := range s.calls {
		c := s.current(at, worker)
		if c == nil {
			continue
		}
		finished = false
		if !s.mayRun(at, c) {
			continue
		}
		next := at
		answer, done, possible := next.state.step(s, c, int(at.steps[worker]))
		if next.steps[worker]++; done {
			next.steps[worker] = 0
			next.calls[worker]++
			possible = possible && answer == c.answer
		}
		if possible && s.from(next) {
			return true
		}
	}
	return finished && at.state.happened == len(s.events) && at.state.outcome == s.final && at.state.cancels == int(s.cancels.Load())
}

func (s *search) current(at place, worker int) *modelCall {
	if done := int(at.calls[worker]); done < len(s.calls[worker]) {
		return s.calls[worker][done]
	}
	return nil
}

// mayRun reports whether all calls that ended before c began have run.
func (s *search) mayRun(at place, c *modelCall) bool {
	for worker := range s.calls {
		if other := s.current(at, worker); other != nil && other.ended < c.began {
			return false
		}
	}
	return true
}

// happens reports whether an event is the next one that was observed.
func (m *modelState) happens(s *search, event string) bool {
	m.happened++
	return m.happened <= len(s.events) && s.events[m.happened-1] == event
}

func (h *history) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "canceller %d, called %d times\n", h.mode, h.cancels.Load())
	for worker, calls := range h.calls {
		for _, c := range calls {
			fmt.Fprintf(&text, "goroutine %d from %d to %d: %s %d = %q\n", worker, c.began, c.ended, c.verb, c.n, c.answer)
		}
	}
	fmt.Fprintf(&text, "events: %s\nfinally: %s", strings.Join(h.events, "; "), h.final)
	return text.String()
}

// A modelCase is a history, written "1-4 resolve 5 ok; 5-6 add 10 | 2-3 cancel
// 6": the first call lasts from time 1 to 4, and a bar separates goroutines.
// "idle" gives the future a canceller that does nothing; it is called once if one
// of the calls is "cancel". "drop 2" cancels the future that "then 2" or "catch 2"
// of the same goroutine composed.
type modelCase struct {
	explained             bool
	final, events, script string
}

func checkModel(t *testing.T, cases []modelCase) {
	for _, c := range cases {
		h := &history{final: c.final}
		if c.events != "" {
			h.events = strings.Split(c.events, "; ")
		}
		script, idle := strings.CutPrefix(c.script, "idle; ")
		if idle {
			h.mode = idleCanceller
			h.cancels.Store(int64(min(strings.Count(script, "cancel"), 1)))
		}
		for worker := range strings.SplitSeq(script, " | ") {
			var calls []*modelCall
			for line := range strings.SplitSeq(worker, "; ") {
				call := &modelCall{}
				fmt.Sscanf(line, "%d-%d %s %d %s", &call.began, &call.ended, &call.verb, &call.n, &call.answer)
				if call.answer == "already" {
					call.answer = settleAnswer(txaio.ErrAlreadyCalled)
				}
				if call.verb == "drop" {
					call.drops(calls)
				}
				calls = append(calls, call)
			}
			h.calls = append(h.calls, calls)
		}
		if got := h.explained(); got != c.explained {
			t.Errorf("explained() = %t of\n%s", got, h)
		}
	}
}
