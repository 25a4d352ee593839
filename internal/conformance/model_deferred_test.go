//go:build deferred

package conformance

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/txaio-go/txaio"
)

// pauseForAWhile delays the callbacks and changes nothing else, so the model
// ignores it.
func pauseForAWhile(f *txaio.Future[string]) {
	f.Pause()
	runtime.Gosched()
	f.Unpause()
}

// A modelState is a future in the model. It is comparable, so that the search
// tries no state twice.
type modelState struct {
	mode     cancelMode
	settled  bool
	outcome  string
	waiting  string // numbers of the pairs that wait, a byte each
	cancels  int
	happened int  // how many of the events
	swallow  bool // the next resolve or reject is swallowed
	givenUp  bool // the canceller was called
}

// step takes one step of a call in the model, Twisted's Deferred: each callback
// gets the result of the one before.
func (m *modelState) step(s *search, c *modelCall, step int) (answer string, done, possible bool) {
	done, possible = true, true
	switch c.verb {
	case "resolve":
		answer, possible = m.settle(s, fmt.Sprint("v", c.n))
	case "reject":
		answer, possible = m.settle(s, fmt.Sprint("!error e", c.n))
	case "cancel", "drop":
		done, possible = m.cancel(s, step)
	case "add", "then", "catch":
		m.waiting += string([]byte{c.waiter()})
		possible = m.run(s)
	case "called":
		answer = fmt.Sprint(m.settled)
	}
	return answer, done, possible
}

func (m *modelState) settle(s *search, outcome string) (answer string, possible bool) {
	switch {
	case m.settled && m.swallow:
		m.swallow = false
		return "ok", true
	case m.settled:
		return settleAnswer(txaio.ErrAlreadyCalled), true
	}
	m.settled, m.outcome = true, outcome
	return "ok", m.run(s)
}

// cancel calls the canceller and then, a step later, fails the Deferred if it is
// still pending. Other calls may run between the two steps.
func (m *modelState) cancel(s *search, step int) (done, possible bool) {
	switch {
	case step == 0 && (m.settled || m.givenUp):
		return true, true
	case m.mode == noCanceller:
		_, possible = m.settle(s, "!cancelled")
		m.swallow = true
		return true, possible
	case step == 0:
		m.givenUp = true
		m.cancels++
		return false, true
	case step == 1 && m.mode == resolvingCanceller:
		_, possible = m.settle(s, "vc")
		return false, possible
	case step == 1 && m.mode == rejectingCanceller:
		_, possible = m.settle(s, "!error ec")
		return false, possible
	case step == 1:
		return false, true
	}
	_, possible = m.settle(s, "!cancelled")
	return true, possible
}

// run runs the pairs that wait, if the Deferred is settled.
func (m *modelState) run(s *search) bool {
	for m.settled && m.waiting != "" {
		waiter := m.waiting[0]
		m.waiting = m.waiting[1:]
		if is, possible := m.composes(s, waiter); !possible {
			return false
		} else if is {
			continue
		}
		n := int(waiter)
		if !m.happens(s, modelEvent(n, m.outcome)) {
			return false
		}
		m.outcome = pairResult(n, m.outcome)
	}
	return true
}

// The model accepts possible histories and rejects impossible ones.
func TestModelRefuses(t *testing.T) {
	checkModel(t, []modelCase{
		{true, "v5", "", "0-0 resolve 5 ok"},
		{false, "v6", "", "0-0 resolve 5 ok"},
		{false, "v5", "", "0-0 resolve 5 already"},
		// Settled twice, at the same time and one after the other.
		{false, "v5", "", "1-4 resolve 5 ok | 2-3 reject 6 ok"},
		{true, "v5", "", "1-4 resolve 5 ok | 2-3 reject 6 already"},
		{false, "v5", "", "3-4 resolve 5 ok | 1-2 reject 6 already"},
		// Cancelled too late, and in time: then it swallows one attempt to settle.
		{true, "v5", "", "1-4 resolve 5 ok | 2-3 cancel 6"},
		{true, "!cancelled", "", "1-4 resolve 5 ok | 2-3 cancel 6"},
		{false, "!cancelled", "", "1-4 resolve 5 already | 2-3 cancel 6"},
		{true, "!cancelled", "", "3-4 resolve 5 ok; 5-6 resolve 7 already | 1-2 cancel 6"},
		{false, "!cancelled", "", "3-4 resolve 5 ok; 5-6 resolve 7 ok | 1-2 cancel 6"},
		{true, "!cancelled", "", "1-4 called 5 true | 2-3 cancel 6"},
		{false, "!cancelled", "", "1-2 called 5 true | 3-4 cancel 6"},
		// Callbacks that ran with another value, in another order, not at all
		// and twice.
		{true, "v5''", "11 got v5; 16 got v5'", "1-2 add 11; 3-4 add 16; 5-6 resolve 5 ok"},
		{false, "v5''", "11 got v5; 16 got v5", "1-2 add 11; 3-4 add 16; 5-6 resolve 5 ok"},
		{false, "v5''", "16 got v5; 11 got v5'", "1-2 add 11; 3-4 add 16; 5-6 resolve 5 ok"},
		{true, "v5''", "16 got v5; 11 got v5'", "1-6 add 11 | 3-4 add 16; 5-6 resolve 5 ok"},
		{false, "v5'", "11 got v5", "1-2 add 11; 3-4 add 16; 5-6 resolve 5 ok"},
		{false, "v5''", "11 got v5; 11 got v5'", "1-2 add 11; 5-6 resolve 5 ok"},
		{false, "", "11 got v5", "1-2 add 11"},
		// A callback's error goes to the next pair, whose errback may handle it.
		{true, "r4", "2 got v5; 10 got !error x2; 4 got !error x2", "1-2 add 2; 3-4 resolve 5 ok; 5-6 add 10; 7-8 add 4"},
		{false, "v5", "2 got v5; 2 got !error x2", "1-2 add 2; 3-4 resolve 5 ok"},
		// Then and Catch get the result of the callbacks so far, and do not change it.
		{true, "v5'", "11 got v5; 2 got v5'", "1-2 add 11; 3-4 then 2; 5-6 catch 3; 7-8 resolve 5 ok"},
		{false, "v5'", "11 got v5; 2 got v5", "1-2 add 11; 3-4 then 2; 5-6 catch 3; 7-8 resolve 5 ok"},
		{false, "v5'", "11 got v5", "1-2 add 11; 3-4 then 2; 7-8 resolve 5 ok"},
		{true, "!cancelled", "4 got !cancelled; 6 got !cancelled", "1-2 then 2; 3-4 catch 4; 5-6 catch 6; 7-8 cancel 1"},
		{false, "!cancelled", "2 got !cancelled", "1-2 then 2; 7-8 cancel 1"},
		// Cancelling what Then returned cancels the future; the function may have run.
		{true, "!cancelled", "", "1-2 then 2; 3-4 drop 2"},
		{false, "v5", "", "1-2 then 2; 3-4 drop 2; 5-6 resolve 5 ok"},
		{true, "v5", "2 got v5", "1-2 then 2; 3-4 drop 2 | 1-4 resolve 5 ok"},
		{true, "v5", "", "1-2 then 2; 3-4 drop 2 | 1-4 resolve 5 ok"},
		{false, "v5", "", "1-2 then 2 | 1-4 resolve 5 ok"},
		// Other calls may run between the canceller and the failure.
		{true, "!cancelled", "10 got !cancelled", "idle; 1-2 add 10; 3-4 cancel 1"},
		{true, "v5", "10 got v5", "idle; 1-2 add 10; 3-6 cancel 1 | 4-5 resolve 5 ok"},
		{false, "v5", "10 got v5", "idle; 1-2 add 10; 3-4 cancel 1 | 5-6 resolve 5 ok"},
		{false, "!cancelled", "10 got !cancelled", "idle; 1-2 add 10; 3-4 cancel 1 | 5-6 resolve 5 ok"},
	})
}
