// Package conformance makes random programs of operations on futures and timers.
// If a program shows a difference, the package makes it smaller. A program is JSON:
// an interpreter in Go runs it on this module, and one in Python on Python's txaio.
// The tests replay recorded programs and new ones. They also check concurrent calls
// against a sequential model. See docs/conformance.md.
package conformance

import "maps"

// A Program is a list of operations.
type Program []Op

// An Op is the operation's name and its arguments: names, values, actions,
// other programs.
type Op []any

// Actions describe a callback, an errback or a canceller of an operation. The
// entries "do" and "canceller" are programs.
type Actions = map[string]any

// nested returns op with fn applied to each program inside.
func (op Op) nested(fn func(Program) Program) Op {
	changed := make(Op, len(op))
	for i, arg := range op {
		switch arg := arg.(type) {
		case Program:
			changed[i] = fn(arg)
		case Actions:
			actions := maps.Clone(arg)
			for key, value := range arg {
				if inner, is := value.(Program); is {
					actions[key] = fn(inner)
				}
			}
			changed[i] = actions
		default:
			changed[i] = arg
		}
	}
	return changed
}

// walk calls visit with each operation, an outer one before those inside.
func (p Program) walk(visit func(Op)) {
	for _, op := range p {
		visit(op)
		op.nested(func(inner Program) Program {
			inner.walk(visit)
			return inner
		})
	}
}

// Valid reports whether everything that an operation refers to exists: its
// future, its timer, the pause that it ends.
func (p Program) Valid() bool {
	valid := true
	known := map[string]bool{}
	pauses := map[string]int{}
	p.walk(func(op Op) {
		need := func(args ...any) {
			for _, name := range args {
				valid = valid && known[name.(string)]
			}
		}
		switch op[0] {
		case "create", "success", "failure", "batched", "call_later", "go":
		case "as_future":
			if alias, is := op[2].(Actions)["future"]; is {
				need(alias)
			}
		case "then", "then_of", "catch":
			need(op[2])
			if inner, is := op[3].(Actions)["future"]; is {
				need(inner)
			}
		case "gather":
			for _, member := range op[2].([]string) {
				need(member)
			}
		case "add_timeout":
			need(op[2])
		case "batched_later":
			need(op[1])
			known[op[2].(string)] = true
			return
		case "chain":
			need(op[1], op[3])
			return
		case "pause":
			need(op[1])
			pauses[op[1].(string)]++
			return
		case "unpause":
			need(op[1])
			pauses[op[1].(string)]--
			valid = valid && pauses[op[1].(string)] >= 0
			return
		case "advance", "run_once", "run", "raise":
			return
		default:
			need(op[1])
			return
		}
		known[op[1].(string)] = true
	})
	return valid
}
