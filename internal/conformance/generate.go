package conformance

import (
	"slices"
	"strconv"
)

// Kind says what a program may contain.
type Kind struct {
	Native bool // Deferred's own methods
	Cancel bool // cancelling futures
}

// Choices make the decisions of a generator: a *rand.Rand, or a fuzzer's
// Bytes.
type Choices interface {
	IntN(n int) int // from 0 up to n
}

// Bytes are decisions, one a byte. After the last one, each decision is 0.
type Bytes []byte

// IntN implements [Choices].
func (b *Bytes) IntN(n int) int {
	if len(*b) == 0 {
		return 0
	}
	chosen := int((*b)[0]) % n
	*b = (*b)[1:]
	return chosen
}

// Generate makes a program. Its timers are due at multiples of 1/16 s and its
// time limits at multiples of 1/512 s, because both sides represent these times
// exactly. A single timer must not be due at the same time as a batch, because
// only one side rounds a batch's thirds of a second. So a program with batches
// has no callbacks that set timers: they might run in a batch. It has no time
// limits either; trace.py gives the reason.
func Generate(choices Choices, kind Kind) Program {
	g := generator{Choices: choices, kind: kind}
	g.batches = g.chance(50)
	p := g.block(0, 5+g.IntN(35))
	for _, name := range g.paused {
		p = append(p, Op{"unpause", name})
	}
	for _, name := range g.working {
		p = append(p, Op{"release", name})
	}
	return append(p, Op{"run"}, Op{"advance", longest}, Op{"run"})
}

// longest is longer than all timers of a program take, even if each is set by
// the one before.
const longest = 4000

type generator struct {
	Choices
	kind Kind

	names    int
	futures  []string // of strings, made outside of callbacks, so they certainly exist
	pending  []string // those of futures that are pending when they are made
	gathered []string
	working  []string // futures of Go
	timers   []string
	paused   []string
	limits   int  // time limits
	batches  bool // whether the program may have a batched timer; else it may have limits
	chunk    int  // of the batched timer, 0 if there is none yet
	batched  int  // calls of the batched timer
}

// maxDepth is how deep callbacks contain callbacks.
const maxDepth = 2

// maxChunks limits the chunks of a batch. With up to five, a chunk is due at the
// same time as another batch only if that time needs no rounding.
const maxChunks = 5

// A maker makes an operation, or nil if there is nothing for it to work on.
type maker struct {
	weight int
	make   func(depth int) Op
}

// makers returns the makers that are allowed at a depth.
func (g *generator) makers(depth int) []maker {
	makers := []maker{
		{10, g.create}, {18, g.add}, {14, g.resolve}, {9, g.reject}, {4, g.called}, {5, g.asFuture},
		{8, g.then}, {6, g.thenOf}, {4, g.catch}, {5, g.release},
	}
	if g.kind.Cancel {
		makers = append(makers, maker{7, g.cancel})
	}
	if g.kind.Native {
		makers = append(makers, maker{16, g.chain}, maker{6, g.both})
	}
	if depth == 0 || !g.batches {
		makers = append(makers, maker{7, g.callLater})
	}
	if !g.batches {
		makers = append(makers, maker{5, g.addTimeout})
	}
	if depth > 0 {
		return makers
	}
	makers = append(makers, []maker{
		{6, g.gather}, {5, g.goroutine}, {3, g.cancelTimer}, {7, g.advance}, {7, g.runOnce}, {4, g.run},
	}...)
	if g.batches {
		makers = append(makers, maker{6, g.batchedLater})
	}
	if g.kind.Native {
		makers = append(makers, maker{4, g.pause}, maker{6, g.unpause})
	}
	return makers
}

// block makes up to n operations.
func (g *generator) block(depth, n int) Program {
	makers, total := g.makers(depth), 0
	for _, m := range makers {
		total += m.weight
	}
	p := Program{}
	for range n {
		if op := g.pick(makers, g.IntN(total))(depth); op != nil {
			p = append(p, op)
		}
	}
	return p
}

// pick returns the maker at a place. Each maker takes as many places as its
// weight.
func (g *generator) pick(makers []maker, place int) func(depth int) Op {
	i := 0
	for ; place >= makers[i].weight; i++ {
		place -= makers[i].weight
	}
	return makers[i].make
}

func (g *generator) name(kind string) string {
	g.names++
	return kind + strconv.Itoa(g.names)
}

func (g *generator) value() string         { return "v" + strconv.Itoa(g.IntN(100)) }
func (g *generator) message() string       { return "e" + strconv.Itoa(g.IntN(100)) }
func (g *generator) chance(in100 int) bool { return g.IntN(100) >= 100-in100 }

// one returns one of names, if there are any.
func (g *generator) one(names []string) (string, bool) {
	if len(names) == 0 {
		return "", false
	}
	return names[g.IntN(len(names))], true
}

// take removes one of names and returns it, if there are any.
func (g *generator) take(names *[]string) (string, bool) {
	if len(*names) == 0 {
		return "", false
	}
	i := g.IntN(len(*names))
	name := (*names)[i]
	*names = append((*names)[:i:i], (*names)[i+1:]...)
	return name, true
}

// made notes a future that later operations may use. It ignores the futures that
// callbacks make, because a callback may never run.
func (g *generator) made(name string, depth int) {
	if depth == 0 {
		g.futures = append(g.futures, name)
	}
}

func (g *generator) create(depth int) Op {
	name := g.name("f")
	defer g.made(name, depth)
	switch pick := g.IntN(10); {
	case pick < 5:
		if depth == 0 {
			g.pending = append(g.pending, name)
		}
		return Op{"create", name}
	case pick == 5:
		return Op{"create", name, Actions{"result": g.value()}}
	case pick == 6:
		return Op{"create", name, Actions{"error": g.message()}}
	case pick == 7:
		return Op{"success", name, g.value()}
	case pick == 8:
		return Op{"failure", name, g.message()}
	}
	// A canceller does no more than this, because one that cancels its own
	// future, even indirectly, recurses without end in Twisted.
	does := Program{}
	for range g.IntN(3) {
		does = append(does, []Op{{"resolve", name, g.value()}, {"reject", name, g.message()}, {"called", name}}[g.IntN(3)])
	}
	return Op{"create", name, Actions{"canceller": does}}
}

func (g *generator) asFuture(depth int) Op {
	name := g.name("f")
	how := Actions{"return": g.value()}
	switch pick := g.IntN(10); {
	case pick < 4:
	case pick < 7 || g.kind.Native || len(g.futures) == 0: // an alias could complete a cycle of chains
		how = Actions{"raise": g.message()}
	default:
		alias, _ := g.one(g.futures)
		how = Actions{"future": alias}
	}
	g.made(name, depth)
	return Op{"as_future", name, how}
}

// Compositions and goroutines

// compose makes a composition of one of the futures, or nil if there are none. It
// sometimes prefers a future that may be pending, or one in gathered. action
// makes its function.
func (g *generator) compose(verb string, depth int, gathered []string, action func() Actions) Op {
	of, ok := g.one(g.futures)
	if !ok {
		return nil
	}
	switch {
	case depth == 0 && len(gathered) > 0 && g.chance(25):
		of, _ = g.one(gathered)
	case len(g.pending) > 0 && g.chance(40):
		of, _ = g.one(g.pending)
	}
	name := g.name("f")
	op := Op{verb, name, of, action()}
	g.made(name, depth)
	if depth == 0 && slices.Contains(g.pending, of) {
		g.pending = append(g.pending, name)
	}
	return op
}

func (g *generator) then(depth int) Op {
	return g.compose("then", depth, g.gathered, func() Actions { return g.does(true, depth) })
}

func (g *generator) catch(depth int) Op {
	return g.compose("catch", depth, nil, func() Actions { return g.does(true, depth) })
}

func (g *generator) thenOf(depth int) Op {
	return g.compose("then_of", depth, g.gathered, func() Actions {
		action := g.does(false, depth)
		if _, raises := action["raise"]; !raises {
			action["future"], _ = g.one(g.futures)
		}
		return action
	})
}

func (g *generator) goroutine(depth int) Op {
	name := g.name("f")
	g.made(name, depth)
	g.pending = append(g.pending, name)
	g.working = append(g.working, name)
	if g.chance(30) {
		return Op{"go", name, Actions{"raise": g.message()}}
	}
	return Op{"go", name, Actions{"value": g.value()}}
}

func (g *generator) release(int) Op {
	name, ok := g.one(g.working)
	if !ok {
		return nil
	}
	return Op{"release", name}
}

// action makes the actions of a callback, or nil in some cases.
func (g *generator) action(text bool, depth int) any {
	if g.chance(15) {
		return nil
	}
	return g.does(text, depth)
}

// does makes the actions of a callback. The callback may return a value of its
// own only if its future is one of strings, which text reports.
func (g *generator) does(text bool, depth int) Actions {
	action := Actions{}
	switch pick := g.IntN(100); {
	case pick < 15:
		action["raise"] = g.message()
	case pick < 40 && text:
		action["value"] = g.value()
	}
	if depth < maxDepth && g.chance(25) {
		action["do"] = g.block(depth+1, 1+g.IntN(2))
	}
	return action
}

func (g *generator) add(depth int) Op {
	text := true
	name, ok := g.one(g.futures)
	if depth == 0 && len(g.gathered) > 0 && g.chance(25) {
		text = false
		name, ok = g.one(g.gathered)
	}
	if !ok {
		return nil
	}
	callback, errback := g.action(text, depth), g.action(text, depth)
	if callback == nil && errback == nil {
		callback = Actions{}
	}
	return Op{"add", name, g.name("c"), callback, errback}
}

// onFuture makes an operation on one of the futures, or nil if there is none.
func (g *generator) onFuture(verb string, args ...func() string) Op {
	name, ok := g.one(g.futures)
	if !ok {
		return nil
	}
	op := Op{verb, name}
	for _, arg := range args {
		op = append(op, arg())
	}
	return op
}

func (g *generator) resolve(int) Op { return g.onFuture("resolve", g.value) }
func (g *generator) reject(int) Op  { return g.onFuture("reject", g.message) }
func (g *generator) called(int) Op  { return g.onFuture("called") }

func (g *generator) cancel(depth int) Op {
	if depth == 0 && len(g.gathered) > 0 && g.chance(25) {
		name, _ := g.one(g.gathered)
		return Op{"cancel", name}
	}
	return g.onFuture("cancel")
}

func (g *generator) gather(int) Op {
	members := []string{}
	for range g.IntN(5) {
		if member, ok := g.one(g.futures); ok {
			members = append(members, member)
		}
	}
	name := g.name("g")
	g.gathered = append(g.gathered, name)
	return Op{"gather", name, members, g.chance(60)}
}

// Timers

func (g *generator) callLater(depth int) Op {
	label := g.name("t")
	if depth == 0 { // a callback may never run
		g.timers = append(g.timers, label)
	}
	return Op{"call_later", label, float64(2*g.IntN(160)+1) / 16, g.fires(depth, 3)}
}

// maxLimits is how many time limits can be due when no other timer is. Timers are
// set for multiples of 1/16 s, and each limit adds a smaller bit of its own. A
// timer with the same bit was set as a result of that limit, so it is due later.
const maxLimits = 5

// addTimeout makes a time limit, in most cases of a future that may be pending.
// If the program must not cancel, the limit is too long to run out.
func (g *generator) addTimeout(depth int) Op {
	name, ok := g.one(g.futures)
	switch {
	case depth == 0 && len(g.gathered) > 0 && g.chance(25):
		name, ok = g.one(g.gathered)
	case len(g.pending) > 0 && g.chance(80):
		name, ok = g.one(g.pending)
	}
	if !ok || g.limits == maxLimits {
		return nil
	}
	seconds := float64(g.IntN(48))/16 + float64(int(1)<<g.limits)/512
	if !g.kind.Cancel {
		seconds += 2 * longest
	}
	g.limits++
	return Op{"add_timeout", g.name("l"), name, seconds}
}

// batchedLater makes a call of the program's batched timer, or the timer if
// there is none yet.
func (g *generator) batchedLater(int) Op {
	if g.chunk == 0 {
		g.chunk = []int{1, 2, 3, 100}[g.IntN(4)]
		return Op{"batched", "b", []int{1, 2, 5, 10}[g.IntN(4)], g.chunk}
	}
	if g.batched == maxChunks*g.chunk {
		return nil
	}
	g.batched++
	label := g.name("t")
	g.timers = append(g.timers, label)
	return Op{"batched_later", "b", label, float64(g.IntN(200)) / 8, g.fires(0, 2)}
}

// fires makes the operations of a timer: fewer than n, and in some cases a
// failure.
func (g *generator) fires(depth, n int) Program {
	p := Program{}
	if depth < maxDepth {
		p = g.block(depth+1, g.IntN(n))
	}
	if g.chance(10) {
		p = append(p, Op{"raise", g.message()})
	}
	return p
}

func (g *generator) cancelTimer(int) Op {
	label, ok := g.take(&g.timers)
	if !ok {
		return nil
	}
	return Op{"cancel_timer", label}
}

func (g *generator) advance(int) Op { return Op{"advance", float64(1+g.IntN(99)) / 8} }
func (g *generator) runOnce(int) Op { return Op{"run_once"} }
func (g *generator) run(int) Op     { return Op{"run"} }

// Deferred's own methods

// chain makes an earlier future wait for a later one, so there is no cycle.
func (g *generator) chain(int) Op {
	if len(g.futures) < 2 {
		return nil
	}
	later := 1 + g.IntN(len(g.futures)-1)
	return Op{"chain", g.futures[g.IntN(later)], g.name("c"), g.futures[later]}
}

func (g *generator) both(depth int) Op {
	name, ok := g.one(g.futures)
	if !ok {
		return nil
	}
	return Op{"both", name, g.name("c"), g.does(true, depth)}
}

func (g *generator) pause(int) Op {
	op := g.onFuture("pause")
	if op != nil {
		g.paused = append(g.paused, op[1].(string))
	}
	return op
}

func (g *generator) unpause(int) Op {
	name, ok := g.take(&g.paused)
	if !ok {
		return nil
	}
	return Op{"unpause", name}
}
