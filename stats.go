package txaio

import "time"

// LoopStats is what a loop has done and what it has to do: see [Loop.Stats].
// As JSON, durations are nanoseconds.
type LoopStats struct {
	// Name is the loop's: see [WithName].
	Name string `json:"name"`
	// Ready is how many functions wait for the next turn.
	Ready int `json:"ready"`
	// Timers is how many timers are set.
	Timers int `json:"timers"`
	// Turns is how many turns have begun that had something to run.
	Turns uint64 `json:"turns"`
	// Run is how many functions these turns had to run.
	Run uint64 `json:"run"`
	// LongestTurn is the number of functions in the largest turn.
	LongestTurn int `json:"longest_turn"`
	// Longest is the longest that one function has held the loop. Functions are
	// timed only in debug mode (see [SetDebug]) and while runtime/trace is on:
	// reading the clock costs as much as running a function.
	Longest time.Duration `json:"longest_ns"`
}

// counters are what a loop counts, guarded by its lock.
type counters struct {
	turns       uint64
	run         uint64
	longestTurn int
	longest     time.Duration
}

// turn counts a turn of n functions.
func (c *counters) turn(n int) {
	c.turns++
	c.run += uint64(n)
	c.longestTurn = max(c.longestTurn, n)
}

// Stats returns the loop's counters. They are kept once a turn, under a lock
// that is taken anyway, and so cost nothing. What it returns marshals to JSON,
// as expvar.Func needs it.
func (l *Loop) Stats() LoopStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LoopStats{
		Name:        l.labels.name,
		Ready:       len(l.ready),
		Timers:      len(l.timers.entries),
		Turns:       l.counters.turns,
		Run:         l.counters.run,
		LongestTurn: l.counters.longestTurn,
		Longest:     l.counters.longest,
	}
}
