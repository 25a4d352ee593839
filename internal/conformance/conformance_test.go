//go:build conformance && (deferred || future)

package conformance

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

var (
	conformancePrograms = flag.Int("programs", 2000, "how many programs to compare")
	conformanceSeed     = flag.Uint64("seed", 0, "the seed of the programs; 0: a new one")
	conformancePython   = flag.String("python", "/usr/bin/python3", "the Python that has txaio and Twisted")
)

// New random programs leave the same events here and on Python's txaio. See
// docs/conformance.md.
func TestConformance(t *testing.T) {
	python := startPython(t)
	if *conformanceSeed == 0 {
		*conformanceSeed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d programs from seed %d, compared with %v", *conformancePrograms, *conformanceSeed, python.versions)
	random := rand.New(rand.NewPCG(*conformanceSeed, 0))
	// Before 22.2.1, cancelling on asyncio did not work with Python 3.8 and later.
	cancel := txaio.UsingDeferred || !olderThan(python.versions["txaio"], 22, 2, 1)
	started, events, leftOut := time.Now(), 0, 0
	for n := range *conformancePrograms {
		p := Generate(random, Kind{Native: txaio.UsingDeferred && n%3 == 0, Cancel: cancel})
		want, got := python.both(p)
		if want == nil {
			leftOut++
			continue
		}
		if events += len(want); firstDifference(got, want) == "" {
			continue
		}
		p = Shrink(p, func(p Program) bool {
			want, got := python.both(p)
			return want != nil && firstDifference(got, want) != ""
		})
		want, got = python.both(p)
		t.Fatalf("program %d of seed %d, made as small as possible:\n%s\n%s", n, *conformanceSeed, text(t, p), firstDifference(got, want))
	}
	t.Logf("the same %d events in %v; with cancelling: %t", events, time.Since(started).Round(time.Millisecond), cancel)
	if txaio.UsingDeferred {
		t.Logf("%d programs left out: they chain to a running Deferred", leftOut)
	}
}

func olderThan(version string, major, minor, patch int) bool {
	var v [3]int
	fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2])
	for i, want := range []int{major, minor, patch} {
		if v[i] != want {
			return v[i] < want
		}
	}
	return false
}

// pythonTxaio is a process that runs programs on Python's txaio.
type pythonTxaio struct {
	t        *testing.T
	in       io.Writer
	out      *bufio.Reader
	versions map[string]string
}

func startPython(t *testing.T) *pythonTxaio {
	framework := "asyncio"
	if txaio.UsingDeferred {
		framework = "twisted"
	}
	cmd := exec.Command(*conformancePython, "internal/conformance/trace.py", framework)
	cmd.Dir = "../.." // make's paths are relative to it
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: make conformance installs the packages that are needed", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	python := &pythonTxaio{t: t, in: in, out: bufio.NewReader(out)}
	python.read(&python.versions)
	return python
}

// read reads a line of JSON.
func (python *pythonTxaio) read(into any) {
	python.t.Helper()
	line, err := python.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		python.t.Fatalf("%s answered %q: %v", *conformancePython, line, err)
	}
}

// both runs a program on both sides, at the same time. want is nil if the two
// differ on purpose.
func (python *pythonTxaio) both(p Program) (want, got []string) {
	python.t.Helper()
	if _, err := fmt.Fprintf(python.in, "%s\n", text(python.t, p)); err != nil {
		python.t.Fatal(err)
	}
	got = replayProgram(python.t, p)
	python.read(&want)
	return limitsLast(want), limitsLast(got)
}

// limitsLast moves the events of futures with a time limit to the end, on the
// future backend, and sorts them. In asyncio such a future belongs to a task,
// wait_for, which takes more turns of the loop. The outcome and the time are the
// same.
func limitsLast(events []string) []string {
	if txaio.UsingDeferred {
		return events
	}
	isLimit := func(event string) bool { return strings.Contains(event, " limited ") }
	var limits []string
	for _, event := range events {
		if isLimit(event) {
			limits = append(limits, event)
		}
	}
	slices.Sort(limits)
	return append(slices.DeleteFunc(events, isLimit), limits...)
}

// replayProgram is replay for a program that may make this side panic. The
// panic becomes an event.
func replayProgram(t *testing.T, p Program) (events []string) {
	interpret(t, func(in *interpreter) {
		defer func() {
			events = in.events
			if value := recover(); value != nil {
				events = append(events, strings.TrimSpace(fmt.Sprintf("panic %v", value)))
			}
		}()
		in.steps(operations(t, p))
	})
	return events
}
