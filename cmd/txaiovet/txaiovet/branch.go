package txaiovet

import (
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// checkBranches reports branches on the backend that are empty, or that do on
// each what one portable function does on both.
func checkBranches(c *checker) {
	for cur := range c.nodes((*ast.IfStmt)(nil)) {
		c.checkIf(cur, cur.Node().(*ast.IfStmt))
	}
	for cur := range c.nodes((*ast.SwitchStmt)(nil)) {
		for clause := range cur.Child(cur.Node().(*ast.SwitchStmt).Body).Children() {
			n, ok := clause.Node().(*ast.CaseClause)
			if ok && n.List != nil && len(n.Body) == 0 && c.clauseCondition(clause).chooses() {
				c.report(n, nil, "delete this case: it chooses a backend and does nothing")
			}
		}
	}
}

func (c *checker) checkIf(cur inspector.Cursor, s *ast.IfStmt) {
	if !c.asksForBackend(s.Cond) {
		return
	}
	if len(s.Body.List) == 0 {
		var fixes []analysis.SuggestedFix
		_, isElse := cur.Parent().Node().(*ast.IfStmt)
		if !isElse && s.Else == nil && s.Init == nil && c.condition(s.Cond).chooses() && !c.hasComment(s) {
			fixes = fix("Delete the branch", s.Pos(), s.End(), "")
		}
		c.report(s, fixes, "delete this branch: it asks for the backend and does nothing")
		return
	}
	if block, ok := s.Else.(*ast.BlockStmt); ok && len(block.List) == 0 {
		c.report(block, nil, "delete this branch: it depends on the backend and does nothing")
		return
	}
	if name := c.looksItself(s); name != "" {
		c.report(s, nil, "call txaio.%s without the branch: it returns an error that says what to build with only on the other backend", name)
		return
	}
	if !c.condition(s.Cond).chooses() {
		return
	}
	other := c.otherBranch(cur, s)
	if other == nil {
		return
	}
	onDeferred, onFuture := s.Body.List, other
	if c.condition(s.Cond).future == always {
		onDeferred, onFuture = other, s.Body.List
	}
	if c.returnsForDeferred(cur, onDeferred, onFuture) {
		c.report(s, nil, "return the argument on both backends, or use txaio.Watch: this branch decides what one of them ignores")
		return
	}
	same := &sameness{c: c}
	if same.statements(s.Body.List, other) {
		c.report(s, nil, "delete the branch: it does the same on both backends%s", same.reason())
	}
}

// asksForBackend reports whether UsingDeferred or UsingFuture is in a condition.
func (c *checker) asksForBackend(cond ast.Expr) (asks bool) {
	ast.Inspect(cond, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && c.condition(e).chooses() {
			asks = true
		}
		return !asks
	})
	return asks
}

func (c *checker) hasComment(n ast.Node) bool {
	for _, file := range c.pass.Files {
		for _, group := range file.Comments {
			if n.Pos() <= group.Pos() && group.End() <= n.End() {
				return true
			}
		}
	}
	return false
}

// looksItself returns UseDeferred or UseFuture if a branch does what that does
// by itself: it calls it, or fails with a text about build tags.
func (c *checker) looksItself(s *ast.IfStmt) (name string) {
	ast.Inspect(s.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if called, _ := c.api(call); called == "UseDeferred" || called == "UseFuture" {
				name = called
			}
		}
		return true
	})
	if name != "" || s.Else != nil || len(s.Body.List) != 1 || !endsStmt(s.Body.List[0]) {
		return name
	}
	saysTags := false
	ast.Inspect(s.Body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && strings.Contains(lit.Value, "-tags") {
			saysTags = true
		}
		return true
	})
	cond := c.condition(s.Cond)
	switch {
	case !saysTags || !cond.chooses():
		return ""
	case cond.deferred == always:
		return "UseFuture"
	default:
		return "UseDeferred"
	}
}

// otherBranch returns what runs on the other backend in place of the body of an
// if statement: its else, a second if statement with the opposite condition or,
// where the body ends the function, what follows. It is nil if there is none.
func (c *checker) otherBranch(cur inspector.Cursor, s *ast.IfStmt) []ast.Stmt {
	opposite := func(stmt ast.Stmt) []ast.Stmt {
		next, ok := stmt.(*ast.IfStmt)
		if ok && next.Init == nil && next.Else == nil && c.condition(next.Cond) == c.condition(s.Cond).not() {
			return next.Body.List
		}
		return nil
	}
	switch other := s.Else.(type) {
	case *ast.BlockStmt:
		return other.List
	case *ast.IfStmt:
		return opposite(other)
	}
	var rest []ast.Stmt
	switch parent := cur.Parent().Node().(type) {
	case *ast.BlockStmt:
		rest = after(parent.List, s)
	case *ast.CaseClause:
		rest = after(parent.Body, s)
	case *ast.CommClause:
		rest = after(parent.Body, s)
	}
	switch {
	case len(rest) == 0:
		return nil
	case ends(s.Body):
		return rest
	}
	return opposite(rest[0])
}

func after(list []ast.Stmt, s ast.Stmt) []ast.Stmt { return list[slices.Index(list, s)+1:] }

// returnsForDeferred reports whether two branches of a callback decide only what
// it returns, and that it is the argument on the backend that uses it.
func (c *checker) returnsForDeferred(cur inspector.Cursor, onDeferred, onFuture []ast.Stmt) bool {
	a, b := onlyReturn(onDeferred), onlyReturn(onFuture)
	if a == nil || b == nil {
		return false
	}
	fn, result := c.callbackAround(cur)
	if fn == nil {
		return false
	}
	arg := c.param(fn, 0)
	isArg := func(e ast.Expr) bool {
		id, ok := ast.Unparen(e).(*ast.Ident)
		return ok && arg != nil && c.info.Uses[id] == arg
	}
	isNil := func(e ast.Expr) bool { return c.info.Types[e].IsNil() }
	return isArg(a.Results[result]) && (result == 1 || isNil(a.Results[1])) && (isNil(b.Results[1]) || isArg(b.Results[1]))
}

// onlyReturn returns the return statement that a branch consists of, if it has
// a callback's two results.
func onlyReturn(list []ast.Stmt) *ast.ReturnStmt {
	if len(list) != 1 {
		return nil
	}
	ret, ok := list[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 2 {
		return nil
	}
	return ret
}

// callbackAround returns the callback or errback that the code at cur is
// directly in, and in which of its results it hands on its argument.
func (c *checker) callbackAround(cur inspector.Cursor) (found *function, result int) {
	var body *ast.BlockStmt
	for around := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		switch n := around.Node().(type) {
		case *ast.FuncDecl:
			body = n.Body
		case *ast.FuncLit:
			body = n.Body
		}
		break
	}
	for call := range c.root.Preorder((*ast.CallExpr)(nil)) {
		name, args := c.api(call.Node().(*ast.CallExpr))
		if name != "AddCallbacks" || len(args) != 3 {
			continue
		}
		for result, e := range args[1:] {
			for _, fn := range c.functions(e) {
				if fn.body == body {
					return fn, result
				}
			}
		}
	}
	return nil, 0
}

// A sameness compares what two branches do, but for differences that a portable
// function makes by itself.
type sameness struct {
	c     *checker
	needs string // the function to call
}

func (s *sameness) reason() string {
	if s.needs == "" {
		return ""
	}
	return ", or what txaio." + s.needs + " does by itself"
}

// statements compares lists of statements.
func (s *sameness) statements(a, b []ast.Stmt) bool {
	a, b = s.scheduled(a, b), s.scheduled(b, a)
	return s.equal(reflect.ValueOf(a), reflect.ValueOf(b))
}

// scheduled returns the body of a function that is given to CallSoon, if the
// other branch does it at once.
func (s *sameness) scheduled(list, other []ast.Stmt) []ast.Stmt {
	body := s.given(list)
	if body == nil || s.given(other) != nil {
		return list
	}
	s.needs = "CallSoon"
	return body
}

func (s *sameness) given(list []ast.Stmt) []ast.Stmt {
	if len(list) != 1 {
		return nil
	}
	stmt, ok := list[0].(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, ok := stmt.X.(*ast.CallExpr)
	if !ok {
		return nil
	}
	switch name, args := s.c.api(call); name {
	case "CallSoon", "Loop.CallSoon", "EventLoop.CallSoon", "API.CallSoon":
		if literal, ok := ast.Unparen(args[0]).(*ast.FuncLit); ok {
			return literal.Body.List
		}
	}
	return nil
}

var (
	positionType = reflect.TypeFor[token.Pos]()
	identType    = reflect.TypeFor[ast.Ident]()
	commentType  = reflect.TypeFor[*ast.CommentGroup]()
)

// equal compares syntax, but for positions.
func (s *sameness) equal(a, b reflect.Value) bool {
	a, b = s.plain(a), s.plain(b)
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case positionType, commentType:
		return true
	case identType:
		return a.FieldByName("Name").String() == b.FieldByName("Name").String()
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return s.equal(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !s.equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !s.equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.Interface() == b.Interface()
}

// plain returns what an interface value holds, in its portable form.
func (s *sameness) plain(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Interface {
		return v
	}
	if v.IsNil() {
		return reflect.Value{}
	}
	switch n := v.Interface().(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) != 1 || len(n.Rhs) != 1 || n.Tok != token.ASSIGN {
			break
		}
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
			return s.plain(reflect.ValueOf(&[]ast.Stmt{&ast.ExprStmt{X: n.Rhs[0]}}[0]).Elem())
		}
		if call, ok := n.Rhs[0].(*ast.CallExpr); ok {
			if name, args := s.c.api(call); name == "AddTimeout" && s.equal(reflect.ValueOf(n.Lhs[0]), reflect.ValueOf(args[0])) {
				s.needs = name
				return reflect.ValueOf(&ast.ExprStmt{X: call})
			}
		}
	case *ast.ParenExpr:
		return s.plain(reflect.ValueOf(n).Elem().FieldByName("X"))
	case *ast.CallExpr:
		return reflect.ValueOf(s.call(n))
	}
	return v.Elem()
}

// call returns a call in the form that is portable: of the function that does
// what a native method does, Cancel without its message, GoOn as Go.
func (s *sameness) call(n *ast.CallExpr) *ast.CallExpr {
	name, args := s.c.api(n)
	switch {
	case name == "Cancel" && len(args) == 2:
		s.needs = name
		return &ast.CallExpr{Fun: ast.NewIdent(name), Args: args[:1]}
	case name != "" && len(args) < len(n.Args): // an On function
		s.needs = name + "On"
		return &ast.CallExpr{Fun: ast.NewIdent(name), Args: args}
	case name != "" && !strings.Contains(name, "."):
		return &ast.CallExpr{Fun: ast.NewIdent(name), Args: args}
	}
	sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
	if !ok || name != "" {
		return n
	}
	if method, native := nativeMethods[sel.Sel.Name]; native && method.function != "" {
		if asserted, ok := ast.Unparen(sel.X).(*ast.TypeAssertExpr); ok {
			s.needs = method.function
			future := ast.Unparen(asserted.X)
			if conv, ok := future.(*ast.CallExpr); ok && len(conv.Args) == 1 && s.c.info.Types[conv.Fun].IsType() {
				future = conv.Args[0]
			}
			return &ast.CallExpr{Fun: ast.NewIdent(method.function), Args: append([]ast.Expr{future}, n.Args...)}
		}
	}
	return n
}
