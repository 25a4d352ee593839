package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// operands walks the expressions that a go or defer statement evaluates.
func (r *reading) operands(call *ast.CallExpr, t *timeline) {
	r.expr(call.Fun, t)
	for _, e := range call.Args {
		r.expr(e, t)
	}
}

// expr walks an expression: first its operands, then its call.
func (r *reading) expr(e ast.Expr, t *timeline) {
	switch e := e.(type) {
	case nil, *ast.FuncLit:
		return
	case *ast.CallExpr:
		r.expr(e.Fun, t)
		for _, arg := range e.Args {
			r.expr(arg, t)
		}
		r.call(e, t)
		return
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			if _, named := r.c.place(e.X); named {
				return // its address is not its value
			}
		}
		r.expr(e.X, t)
		if e.Op == token.ARROW {
			clear(t.written)
		}
		return
	case *ast.BinaryExpr:
		if r.c.condition(e.X).chooses() || r.c.condition(e.Y).chooses() {
			r.quiet++ // as in got != txaio.UsingDeferred, which allows for the difference
			defer func() { r.quiet-- }()
		}
		r.expr(e.X, t)
		chosen := e.Op == token.LAND && !r.c.condition(e.X).isPortable() ||
			e.Op == token.LOR && !r.c.condition(e.X).not().isPortable()
		if chosen {
			r.quiet++
		}
		r.expr(e.Y, t)
		if chosen {
			r.quiet--
		}
		return
	case *ast.KeyValueExpr:
		if _, isField := e.Key.(*ast.Ident); !isField {
			r.expr(e.Key, t)
		}
		r.expr(e.Value, t)
		return
	}
	if p, named := r.c.place(e); named {
		r.read(e, p, t)
		r.indices(e, t)
		return
	}
	if sel, ok := e.(*ast.SelectorExpr); ok && r.takesAddress(sel) {
		r.indices(sel.X, t)
		return
	}
	for _, inner := range operandsOf(e) {
		r.expr(inner, t)
	}
}

// literal walks a function literal when it is called. If the literal stands elsewhere,
// its reads are reported at the outermost call.
func (r *reading) literal(literal *ast.FuncLit, call *ast.CallExpr, t *timeline) {
	if slices.Contains(r.inside, literal) {
		return // it calls itself
	}
	r.inside = append(r.inside, literal)
	caller := r.caller
	if ast.Unparen(call.Fun) != literal && caller == nil {
		r.caller = call
	}
	r.body(literal.Type, literal.Body, t)
	r.inside, r.caller = r.inside[:len(r.inside)-1], caller
}

// literalOf returns the function literal that e stands for, or nil.
func (r *reading) literalOf(e ast.Expr) *ast.FuncLit {
	switch e := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		return e
	case *ast.Ident:
		if set := r.c.values[r.c.info.Uses[e]]; len(set) == 1 {
			literal, _ := ast.Unparen(set[0]).(*ast.FuncLit)
			return literal
		}
	}
	return nil
}

// indices walks the index expressions in the name of a place.
func (r *reading) indices(e ast.Expr, t *timeline) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		r.indices(e.X, t)
	case *ast.SelectorExpr:
		r.indices(e.X, t)
	case *ast.StarExpr:
		r.indices(e.X, t)
	case *ast.IndexExpr:
		r.indices(e.X, t)
		r.expr(e.Index, t)
	case *ast.Ident:
	default:
		r.expr(e, t)
	}
}

// takesAddress reports whether a method takes the address of its receiver and is not
// known to read its value.
func (r *reading) takesAddress(sel *ast.SelectorExpr) bool {
	selection := r.c.info.Selections[sel]
	if selection == nil || selection.Kind() != types.MethodVal {
		return false
	}
	recv := selection.Obj().(*types.Func).Signature().Recv()
	if isPointer, _ := namedOf(recv.Type()); !isPointer {
		return false
	}
	if isPointer, _ := namedOf(selection.Recv()); isPointer {
		return false
	}
	return !holdsValue(selection.Obj())
}

// read reports a read of a variable that a callback has written on one backend only.
func (r *reading) read(at ast.Node, p place, t *timeline) {
	var typ types.Type
	if e, ok := at.(ast.Expr); ok {
		typ = r.c.info.TypeOf(e)
	}
	for q, future := range t.written {
		if !p.covers(typ, q) {
			continue
		}
		delete(t.written, q)
		if r.quiet == 0 && r.c.isPortable(r.c.cursor(at)) {
			if r.caller != nil {
				at = r.caller
			}
			r.c.report(at, nil, "read %s in a callback, or after txaio.Await: a callback of %s writes it, "+
				"which has run by now on one backend and not on the other", p.root.Name()+strings.TrimSuffix(p.path, ".*"), future)
		}
		return
	}
}

// call updates t for a call that affects futures and callbacks.
func (r *reading) call(call *ast.CallExpr, t *timeline) {
	if literal := r.literalOf(call.Fun); literal != nil {
		r.literal(literal, call, t)
		return
	}
	name, args := r.c.api(call)
	switch name {
	case "AddCallbacks", "Watch", "Then", "ThenOf", "Catch":
		if len(args) < 2 {
			break
		}
		reg := registration{sources: r.sources(args[0], t), name: types.ExprString(args[0])}
		for _, e := range args[1:] {
			for _, fn := range r.c.callbacks(e) {
				reg.writes = append(reg.writes, r.c.writes(fn, make(map[*ast.BlockStmt]bool))...)
			}
		}
		switch {
		case len(reg.writes) == 0:
		case t.isPending(reg.sources) || r.isPendingCall(args[0]):
			t.waiting = append(t.waiting, reg)
		default:
			t.ran(reg)
			if reg.sources != nil {
				t.waiting = append(t.waiting, reg)
			}
		}
	case "Resolve", "Reject", "Cancel":
		if len(args) > 0 {
			r.settle(args[0], name == "Cancel", t)
		}
	default:
		if r.c.waitsCall(call) != waitsNever {
			clear(t.written)
		}
	}
}

// isPendingCall reports whether e makes a future that is pending.
func (r *reading) isPendingCall(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	name, _ := r.c.api(call)
	return makesPending(name)
}

// makesPending reports whether a function's future is settled from the loop.
func makesPending(name string) bool { return name == "Sleep" || name == "API.Sleep" || name == "Go" }

// settle notes that a future is settled: on one backend its callbacks have run.
func (r *reading) settle(future ast.Expr, cancelled bool, t *timeline) {
	sources := r.sources(future, t)
	for _, p := range sources {
		delete(t.pending, p)
	}
	var waiting []registration
	for _, reg := range t.waiting {
		depends := slices.ContainsFunc(reg.sources, func(p place) bool { return slices.Contains(sources, p) })
		if depends && !t.isPending(reg.sources) && (cancelled || !reg.cancels) {
			t.ran(reg)
		} else {
			waiting = append(waiting, reg)
		}
	}
	t.waiting = waiting
}
