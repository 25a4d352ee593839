package txaiovet

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"

	"golang.org/x/tools/go/cfg"
)

// A fact is knowledge of a variable's value at one place of a function.
type fact struct {
	isArg    bool   // it is the argument that the function was given
	constant string // it equals this constant; "" if that is not known
}

// The constant for nil. No other constant is written in this way.
const isNil = "nil"

// Facts are the variables of which something is known.
type facts map[types.Object]fact

func (s facts) set(obj types.Object, value fact) {
	if value == (fact{}) {
		delete(s, obj)
	} else {
		s[obj] = value
	}
}

// meet returns the facts that both have.
func (s facts) meet(other facts) facts {
	both := make(facts)
	for obj, a := range s {
		b := other[obj]
		if a.constant != b.constant {
			a.constant = ""
		}
		a.isArg = a.isArg && b.isArg
		both.set(obj, a)
	}
	return both
}

// A flow follows the argument of a function to its return statements.
type flow struct {
	c     *checker
	tags  map[ast.Stmt]ast.Expr              // the tag of the switch that a clause is in
	lost  map[types.Object]bool              // the variables of range statements, of which nothing is known
	typed map[*ast.AssignStmt][]types.Object // the variables of a type switch, one for each clause
}

// returns calls visit for each return statement that can be reached, with the facts
// there. arg is the parameter to follow, and may be nil.
func (c *checker) returns(fn *function, arg types.Object, visit func(*flow, *ast.ReturnStmt, facts)) {
	f := &flow{c, make(map[ast.Stmt]ast.Expr), make(map[types.Object]bool), make(map[*ast.AssignStmt][]types.Object)}
	f.prepare(fn.body)
	start := make(facts)
	if arg != nil {
		start[arg] = fact{isArg: true}
	}
	if fn.typ.Results != nil {
		for _, field := range fn.typ.Results.List {
			for _, name := range field.Names {
				start.set(c.info.Defs[name], zeroFact(c.info.TypeOf(field.Type)))
			}
		}
	}
	graph := cfg.New(fn.body, func(call *ast.CallExpr) bool { return !neverReturns(call) })
	in := map[*cfg.Block]facts{graph.Blocks[0]: start}
	for work := []*cfg.Block{graph.Blocks[0]}; len(work) > 0; {
		block := work[0]
		work = work[1:]
		out := maps.Clone(in[block])
		for _, n := range block.Nodes {
			f.step(n, out)
		}
		for i, succ := range block.Succs {
			next := maps.Clone(out)
			if len(block.Succs) == 2 {
				f.branch(block, i == 0, next)
			}
			old, seen := in[succ]
			if seen {
				next = old.meet(next)
			}
			if !seen || !maps.Equal(old, next) {
				in[succ] = next
				work = append(work, succ)
			}
		}
	}
	for _, block := range graph.Blocks {
		state, reached := in[block]
		if !reached {
			continue
		}
		state = maps.Clone(state)
		for _, n := range block.Nodes {
			if ret, ok := n.(*ast.ReturnStmt); ok && ret.Return.IsValid() {
				visit(f, ret, state)
			}
			f.step(n, state)
		}
	}
}

func (f *flow) prepare(body *ast.BlockStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SwitchStmt:
			if n.Tag != nil {
				for _, clause := range n.Body.List {
					f.tags[clause] = n.Tag
				}
			}
		case *ast.TypeSwitchStmt:
			if assign, ok := n.Assign.(*ast.AssignStmt); ok {
				for _, clause := range n.Body.List {
					if obj := f.c.info.Implicits[clause]; obj != nil {
						f.typed[assign] = append(f.typed[assign], obj)
					}
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if obj := f.changed(e); obj != nil {
						f.lost[obj] = true
					}
				}
			}
		}
		return true
	})
}

// step updates the facts for a node of the graph.
func (f *flow) step(n ast.Node, state facts) {
	defer func() {
		for obj := range f.lost {
			delete(state, obj)
		}
	}()
	switch n := n.(type) {
	case *ast.AssignStmt:
		f.closures(n, state)
		f.assign(n, state)
	case *ast.ValueSpec:
		f.closures(n, state)
		for i, name := range n.Names {
			switch {
			case len(n.Values) == len(n.Names):
				state.set(f.c.info.Defs[name], f.value(n.Values[i], state))
			case len(n.Values) == 0:
				state.set(f.c.info.Defs[name], zeroFact(f.c.info.TypeOf(name)))
			}
		}
	case *ast.IncDecStmt:
		delete(state, f.changed(n.X))
	default:
		f.closures(n, state)
	}
}

func (f *flow) assign(n *ast.AssignStmt, state facts) {
	values := make([]fact, len(n.Lhs))
	if n.Tok == token.ASSIGN || n.Tok == token.DEFINE {
		for i, e := range n.Rhs { // also the one of s, ok := v.(string)
			values[i] = f.value(e, state)
		}
	}
	for _, obj := range f.typed[n] {
		state.set(obj, values[0])
	}
	for i, e := range n.Lhs {
		if id, ok := ast.Unparen(e).(*ast.Ident); ok {
			if obj := f.c.info.ObjectOf(id); obj != nil {
				state.set(obj, values[i])
			}
			continue
		}
		delete(state, f.changed(e))
	}
}

// closures forgets the variables that function literals in n assign. Of variables
// whose address n takes, it keeps only that they are the argument, because code with
// a pointer to the argument seldom changes it.
func (f *flow) closures(n ast.Node, state facts) {
	depth := 0
	ast.PreorderStack(n, nil, func(n ast.Node, stack []ast.Node) bool {
		depth = 0
		for _, above := range stack {
			if _, ok := above.(*ast.FuncLit); ok {
				depth++
			}
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			if depth > 0 && n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					delete(state, f.changed(e))
				}
			}
		case *ast.IncDecStmt:
			if depth > 0 {
				delete(state, f.changed(n.X))
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				if obj := f.changed(n.X); obj != nil {
					state.set(obj, fact{isArg: state[obj].isArg})
				}
			}
		}
		return true
	})
}

// changed returns the variable whose value an assignment to e changes. For v.field it
// is v if v is a struct, and none if v is a pointer.
func (f *flow) changed(e ast.Expr) types.Object {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			return f.c.info.ObjectOf(x)
		case *ast.SelectorExpr:
			if selection := f.c.info.Selections[x]; selection == nil || selection.Indirect() {
				return nil
			}
			e = x.X
		case *ast.IndexExpr:
			if t := f.c.info.TypeOf(x.X); t == nil || !isArray(t) {
				return nil
			}
			e = x.X
		default:
			return nil
		}
	}
}

func isArray(t types.Type) bool { _, ok := t.Underlying().(*types.Array); return ok }

// branch adds what a condition says about the branch taken.
func (f *flow) branch(block *cfg.Block, taken bool, state facts) {
	if len(block.Nodes) == 0 {
		return
	}
	cond, ok := block.Nodes[len(block.Nodes)-1].(ast.Expr)
	if !ok {
		return
	}
	if body := block.Succs[0]; body.Kind == cfg.KindSwitchCaseBody {
		if tag := f.tags[body.Stmt]; tag != nil {
			f.compare(tag, cond, taken, state)
			return
		}
	}
	f.assume(cond, taken, state)
}

func (f *flow) assume(cond ast.Expr, holds bool, state facts) {
	switch e := ast.Unparen(cond).(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			f.assume(e.X, !holds, state)
		}
	case *ast.BinaryExpr:
		switch {
		case e.Op == token.EQL:
			f.compare(e.X, e.Y, holds, state)
		case e.Op == token.NEQ:
			f.compare(e.X, e.Y, !holds, state)
		case e.Op == token.LAND && holds, e.Op == token.LOR && !holds:
			f.assume(e.X, holds, state)
			f.assume(e.Y, holds, state)
		}
	case *ast.Ident:
		if t := f.c.info.TypeOf(e); t != nil && isBoolean(t) {
			f.learn(e, constant.MakeBool(holds).ExactString(), state)
		}
	}
}

func isBoolean(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func (f *flow) compare(x, y ast.Expr, equal bool, state facts) {
	if !equal {
		return
	}
	f.learn(x, f.value(y, state).constant, state)
	f.learn(y, f.value(x, state).constant, state)
}

func (f *flow) learn(e ast.Expr, constant string, state facts) {
	if id, ok := ast.Unparen(e).(*ast.Ident); ok && constant != "" {
		if obj, ok := f.c.info.Uses[id].(*types.Var); ok {
			state[obj] = fact{state[obj].isArg, constant}
		}
	}
}

// value returns the fact for the value of an expression.
func (f *flow) value(e ast.Expr, state facts) fact {
	e = ast.Unparen(e)
	typed := f.c.info.Types[e]
	if typed.Value != nil {
		return fact{constant: typed.Value.ExactString()}
	}
	if typed.IsNil() {
		return fact{constant: isNil}
	}
	switch e := e.(type) {
	case *ast.Ident:
		return state[f.c.info.Uses[e]]
	case *ast.TypeAssertExpr:
		return fact{isArg: f.value(e.X, state).isArg}
	case *ast.CallExpr:
		if f.c.info.Types[e.Fun].IsType() && len(e.Args) == 1 {
			from, to := f.c.info.TypeOf(e.Args[0]), f.c.info.TypeOf(e)
			if from != nil && to != nil && (types.IsInterface(to) || types.Identical(from.Underlying(), to.Underlying())) {
				return f.value(e.Args[0], state)
			}
			return fact{}
		}
		name, args := f.c.api(e)
		if name == "CreateFailure" && len(args) == 1 { // returns a *Failure unchanged
			return fact{isArg: f.value(args[0], state).isArg}
		}
		return fact{isArg: f.passesOn(e, state, passesValue)}
	}
	return fact{}
}

// zeroFact returns the fact for a variable with its zero value.
func zeroFact(t types.Type) fact {
	if t == nil {
		return fact{}
	}
	if _, isParam := types.Unalias(t).(*types.TypeParam); isParam {
		return fact{}
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		switch info := t.Info(); {
		case info&types.IsBoolean != 0:
			return fact{constant: "false"}
		case info&types.IsString != 0:
			return fact{constant: `""`}
		case info&types.IsNumeric != 0:
			return fact{constant: "0"}
		}
	case *types.Pointer, *types.Interface, *types.Slice, *types.Map, *types.Chan, *types.Signature:
		return fact{constant: isNil}
	}
	return fact{}
}

// hasOneValue reports whether all values of a type are equal: there is nothing
// else to return.
func hasOneValue(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Struct:
		for i := range t.NumFields() {
			if !hasOneValue(t.Field(i).Type()) {
				return false
			}
		}
		return true
	case *types.Array:
		return t.Len() == 0 || hasOneValue(t.Elem())
	}
	return false
}
