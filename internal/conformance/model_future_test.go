//go:build future

package conformance

import (
	"fmt"
	"testing"

	"github.com/txaio-go/txaio"
)

// pauseForAWhile is for Deferreds.
func pauseForAWhile(*txaio.Future[string]) {}

// A modelState is a future in the model. It is comparable, so that the search
// tries no state twice.
type modelState struct {
	mode     cancelMode
	settled  bool
	outcome  string
	waiting  string // numbers of the pairs that wait, a byte each
	cancels  int
	happened int // how many of the events
}

// step takes one step of a call in the model, asyncio's future: all callbacks get
// the same outcome.
func (m *modelState) step(s *search, c *modelCall, _ int) (answer string, done, possible bool) {
	possible = true
	switch c.verb {
	case "resolve", "reject", "cancel", "drop":
		if m.settled {
			if c.verb == "resolve" || c.verb == "reject" {
				answer = settleAnswer(txaio.ErrAlreadyCalled)
			}
			break
		}
		m.settled = true
		switch c.verb {
		case "resolve":
			answer, m.outcome = "ok", fmt.Sprint("v", c.n)
		case "reject":
			answer, m.outcome = "ok", fmt.Sprint("!error e", c.n)
		case "cancel", "drop":
			if m.outcome = "!cancelled"; m.mode != noCanceller {
				m.cancels++
				possible = m.happens(s, "canceller")
			}
		}
		for _, waiter := range []byte(m.waiting) {
			possible = possible && m.runs(s, waiter)
		}
		m.waiting = ""
	case "add", "then", "catch":
		if !m.settled {
			m.waiting += string([]byte{c.waiter()})
			break
		}
		possible = m.runs(s, c.waiter())
	case "called":
		answer = fmt.Sprint(m.settled)
	}
	return answer, true, possible
}

// runs runs a pair or function that waited. If a pair's callback fails, its own
// errback gets the error.
func (m *modelState) runs(s *search, waiter byte) bool {
	if is, possible := m.composes(s, waiter); is {
		return possible
	}
	n := int(waiter)
	possible := m.happens(s, modelEvent(n, m.outcome))
	if result := pairResult(n, m.outcome); m.outcome[0] != '!' && result[0] == '!' {
		possible = possible && m.happens(s, modelEvent(n, result))
	}
	return possible
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
		// Cancelled too late, and in time.
		{true, "v5", "", "1-4 resolve 5 ok | 2-3 cancel 6"},
		{false, "!cancelled", "", "1-4 resolve 5 ok | 2-3 cancel 6"},
		{true, "!cancelled", "", "1-4 resolve 5 already | 2-3 cancel 6"},
		{true, "!cancelled", "", "1-4 called 5 true | 2-3 cancel 6"},
		{false, "!cancelled", "", "1-2 called 5 true | 3-4 cancel 6"},
		// Callbacks that ran with another outcome, in another order, not at
		// all and twice.
		{true, "v5", "10 got v5; 15 got v5", "1-2 add 10; 3-4 add 15; 5-6 resolve 5 ok"},
		{false, "v5", "10 got v5; 15 got v6", "1-2 add 10; 3-4 add 15; 5-6 resolve 5 ok"},
		{false, "v5", "15 got v5; 10 got v5", "1-2 add 10; 3-4 add 15; 5-6 resolve 5 ok"},
		{true, "v5", "15 got v5; 10 got v5", "1-6 add 10 | 3-4 add 15; 5-6 resolve 5 ok"},
		{false, "v5", "10 got v5", "1-2 add 10; 3-4 add 15; 5-6 resolve 5 ok"},
		{false, "v5", "10 got v5; 10 got v5", "1-2 add 10; 5-6 resolve 5 ok"},
		{false, "", "10 got v5", "1-2 add 10"},
		// A callback's error goes to the errback of the same pair and nowhere else.
		{true, "v5", "2 got v5; 2 got !error x2; 10 got v5", "1-2 add 2; 3-4 resolve 5 ok; 5-6 add 10"},
		{false, "v5", "2 got v5; 10 got !error x2", "1-2 add 2; 3-4 resolve 5 ok; 5-6 add 10"},
		// Then and Catch get the same outcome as the callbacks.
		{true, "v5", "11 got v5; 2 got v5", "1-2 add 11; 3-4 then 2; 5-6 catch 3; 7-8 resolve 5 ok"},
		{false, "v5", "11 got v5", "1-2 add 11; 3-4 then 2; 7-8 resolve 5 ok"},
		{true, "!cancelled", "4 got !cancelled; 6 got !cancelled", "1-2 then 2; 3-4 catch 4; 5-6 catch 6; 7-8 cancel 1"},
		{false, "!cancelled", "2 got !cancelled", "1-2 then 2; 7-8 cancel 1"},
		// Cancelling what Then returned cancels the future; the function may have run.
		{true, "!cancelled", "", "1-2 then 2; 3-4 drop 2"},
		{false, "v5", "", "1-2 then 2; 3-4 drop 2; 5-6 resolve 5 ok"},
		{true, "v5", "2 got v5", "1-2 then 2; 3-4 drop 2 | 1-4 resolve 5 ok"},
		{true, "v5", "", "1-2 then 2; 3-4 drop 2 | 1-4 resolve 5 ok"},
		{false, "v5", "", "1-2 then 2 | 1-4 resolve 5 ok"},
		// The canceller, before the others or not at all.
		{true, "!cancelled", "canceller; 10 got !cancelled", "idle; 1-2 add 10; 3-4 cancel 1"},
		{false, "!cancelled", "10 got !cancelled; canceller", "idle; 1-2 add 10; 3-4 cancel 1"},
		{false, "!cancelled", "10 got !cancelled", "idle; 1-2 add 10; 3-4 cancel 1"},
	})
}
