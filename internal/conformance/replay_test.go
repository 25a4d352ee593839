//go:build deferred || future

package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// testdata has programs and the events that they left on Python's txaio, with
// Twisted and with asyncio. On this package they leave the same events.

type recording struct {
	ID      string            `json:"id"`
	Program []json.RawMessage `json:"program"`
	Twisted []string          `json:"twisted"`
	Asyncio []string          `json:"asyncio"`
}

func (r recording) want() []string {
	if txaio.UsingDeferred {
		return r.Twisted
	}
	return r.Asyncio
}

func TestGoldenPrograms(t *testing.T)   { replayFile(t, "testdata/golden.jsonl", 500) }
func TestComposedPrograms(t *testing.T) { replayFile(t, "testdata/composed.jsonl", 200) }

func replayFile(t *testing.T, name string, count int) {
	recordings := readRecordings(t, name)
	if len(recordings) != count {
		t.Fatalf("%s has %d programs, not %d", name, len(recordings), count)
	}
	for _, r := range recordings {
		t.Run(r.ID, func(t *testing.T) {
			got := replay(t, r.Program)
			if diff := firstDifference(got, r.want()); diff != "" {
				t.Errorf("program %s\n%s", r.Program, diff)
			}
		})
	}
}

func readRecordings(t *testing.T, name string) []recording {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var recordings []recording
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recording
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		recordings = append(recordings, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return recordings
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("event %d differs\n got: %s\nwant: %s", i, strings.Join(got, "; "), strings.Join(want, "; "))
		}
	}
	return ""
}

// operations returns a program as the interpreter reads it.
func operations(t *testing.T, p Program) (ops []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, p)), &ops); err != nil {
		t.Fatal(err)
	}
	return ops
}

// replay runs a program and returns its events.
func replay(t *testing.T, ops []json.RawMessage) (events []string) {
	interpret(t, func(in *interpreter) {
		in.steps(ops)
		events = in.events
	})
	return events
}

// interpret calls run with a new interpreter, whose loop is the current one. It
// does so in a bubble, which knows when a goroutine of the program has ended.
func interpret(t *testing.T, run func(in *interpreter)) {
	synctest.Test(t, func(t *testing.T) {
		in := newInterpreter(t)
		defer testutil.ReplaceLoop(in.loop)()
		defer in.end()
		run(in)
	})
}

func newInterpreter(t *testing.T) *interpreter {
	in := &interpreter{
		t:       t,
		futures: map[string]node{},
		working: map[string]chan bool{},
		timers:  map[string]txaio.DelayedCall{},
		batched: map[string]*txaio.BatchedTimer{},
	}
	in.loop = testutil.NewTestLoop(txaio.WithExceptionHandler(func(fail *txaio.Failure) {
		in.note("handler %s", firstLine(fail.Value()))
	}))
	return in
}

type interpreter struct {
	t       *testing.T
	loop    *testutil.TestLoop
	events  []string
	futures map[string]node
	working map[string]chan bool // functions of Go: true when they are released, false when the program ends
	timers  map[string]txaio.DelayedCall
	batched map[string]*txaio.BatchedTimer
	added   func(label string, f txaio.AnyFuture, callback, errback bool) // called for each addition, unless nil
}

// node is a future of any type.
type node interface {
	txaio.AnyFuture
	add(in *interpreter, label string, callback, errback *action)
	addTimeout(in *interpreter, label string, delay time.Duration)
	then(in *interpreter, name string, a *action) *txaio.Future[string]
	thenOf(in *interpreter, name string, a *action) *txaio.Future[string]
}

type plain struct{ *txaio.Future[string] }

type gathered struct {
	*txaio.Future[[]txaio.Result[string]]
}

// action describes a callback, or the function of a composition, which may
// return a future.
type action struct {
	Value  *string           `json:"value"`
	Raise  *string           `json:"raise"`
	Future *string           `json:"future"`
	Do     []json.RawMessage `json:"do"`
}

type outcome struct {
	Result    *string           `json:"result"`
	Error     *string           `json:"error"`
	Canceller []json.RawMessage `json:"canceller"`
	Return    *string           `json:"return"`
	Raise     *string           `json:"raise"`
	Future    *string           `json:"future"`
}

func (in *interpreter) note(format string, args ...any) {
	in.events = append(in.events, fmt.Sprintf(format, args...))
}

// args decodes an operation's arguments.
func (in *interpreter) args(op []json.RawMessage, targets ...any) {
	in.t.Helper()
	for i, target := range targets {
		if i+1 < len(op) {
			if err := json.Unmarshal(op[i+1], target); err != nil {
				in.t.Fatalf("argument %d of %s: %v", i, op, err)
			}
		}
	}
}

func (in *interpreter) steps(ops []json.RawMessage) {
	for _, op := range ops {
		in.step(op)
	}
}

func (in *interpreter) step(raw json.RawMessage) {
	var (
		op               []json.RawMessage
		kind, name, of   string
		label, value     string
		does             action
		how              outcome
		callback, errbak *action
		seconds          float64
		ops              []json.RawMessage
	)
	if err := json.Unmarshal(raw, &op); err != nil {
		in.t.Fatal(err)
	}
	in.args(append([]json.RawMessage{nil}, op...), &kind)
	switch kind {
	case "create":
		in.args(op, &name, &how)
		var opts []txaio.FutureOption[string]
		if how.Result != nil {
			opts = append(opts, txaio.WithResult(*how.Result))
		}
		if how.Error != nil {
			opts = append(opts, txaio.WithError[string](errors.New(*how.Error)))
		}
		if how.Canceller != nil {
			opts = append(opts, txaio.WithCanceller(func(*txaio.Future[string]) {
				in.note("%s canceller", name)
				in.steps(how.Canceller)
			}))
		}
		in.futures[name] = plain{txaio.CreateFuture(opts...)}
	case "success":
		in.args(op, &name, &value)
		in.futures[name] = plain{txaio.CreateFutureSuccess(value)}
	case "failure":
		in.args(op, &name, &value)
		in.futures[name] = plain{txaio.CreateFutureError[string](errors.New(value))}
	case "as_future":
		in.args(op, &name, &how)
		in.futures[name] = plain{in.asFuture(name, how)}
	case "add":
		in.args(op, &name, &label, &callback, &errbak)
		in.futures[name].add(in, label, callback, errbak)
	case "resolve":
		in.args(op, &name, &value)
		in.settled("resolve", name, txaio.Resolve(in.plain(name), value))
	case "reject":
		in.args(op, &name, &value)
		in.settled("reject", name, txaio.Reject(in.plain(name), errors.New(value)))
	case "cancel":
		in.args(op, &name)
		in.note("cancel %s", name)
		txaio.Cancel(future(in.futures[name]))
	case "called":
		in.args(op, &name)
		answer := "no"
		if txaio.IsCalled(future(in.futures[name])) {
			answer = "yes"
		}
		in.note("called %s %s", name, answer)
	case "gather":
		var members []string
		var consume bool
		in.args(op, &name, &members, &consume)
		futures := make([]*txaio.Future[string], len(members))
		for i, member := range members {
			futures[i] = in.plain(member)
		}
		in.futures[name] = gathered{txaio.Gather(futures, consume)}
	case "then":
		in.args(op, &name, &of, &does)
		in.futures[name] = plain{in.futures[of].then(in, name, &does)}
	case "then_of":
		in.args(op, &name, &of, &does)
		in.futures[name] = plain{in.futures[of].thenOf(in, name, &does)}
	case "catch":
		in.args(op, &name, &of, &does)
		in.futures[name] = plain{in.catch(name, in.plain(of), &does)}
	case "go":
		in.args(op, &name, &does)
		in.futures[name] = plain{in.start(name, &does)}
	case "release":
		in.args(op, &name)
		in.release(name)
	case "add_timeout":
		in.args(op, &label, &name, &seconds)
		in.futures[name].addTimeout(in, label, duration(seconds))
	case "call_later":
		in.args(op, &label, &seconds, &ops)
		in.timers[label] = txaio.CallLater(duration(seconds), in.timer(label, ops))
	case "batched":
		var chunk int
		in.args(op, &name, &seconds, &chunk)
		in.batched[name] = txaio.MakeBatchedTimer(duration(seconds), chunk)
	case "batched_later":
		in.args(op, &name, &label, &seconds, &ops)
		in.timers[label] = in.batched[name].CallLater(duration(seconds), in.timer(label, ops))
	case "cancel_timer":
		in.args(op, &label)
		in.timers[label].Cancel()
	case "advance":
		in.args(op, &seconds)
		in.loop.Advance(duration(seconds))
		in.note("now %s", in.now())
	case "run_once":
		in.loop.RunOnce()
		in.note("ran once")
	case "run":
		in.loop.RunUntilIdle()
		in.note("idle")
	default:
		in.native(kind, op)
	}
}

func (in *interpreter) plain(name string) *txaio.Future[string] {
	return in.futures[name].(plain).Future
}

func future(n node) txaio.AnyFuture {
	if p, is := n.(plain); is {
		return p.Future
	}
	return n.(gathered).Future
}

func (in *interpreter) asFuture(name string, how outcome) *txaio.Future[string] {
	if how.Future != nil {
		return txaio.AsFutureOf(func() (*txaio.Future[string], error) {
			in.note("%s called", name)
			return in.plain(*how.Future), nil
		})
	}
	return txaio.AsFuture(func() (string, error) {
		in.note("%s called", name)
		if how.Raise != nil {
			return "", errors.New(*how.Raise)
		}
		return *how.Return, nil
	})
}

func (in *interpreter) settled(verb, name string, err error) {
	switch err {
	case nil:
		in.note("%s %s ok", verb, name)
	case txaio.ErrAlreadyCalled:
		in.note("%s %s already", verb, name)
	default:
		in.t.Fatalf("%s %s: %v", verb, name, err)
	}
}

func (in *interpreter) timer(label string, ops []json.RawMessage) func() {
	return func() {
		in.note("%s fired @%s", label, in.now())
		for _, op := range ops {
			var raise []string
			if json.Unmarshal(op, &raise) == nil && len(raise) == 2 && raise[0] == "raise" {
				panic(errors.New(raise[1]))
			}
			in.step(op)
		}
	}
}

func (in *interpreter) now() string {
	return fmt.Sprintf("%dms", in.loop.Now().Sub(time.Unix(0, 0)).Round(time.Millisecond).Milliseconds())
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func (p plain) add(in *interpreter, label string, callback, errback *action) {
	addAction(in, p.Future, label, callback, errback, show)
}

func (p plain) addTimeout(in *interpreter, label string, delay time.Duration) {
	addTimeout(in, p.Future, label, delay, show)
}

func (g gathered) add(in *interpreter, label string, callback, errback *action) {
	addAction(in, g.Future, label, callback, errback, showResults)
}

func (g gathered) addTimeout(in *interpreter, label string, delay time.Duration) {
	addTimeout(in, g.Future, label, delay, showResults)
}

func addAction[T any](in *interpreter, f *txaio.Future[T], label string, callback, errback *action, show func(T) string) {
	var cb func(T) (T, error)
	var eb func(*txaio.Failure) (T, error)
	if callback != nil {
		cb = func(value T) (T, error) {
			in.note("%s callback %s", label, show(value))
			return act(in, callback, value, nil)
		}
	}
	if errback != nil {
		eb = func(fail *txaio.Failure) (T, error) {
			in.note("%s errback %s", label, describe(fail))
			return act(in, errback, *new(T), fail)
		}
	}
	in.adding(label, f, cb != nil, eb != nil)
	txaio.AddCallbacks(f, cb, eb)
}

// addTimeout notes the outcome of the future with the time limit, and the time.
func addTimeout[T any](in *interpreter, f *txaio.Future[T], label string, delay time.Duration, show func(T) string) {
	limited := txaio.AddTimeout(f, delay)
	in.adding(label, limited, true, true)
	txaio.AddCallbacks(limited, func(value T) (T, error) {
		in.note("%s limited %s @%s", label, show(value), in.now())
		return value, nil
	}, func(fail *txaio.Failure) (T, error) {
		in.note("%s limited !%s @%s", label, describe(fail), in.now())
		return *new(T), fail
	})
}

func (p plain) then(in *interpreter, name string, a *action) *txaio.Future[string] {
	return thenAction(in, p.Future, name, a, show, passText)
}

func (p plain) thenOf(in *interpreter, name string, a *action) *txaio.Future[string] {
	return thenOfAction(in, p.Future, name, a, show)
}

func (g gathered) then(in *interpreter, name string, a *action) *txaio.Future[string] {
	return thenAction(in, g.Future, name, a, showResults, showResults)
}

func (g gathered) thenOf(in *interpreter, name string, a *action) *txaio.Future[string] {
	return thenOfAction(in, g.Future, name, a, showResults)
}

func passText(value string) string { return value }

func thenAction[T any](in *interpreter, f *txaio.Future[T], name string, a *action, show, pass func(T) string) *txaio.Future[string] {
	in.adding(name, f, true, false)
	return txaio.Then(f, func(value T) (string, error) {
		in.note("%s then %s", name, show(value))
		return act(in, a, pass(value), nil)
	})
}

func thenOfAction[T any](in *interpreter, f *txaio.Future[T], name string, a *action, show func(T) string) *txaio.Future[string] {
	in.adding(name, f, true, false)
	return txaio.ThenOf(f, func(value T) (*txaio.Future[string], error) {
		in.note("%s then_of %s", name, show(value))
		if _, err := act(in, a, "", nil); err != nil {
			return nil, err
		}
		return in.plain(*a.Future), nil
	})
}

func (in *interpreter) catch(name string, f *txaio.Future[string], a *action) *txaio.Future[string] {
	in.adding(name, f, false, true)
	return txaio.Catch(f, func(fail *txaio.Failure) (string, error) {
		in.note("%s catch %s", name, describe(fail))
		return act(in, a, "", fail)
	})
}

// start calls Go with a function that does nothing until it is released.
func (in *interpreter) start(name string, a *action) *txaio.Future[string] {
	released := make(chan bool)
	in.working[name] = released
	return txaio.Go(func(ctx context.Context) (string, error) {
		if <-released {
			in.note("%s returns %s", name, map[bool]string{true: "in time", false: "cancelled"}[ctx.Err() == nil])
		}
		return act(in, a, "", nil)
	})
}

// release lets the function of a call of Go return, once. It returns when the
// settling of the future is queued.
func (in *interpreter) release(name string) {
	if released := in.working[name]; released != nil {
		delete(in.working, name)
		released <- true
		synctest.Wait()
	}
}

// end ends the goroutines that are left.
func (in *interpreter) end() {
	for _, released := range in.working {
		close(released)
	}
}

func (in *interpreter) adding(label string, f txaio.AnyFuture, callback, errback bool) {
	if in.added != nil {
		in.added(label, f, callback, errback)
	}
}

// act performs an action. By default, an action passes the argument on.
func act[T any](in *interpreter, a *action, value T, fail *txaio.Failure) (T, error) {
	in.steps(a.Do)
	switch {
	case a.Raise != nil:
		return value, errors.New(*a.Raise)
	case a.Value != nil:
		return any(*a.Value).(T), nil
	case fail != nil:
		return value, fail
	}
	return value, nil
}

func describe(fail *txaio.Failure) string {
	switch fail.Value().(type) {
	case *txaio.CancelledError:
		return "cancelled"
	case *txaio.TimeoutError:
		return "timed out"
	}
	return "error " + firstLine(fail.Value())
}

func show(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

func showResults(results []txaio.Result[string]) string {
	shown := make([]string, len(results))
	for i, r := range results {
		if shown[i] = show(r.Value); r.Failure != nil {
			shown[i] = "!" + describe(r.Failure)
		}
	}
	return "[" + strings.Join(shown, ",") + "]"
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
