package txaiovet

import (
	"go/ast"
	"go/types"
	"slices"
)

// A pass is a way in which a function returns its argument.
type pass uint8

const (
	passesValue    pass = iota // return v
	passesResult               // return v, nil
	passesFailure              // return zero, fail
	passesOnlyZero             // return _, nil
)

// passesOn reports whether call calls functions of this package that return the
// argument of the surrounding function.
func (f *flow) passesOn(call *ast.CallExpr, state facts, how pass) bool {
	i := slices.IndexFunc(call.Args, func(e ast.Expr) bool { return f.value(e, state).isArg })
	if i < 0 {
		return false
	}
	called := f.c.functions(call.Fun)
	return len(called) > 0 && !slices.ContainsFunc(called, func(fn *function) bool { return !f.c.passes(fn, i, how) })
}

// A passing is a question about a function: whether it returns its i-th
// argument.
type passing struct {
	body *ast.BlockStmt
	i    int
	how  pass
}

// passes reports whether a function returns its i-th argument on every path.
func (c *checker) passes(fn *function, i int, how pass) bool {
	key := passing{fn.body, i, how}
	passes, known := c.passings[key]
	if known {
		return passes
	}
	c.passings[key] = false // for a function that calls itself
	arg := c.param(fn, i)
	passes = arg != nil
	if passes {
		c.returns(fn, arg, func(f *flow, ret *ast.ReturnStmt, state facts) {
			passes = passes && f.hands(fn, ret, state, how)
		})
	}
	c.passings[key] = passes
	return passes
}

// hands reports whether a return statement returns the argument.
func (f *flow) hands(fn *function, ret *ast.ReturnStmt, state facts, how pass) bool {
	want := 2
	if how == passesValue {
		want = 1
	}
	var values []fact
	switch {
	case len(ret.Results) == want:
		for _, e := range ret.Results {
			values = append(values, f.value(e, state))
		}
		// A nil pointer is an error that is not nil.
		if last := ret.Results[want-1]; want == 2 && !f.c.info.Types[last].IsNil() && !types.IsInterface(f.c.info.TypeOf(last)) {
			values[1].constant = ""
		}
	case len(ret.Results) == 0:
		for i := range want {
			values = append(values, state[f.c.fieldObject(fn.typ.Results, i)])
		}
	case len(ret.Results) == 1:
		call, ok := ast.Unparen(ret.Results[0]).(*ast.CallExpr)
		return ok && f.passesOn(call, state, how)
	default:
		return false
	}
	if len(ret.Results) > 0 && f.deferredChange(fn) {
		return false
	}
	switch how {
	case passesValue:
		return isArgument(values[0], state)
	case passesResult:
		return isArgument(values[0], state) && values[1].constant == isNil
	case passesFailure:
		return values[1].isArg
	default:
		return values[1].constant == isNil
	}
}

// isArgument reports whether a value is the argument, or a constant that the
// argument is known to equal.
func isArgument(value fact, state facts) bool {
	if value.isArg {
		return true
	}
	if value.constant != "" {
		for _, known := range state {
			if known.isArg && known.constant == value.constant {
				return true
			}
		}
	}
	return false
}

// deferredChange reports whether a deferred function assigns the results.
func (f *flow) deferredChange(fn *function) bool {
	changes := false
	ast.Inspect(fn.body, func(n ast.Node) bool {
		deferred, ok := n.(*ast.DeferStmt)
		if !ok {
			return true
		}
		ast.Inspect(deferred, func(n ast.Node) bool {
			assign, ok := n.(*ast.AssignStmt)
			if !ok {
				return true
			}
			for _, e := range assign.Lhs {
				obj := f.changed(e)
				for i := range 2 {
					changes = changes || obj != nil && obj == f.c.fieldObject(fn.typ.Results, i)
				}
			}
			return true
		})
		return true
	})
	return changes
}
