package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// checkEarly reports reads of a variable that a callback writes, after a call that
// runs the callback on one backend and only schedules it on the other.
func checkEarly(c *checker) {
	for cur := range c.nodes((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		r := &reading{c: c}
		switch n := cur.Node().(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				r.body(n.Type, n.Body, newTimeline())
			}
		case *ast.FuncLit:
			r.body(n.Type, n.Body, newTimeline())
		}
	}
}

// A reading walks a function in the order in which it runs.
type reading struct {
	c       *checker
	results *ast.FieldList
	quiet   int            // in code that has chosen a backend
	inside  []*ast.FuncLit // the literals that are called
	caller  ast.Node       // the call of the first that was written elsewhere
}

// body walks the body of a function and then its deferred calls.
func (r *reading) body(typ *ast.FuncType, body *ast.BlockStmt, t *timeline) {
	results, defers := r.results, t.defers
	r.results, t.defers = typ.Results, nil
	r.block(body.List, t)
	if !t.ended {
		r.deferred(t)
	}
	r.results, t.defers, t.ended = results, defers, false
}

// deferred walks the deferred calls, which run when the function returns.
func (r *reading) deferred(t *timeline) {
	for len(t.defers) > 0 {
		last := t.defers[len(t.defers)-1]
		t.defers = t.defers[:len(t.defers)-1]
		r.call(last, t)
	}
}

func (r *reading) block(list []ast.Stmt, t *timeline) {
	for _, stmt := range list {
		r.stmt(stmt, t)
	}
}

// branch walks code that may or may not run, on a copy.
func (r *reading) branch(from *timeline, walk func(*timeline)) *timeline {
	path := from.clone()
	walk(path)
	return path
}

// settled forgets the variables that callbacks have written, if n may wait for them.
func (r *reading) settled(n ast.Node, t *timeline) {
	if n != nil && r.c.waits(n) != waitsNever {
		clear(t.written)
	}
}

func (r *reading) stmt(stmt ast.Stmt, t *timeline) {
	if t.ended {
		return
	}
	switch s := stmt.(type) {
	case *ast.BlockStmt:
		r.block(s.List, t)
	case *ast.LabeledStmt:
		r.stmt(s.Stmt, t)
	case *ast.IfStmt:
		r.ifStmt(s, t)
	case *ast.ForStmt:
		if s.Init != nil {
			r.stmt(s.Init, t)
		}
		if len(s.Body.List) == 0 || r.c.waits(s.Body) == waitsAlways || s.Post != nil && r.c.waits(s.Post) == waitsAlways {
			clear(t.written) // the loop waits for its condition
		}
		r.expr(s.Cond, t)
		body := r.branch(t, func(t *timeline) {
			r.stmt(s.Body, t)
			if s.Post != nil {
				r.stmt(s.Post, t)
			}
		})
		r.loop(t, body, s.Cond == nil)
		r.settled(s.Body, t)
	case *ast.RangeStmt:
		r.expr(s.X, t)
		if x := r.c.info.TypeOf(s.X); x != nil && isChannel(x) {
			clear(t.written)
		}
		body := r.branch(t, func(t *timeline) { r.stmt(s.Body, t) })
		r.loop(t, body, false)
		r.settled(s.Body, t)
	case *ast.SwitchStmt:
		if s.Init != nil {
			r.stmt(s.Init, t)
		}
		r.expr(s.Tag, t)
		r.clauses(s, s.Body, t)
	case *ast.TypeSwitchStmt:
		if s.Init != nil {
			r.stmt(s.Init, t)
		}
		r.stmt(s.Assign, t)
		r.clauses(s, s.Body, t)
	case *ast.SelectStmt:
		r.clauses(s, s.Body, t)
	case *ast.ReturnStmt:
		for _, e := range s.Results {
			r.expr(e, t)
		}
		if r.results != nil {
			for _, field := range r.results.List {
				for _, name := range field.Names {
					obj, ok := r.c.info.Defs[name].(*types.Var)
					switch {
					case !ok:
					case len(s.Results) == 0:
						r.read(s, place{obj, ""}, t)
					default:
						delete(t.written, place{obj, ""})
					}
				}
			}
		}
		r.deferred(t)
		t.ended = true
	case *ast.BranchStmt:
		t.ended = s.Tok != token.FALLTHROUGH
	case *ast.AssignStmt:
		r.assign(s, t)
	case *ast.DeclStmt:
		r.declare(s, t)
	case *ast.DeferStmt:
		r.operands(s.Call, t)
		t.defers = append(t.defers, s.Call)
	case *ast.GoStmt:
		r.operands(s.Call, t)
	case *ast.SendStmt:
		r.expr(s.Chan, t)
		r.expr(s.Value, t)
		clear(t.written)
	case *ast.IncDecStmt:
		r.expr(s.X, t)
	case *ast.ExprStmt:
		r.expr(s.X, t)
		t.ended = endsStmt(s)
	}
}

// loop updates t for the code after a loop. body is the timeline at the end of the
// loop's body. A body that leaves the function or the loop counts as one that has not
// run.
func (r *reading) loop(t, body *timeline, endless bool) {
	switch {
	case body.ended:
	case endless:
		*t = *body
	default:
		t.join(t.clone(), body)
	}
}

func (r *reading) ifStmt(s *ast.IfStmt, t *timeline) {
	if s.Init != nil {
		r.stmt(s.Init, t)
	}
	waits := r.c.waits(s.Body) == waitsAlways
	if s.Else != nil {
		waits = waits || r.c.waits(s.Else) == waitsAlways
	}
	if waits {
		r.quiet++ // it asks whether to wait
	}
	r.expr(s.Cond, t)
	if waits {
		r.quiet--
	}
	chosen := func(portable bool, t *timeline, walk func(*timeline)) *timeline {
		if !portable {
			r.quiet++
			defer func() { r.quiet-- }()
		}
		return r.branch(t, walk)
	}
	cond := r.c.refusal(s)
	before := t.clone()
	body := chosen(cond.isPortable(), before, func(t *timeline) { r.stmt(s.Body, t) })
	other := before
	if s.Else != nil {
		other = chosen(cond.not().isPortable(), before, func(t *timeline) { r.stmt(s.Else, t) })
	}
	t.join(body, other)
	if !t.ended {
		if !body.ended {
			r.settled(s.Body, t)
		}
		if s.Else != nil && !other.ended {
			r.settled(s.Else, t)
		}
		if body.ended && !cond.not().isPortable() || other.ended && !cond.isPortable() {
			clear(t.written) // the code after it is for one backend
		}
	}
}

func (r *reading) clauses(s ast.Stmt, body *ast.BlockStmt, t *timeline) {
	before := t.clone()
	var paths []*timeline
	hasDefault := false
	for _, clause := range body.List {
		path := before.clone()
		switch clause := clause.(type) {
		case *ast.CaseClause:
			hasDefault = hasDefault || clause.List == nil
			portable := true
			if _, isSwitch := s.(*ast.SwitchStmt); isSwitch {
				for _, e := range clause.List {
					r.expr(e, path)
				}
				portable = r.c.clauseCondition(r.c.cursor(clause)).isPortable()
			}
			if !portable {
				r.quiet++
			}
			r.block(clause.Body, path)
			if !portable {
				r.quiet--
			}
		case *ast.CommClause:
			hasDefault = true // one of them runs
			if clause.Comm != nil {
				r.stmt(clause.Comm, path)
			}
			r.block(clause.Body, path)
		}
		if path.ended && breaks(clause) {
			path.ended = false
		}
		paths = append(paths, path)
	}
	if !hasDefault {
		paths = append(paths, before)
	}
	t.join(paths...)
	if s, ok := s.(*ast.SelectStmt); !ok || !canSkip(s) {
		r.settled(body, t)
	}
}

// breaks reports whether a clause leaves its switch with a break.
func breaks(clause ast.Stmt) (found bool) {
	ast.Inspect(clause, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BranchStmt:
			found = found || n.Tok == token.BREAK && n.Label == nil
		case *ast.FuncLit, *ast.ForStmt, *ast.RangeStmt:
			return false
		}
		return true
	})
	return found
}

func (r *reading) assign(s *ast.AssignStmt, t *timeline) {
	for _, e := range s.Rhs {
		r.expr(e, t)
	}
	for i, e := range s.Lhs {
		p, named := r.c.place(e)
		if s.Tok != token.ASSIGN && s.Tok != token.DEFINE {
			r.expr(e, t) // x += 1 reads x
			continue
		}
		r.indices(e, t)
		if _, isElement := ast.Unparen(e).(*ast.IndexExpr); isElement {
			continue // the rest of it stays
		}
		if named {
			delete(t.written, p)
			if len(s.Lhs) == len(s.Rhs) {
				r.hold(p, s.Rhs[i], t)
			}
		}
	}
}

func (r *reading) declare(s *ast.DeclStmt, t *timeline) {
	decl, ok := s.Decl.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range decl.Specs {
		spec, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for _, e := range spec.Values {
			r.expr(e, t)
		}
		if len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				if p, named := r.c.place(name); named {
					r.hold(p, spec.Values[i], t)
				}
			}
		}
	}
}

// hold notes which future a variable now holds.
func (r *reading) hold(p place, e ast.Expr, t *timeline) {
	delete(t.pending, p)
	delete(t.derived, p)
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		if name, args := r.c.api(call); name == "CreateFuture" && !r.isSettledAtOnce(args) || makesPending(name) {
			t.pending[p] = true
			r.cancellers(p, args, t)
			return
		}
	}
	if sources := r.sources(e, t); sources != nil {
		t.derived[p] = sources
	}
}

// cancellers notes the cancellers in the options of the future in p.
func (r *reading) cancellers(p place, options []ast.Expr, t *timeline) {
	for _, e := range options {
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok {
			continue
		}
		if name, args := r.c.api(call); name == "WithCanceller" && len(args) == 1 {
			reg := registration{sources: []place{p}, name: p.root.Name() + p.path, cancels: true}
			for _, fn := range r.c.callbacks(args[0]) {
				reg.writes = append(reg.writes, r.c.writes(fn, make(map[*ast.BlockStmt]bool))...)
			}
			t.waiting = append(t.waiting, reg)
		}
	}
}

// isSettledAtOnce reports whether CreateFuture's options may make a future that
// is not pending.
func (r *reading) isSettledAtOnce(options []ast.Expr) bool {
	return slices.ContainsFunc(options, func(e ast.Expr) bool {
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok {
			return true
		}
		name, _ := r.c.api(call)
		return name != "WithCanceller"
	})
}

// sources returns the variables with the futures that the future e depends on,
// nil if it may depend on another.
func (r *reading) sources(e ast.Expr, t *timeline) []place {
	e = ast.Unparen(e)
	if p, named := r.c.place(e); named {
		if from := t.derived[p]; from != nil {
			return from
		}
		return []place{p}
	}
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return nil
	}
	name, args := r.c.api(call)
	switch name {
	case "Then", "ThenOf", "Catch", "AddTimeout":
		if len(args) > 0 {
			return r.sources(args[0], t)
		}
	case "Gather", "GatherAny":
		if len(args) == 0 {
			break
		}
		list, ok := ast.Unparen(args[0]).(*ast.CompositeLit)
		if !ok {
			break
		}
		var all []place
		for _, element := range list.Elts {
			from := r.sources(element, t)
			if from == nil {
				return nil
			}
			all = append(all, from...)
		}
		return all
	}
	return nil
}
