package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
)

// checkEarly reports code that reads what a callback writes, after the call that
// on one backend runs the callback and on the other only schedules it.
func checkEarly(c *checker) {
	for cur := range c.nodes((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		r := &reading{c: c}
		var body *ast.BlockStmt
		switch n := cur.Node().(type) {
		case *ast.FuncDecl:
			r.results, body = n.Type.Results, n.Body
		case *ast.FuncLit:
			r.results, body = n.Type.Results, n.Body
		}
		if body != nil {
			r.block(body.List, newTimeline())
		}
	}
}

// A place is a variable, or a field of it: s.got is the variable s and ".got".
type place struct {
	root types.Object
	path string
}

// place returns what e names, and whether it is something that a place can say.
// An element of a slice or map is the whole of it.
func (c *checker) place(e ast.Expr) (place, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return c.place(e.X)
	case *ast.Ident:
		obj, ok := c.info.ObjectOf(e).(*types.Var)
		return place{obj, ""}, ok
	case *ast.SelectorExpr:
		if selection := c.info.Selections[e]; selection == nil {
			obj, ok := c.info.Uses[e.Sel].(*types.Var) // of another package
			return place{obj, ""}, ok
		} else if selection.Kind() != types.FieldVal {
			return place{}, false
		}
		p, ok := c.place(e.X)
		return place{p.root, p.path + "." + e.Sel.Name}, ok
	case *ast.StarExpr:
		p, ok := c.place(e.X)
		return place{p.root, p.path + ".*"}, ok
	case *ast.IndexExpr:
		return c.place(e.X)
	}
	return place{}, false
}

// covers reports whether reading p, whose type is t, reads q: it is the same or,
// where p is no pointer, a part of it.
func (p place) covers(t types.Type, q place) bool {
	if p.root != q.root {
		return false
	}
	if p.path == q.path || strings.HasPrefix(p.path, q.path+".") {
		return true
	}
	if t == nil {
		return false
	}
	_, isPointer := t.Underlying().(*types.Pointer)
	return !isPointer && strings.HasPrefix(q.path, p.path+".")
}

// A registration is a callback and what it writes.
type registration struct {
	sources []place // the futures it depends on, nil if they are not known
	name    string  // how the future is written
	writes  []place
}

// A timeline is what is known at one place of a function.
type timeline struct {
	pending map[place]bool    // the futures that nothing has settled
	derived map[place][]place // the futures that settle when others do
	waiting []registration    // callbacks that have not run on either backend
	written map[place]string  // what a callback has written on one backend, with the name of its future
	ended   bool              // nothing gets here
}

func newTimeline() *timeline {
	return &timeline{pending: make(map[place]bool), derived: make(map[place][]place), written: make(map[place]string)}
}

func (t *timeline) clone() *timeline {
	return &timeline{maps.Clone(t.pending), maps.Clone(t.derived), slices.Clone(t.waiting), maps.Clone(t.written), t.ended}
}

// join makes t what is known where several paths meet.
func (t *timeline) join(paths ...*timeline) {
	open := slices.DeleteFunc(paths, func(p *timeline) bool { return p.ended })
	if len(open) == 0 {
		t.ended = true
		return
	}
	*t = *open[0].clone()
	for _, other := range open[1:] {
		maps.DeleteFunc(t.pending, func(p place, _ bool) bool { return !other.pending[p] })
		maps.Copy(t.derived, other.derived)
		maps.Copy(t.written, other.written)
		for _, reg := range other.waiting {
			if !slices.ContainsFunc(t.waiting, func(r registration) bool { return slices.Equal(r.writes, reg.writes) && r.name == reg.name }) {
				t.waiting = append(t.waiting, reg)
			}
		}
	}
}

// A reading walks a function in the order in which it runs.
type reading struct {
	c       *checker
	results *ast.FieldList
	quiet   int // in code that has chosen a backend
}

func (r *reading) block(list []ast.Stmt, t *timeline) {
	for _, stmt := range list {
		r.stmt(stmt, t)
	}
}

// branch walks code that runs or does not, on a copy.
func (r *reading) branch(from *timeline, walk func(*timeline)) *timeline {
	path := from.clone()
	walk(path)
	return path
}

// settled forgets what callbacks have written, if n may wait for them.
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
		if r.c.waits(s.Body) == waitsAlways || s.Post != nil && r.c.waits(s.Post) == waitsAlways {
			clear(t.written) // it waits for what its condition reads
		}
		r.expr(s.Cond, t)
		body := r.branch(t, func(t *timeline) {
			r.stmt(s.Body, t)
			if s.Post != nil {
				r.stmt(s.Post, t)
			}
		})
		body.ended = body.ended && s.Cond == nil && !leaves(s.Body)
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
		clear(t.written)
		r.clauses(s, s.Body, t)
	case *ast.ReturnStmt:
		for _, e := range s.Results {
			r.expr(e, t)
		}
		if len(s.Results) == 0 && r.results != nil {
			for _, field := range r.results.List {
				for _, name := range field.Names {
					if obj, ok := r.c.info.Defs[name].(*types.Var); ok {
						r.read(s, place{obj, ""}, t)
					}
				}
			}
		}
		t.ended = true
	case *ast.BranchStmt:
		t.ended = s.Tok != token.FALLTHROUGH
	case *ast.AssignStmt:
		r.assign(s, t)
	case *ast.DeclStmt:
		r.declare(s, t)
	case *ast.DeferStmt:
		r.operands(s.Call, t)
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

// loop makes t what is known after a loop whose body has ended as given.
func (r *reading) loop(t, body *timeline, endless bool) {
	if body.ended && !endless {
		return // as if it had not run
	}
	if endless {
		*t = *body.clone()
		return
	}
	t.join(t.clone(), body)
}

// leaves reports whether a loop's body has a statement that ends the loop.
func leaves(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if s, ok := n.(*ast.BranchStmt); ok && s.Tok == token.BREAK {
			found = true
		}
		_, isLiteral := n.(*ast.FuncLit)
		return !isLiteral
	})
	return found
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
			clear(t.written) // what follows is for one backend
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
	r.settled(body, t)
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

// hold notes what future a variable now holds.
func (r *reading) hold(p place, e ast.Expr, t *timeline) {
	delete(t.pending, p)
	delete(t.derived, p)
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		if name, args := r.c.api(call); name == "CreateFuture" && !r.isSettledAtOnce(args) || makesPending(name) {
			t.pending[p] = true
			return
		}
	}
	if sources := r.sources(e, t); sources != nil {
		t.derived[p] = sources
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

// isPending reports whether one of the futures is certainly pending, so that
// what depends on all of them is too.
func (t *timeline) isPending(sources []place) bool {
	return slices.ContainsFunc(sources, func(p place) bool { return t.pending[p] })
}

// operands walks what a go or defer statement evaluates.
func (r *reading) operands(call *ast.CallExpr, t *timeline) {
	r.expr(call.Fun, t)
	for _, e := range call.Args {
		r.expr(e, t)
	}
}

// expr walks an expression: first its operands, then what a call does.
func (r *reading) expr(e ast.Expr, t *timeline) {
	switch e := e.(type) {
	case nil, *ast.FuncLit:
		return
	case *ast.CallExpr:
		if literal, ok := ast.Unparen(e.Fun).(*ast.FuncLit); !ok || literal == nil {
			r.expr(e.Fun, t)
		}
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

// indices walks what the name of a place has in brackets.
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

// takesAddress reports whether a method takes the address of what it is called
// on and is not known to look at its value.
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

// holdsValue reports whether a method is of a type whose methods read and write
// its value: an atomic variable, a buffer, a string builder.
func holdsValue(method types.Object) bool {
	switch pathOf(method.Pkg()) {
	case "sync/atomic", "bytes", "strings":
		return true
	}
	return false
}

// operandsOf returns the expressions that an expression is made of, but for the
// names of fields.
func operandsOf(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return []ast.Expr{e.X}
	case *ast.SelectorExpr:
		return []ast.Expr{e.X}
	case *ast.StarExpr:
		return []ast.Expr{e.X}
	case *ast.TypeAssertExpr:
		return []ast.Expr{e.X}
	case *ast.IndexExpr:
		return []ast.Expr{e.X, e.Index}
	case *ast.SliceExpr:
		return []ast.Expr{e.X, e.Low, e.High, e.Max}
	case *ast.CompositeLit:
		return e.Elts
	}
	return nil
}

// read reports a read of what a callback has written on one backend only.
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
			r.c.report(at, nil, "read %s in a callback, or after txaio.Await: a callback of %s writes it, "+
				"which has run by now on one backend and not on the other", p.root.Name()+strings.TrimSuffix(p.path, ".*"), future)
		}
		return
	}
}

// call does what a call does to futures and callbacks.
func (r *reading) call(call *ast.CallExpr, t *timeline) {
	name, args := r.c.api(call)
	switch name {
	case "AddCallbacks", "Watch", "Then", "ThenOf", "Catch":
		if len(args) < 2 {
			break
		}
		reg := registration{sources: r.sources(args[0], t), name: types.ExprString(args[0])}
		for _, e := range args[1:] {
			for _, fn := range r.c.functions(e) {
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
			r.settle(args[0], t)
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

func (t *timeline) ran(reg registration) {
	for _, p := range reg.writes {
		t.written[p] = reg.name
	}
}

// settle notes that a future is settled: on one backend its callbacks have run.
func (r *reading) settle(future ast.Expr, t *timeline) {
	sources := r.sources(future, t)
	for _, p := range sources {
		delete(t.pending, p)
	}
	var waiting []registration
	for _, reg := range t.waiting {
		depends := slices.ContainsFunc(reg.sources, func(p place) bool { return slices.Contains(sources, p) })
		if depends && !t.isPending(reg.sources) {
			t.ran(reg)
		} else {
			waiting = append(waiting, reg)
		}
	}
	t.waiting = waiting
}

// writes returns the variables from outside a function that it writes, itself
// or in functions of the package that it calls.
func (c *checker) writes(fn *function, visited map[*ast.BlockStmt]bool) (found []place) {
	if visited[fn.body] {
		return nil
	}
	visited[fn.body] = true
	start := c.cursor(fn.body)
	if !start.Valid() {
		return nil
	}
	write := func(e ast.Expr) {
		p, named := c.place(e)
		if named && p.root != nil && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	c.direct(start, func(cur inspector.Cursor) bool {
		switch n := cur.Node().(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					write(e)
				}
			}
		case *ast.IncDecStmt:
			write(n.X)
		case *ast.UnaryExpr:
			if _, isArg := cur.Parent().Node().(*ast.CallExpr); isArg && n.Op == token.AND {
				write(n.X) // as in json.Unmarshal(data, &x)
			}
		case *ast.CallExpr:
			if receiver := c.changedReceiver(n); receiver != nil {
				write(receiver)
			}
			if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && (id.Name == "delete" || id.Name == "clear" || id.Name == "copy") {
				write(n.Args[0])
			}
			for _, called := range c.functions(n.Fun) {
				found = append(found, c.writes(called, visited)...)
			}
		}
		return true
	})
	return slices.DeleteFunc(found, func(p place) bool {
		inside := func(n ast.Node) bool { return n != nil && n.Pos() <= p.root.Pos() && p.root.Pos() < n.End() }
		return inside(fn.body) || inside(fn.typ) || fn.recv != nil && inside(fn.recv)
	})
}

// changedReceiver returns what a call of a method of an atomic variable, a
// buffer or a string builder changes.
func (c *checker) changedReceiver(call *ast.CallExpr) ast.Expr {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	fn, ok := c.info.Uses[sel.Sel].(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return nil
	}
	for _, prefix := range []string{"Store", "Add", "Swap", "CompareAndSwap", "Write"} {
		if strings.HasPrefix(fn.Name(), prefix) && holdsValue(fn) {
			return sel.X
		}
	}
	return nil
}
