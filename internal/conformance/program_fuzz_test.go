//go:build deferred || future

package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// addRandom adds seed inputs, the same each time.
func addRandom(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for n := range 100 {
		data := make([]byte, 5*n)
		random.Read(data)
		f.Add(data)
	}
}

// Every program keeps the promises of a future: it is settled once, and so on.
// The recorded programs and TestConformance check the exact events.
func FuzzProgram(f *testing.F) {
	addRandom(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2000 {
			return // no program uses more
		}
		choices := Bytes(data)
		p := Generate(&choices, Kind{Native: txaio.UsingDeferred, Cancel: true})
		if broken := brokenPromises(t, p); len(broken) > 0 {
			small := Shrink(p, func(p Program) bool { return len(brokenPromises(t, p)) > 0 })
			t.Errorf("%s\nprogram %s\nas small as it goes %s\nwhere %s", strings.Join(broken, "\n"),
				text(t, p), text(t, small), strings.Join(brokenPromises(t, small), "\n"))
		}
	})
}

// An addition is a pair of callbacks, or one function, that was added.
type addition struct {
	label             string
	f                 txaio.AnyFuture
	callback, errback bool
	called, erred     int // how often each ran
}

// brokenPromises runs a program and returns the promises that it broke.
func brokenPromises(t *testing.T, p Program) (broken []string) {
	interpret(t, func(in *interpreter) { broken = judged(in, p) })
	return broken
}

func judged(in *interpreter, p Program) (broken []string) {
	j := &judge{interpreter: in, byLabel: map[string]*addition{}, last: map[txaio.AnyFuture]int{}}
	j.interpreter.added = j.add
	func() {
		defer func() {
			if value := recover(); value != nil {
				j.breaks("a panic came out: %v", value)
			}
		}()
		j.steps(operations(in.t, p))
	}()
	j.events = append(j.events, "") // so that none is the last
	before := len(j.events)
	j.loop.Advance(time.Hour)
	j.loop.RunUntilIdle()
	for _, event := range j.events[before:] {
		j.breaks("after the end: %s", event)
	}
	j.read(j.events[:before-1])
	j.missing(p)
	return j.broken
}

// A judge finds broken promises in the events of a program.
type judge struct {
	*interpreter
	additions []*addition
	byLabel   map[string]*addition
	last      map[txaio.AnyFuture]int // the place of the addition that ran last
	broken    []string
}

func (j *judge) add(label string, f txaio.AnyFuture, callback, errback bool) {
	a := &addition{label: label, f: f, callback: callback, errback: errback}
	if j.byLabel[label] != nil {
		j.breaks("%s was added twice, so the code that adds it ran twice", label)
	}
	j.byLabel[label] = a
	j.additions = append(j.additions, a)
}

func (j *judge) breaks(format string, args ...any) {
	j.broken = append(j.broken, fmt.Sprintf(format, args...))
}

// read goes through the events.
func (j *judge) read(events []string) {
	settled := map[txaio.AnyFuture]int{}
	swallows := map[txaio.AnyFuture]bool{}
	known := map[txaio.AnyFuture]bool{} // as settled
	for _, event := range events {
		words := strings.Fields(event)
		if len(words) < 2 {
			continue // the program has run, or is idle
		}
		var f txaio.AnyFuture
		if n, is := j.futures[words[1]]; is {
			f = future(n)
		}
		switch {
		case words[0] == "cancel":
			swallows[f] = txaio.UsingDeferred
		case words[0] == "resolve" || words[0] == "reject":
			if words[2] == "ok" {
				settled[f]++
			}
			known[f] = true
		case words[0] == "called":
			if yes := words[2] == "yes"; yes {
				known[f] = true
			} else if known[f] {
				j.breaks("%s, and it was settled before", event)
			}
		case j.byLabel[words[0]] != nil:
			j.ran(j.byLabel[words[0]], words[1] == "errback")
		}
	}
	for f, n := range settled {
		if n > 1 && !(n == 2 && swallows[f]) {
			j.breaks("a future was settled %d times", n)
		}
	}
}

// ran notes that one of a pair has run.
func (j *judge) ran(a *addition, errback bool) {
	if errback {
		a.erred++
	} else {
		a.called++
	}
	if a.called > 1 || a.erred > 1 || txaio.UsingDeferred && a.called+a.erred > 1 {
		j.breaks("%s ran %d times, its errback %d times", a.label, a.called, a.erred)
	}
	place := 0
	for j.additions[place] != a {
		place++
	}
	if place < j.last[a.f] {
		j.breaks("%s ran after %s, which was added after it", a.label, j.additions[j.last[a.f]].label)
	}
	j.last[a.f] = place
}

// missing finds pairs that should have run. In a chain that depends on the
// results of the others, so it looks only at programs without chains.
func (j *judge) missing(p Program) {
	chains := false
	settles := map[string]bool{} // from Then and Catch: the source settles it
	p.walk(func(op Op) {
		chains = chains || op[0] == "chain"
		if op[0] == "then" || op[0] == "catch" {
			settles[op[1].(string)] = true
		}
	})
	if chains {
		return
	}
	for _, a := range j.additions {
		if a.f.IsCalled() && a.callback && a.errback && a.called+a.erred == 0 {
			j.breaks("%s never ran, and its future is settled", a.label)
		}
		if !a.f.IsCalled() && a.called+a.erred > 0 {
			j.breaks("%s ran, and its future is not settled", a.label)
		}
		if a.f.IsCalled() && settles[a.label] && !future(j.futures[a.label]).IsCalled() {
			j.breaks("%s is not settled, but the future that it waits for is", a.label)
		}
	}
}
