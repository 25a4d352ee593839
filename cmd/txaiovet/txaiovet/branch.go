package txaiovet

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// checkBranches reports branches on the backend that are empty, or that one portable
// function can replace.
func checkBranches(c *checker) {
	for cur := range c.nodes((*ast.IfStmt)(nil)) {
		c.checkIf(cur, cur.Node().(*ast.IfStmt))
	}
	for cur := range c.nodes((*ast.SwitchStmt)(nil)) {
		c.checkSwitch(cur, cur.Node().(*ast.SwitchStmt))
	}
}

func (c *checker) checkSwitch(cur inspector.Cursor, s *ast.SwitchStmt) {
	chosen := make(map[condition][]ast.Stmt)
	for clause := range cur.Child(s.Body).Children() {
		n, ok := clause.Node().(*ast.CaseClause)
		if !ok {
			continue
		}
		cond := c.clauseCondition(clause)
		if cond.chooses() {
			chosen[cond] = n.Body
		}
		if n.List != nil && len(n.Body) == 0 && cond.chooses() {
			c.report(n, nil, "delete this case: it chooses a backend and does nothing")
		}
	}
	onDeferred, onFuture := chosen[condition{always, never}], chosen[condition{never, always}]
	if len(onDeferred) > 0 && len(onFuture) > 0 {
		c.reportSame(s, onDeferred, onFuture)
	}
}

// reportSame reports a branch that does the same on both backends.
func (c *checker) reportSame(at ast.Node, a, b []ast.Stmt) {
	same := &sameness{c: c}
	if same.statements(a, b) {
		c.report(at, nil, "delete the branch: it does the same on both backends%s", same.reason())
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
	c.reportSame(s, c.withoutEnd(cur, s.Body.List), c.withoutEnd(cur, other))
}

// withoutEnd returns a branch of the if statement at cur without a last statement
// that has no effect: a return before the end of the function, or a continue before
// the end of the loop.
func (c *checker) withoutEnd(cur inspector.Cursor, list []ast.Stmt) []ast.Stmt {
	s := cur.Node().(*ast.IfStmt)
	block, ok := cur.Parent().Node().(*ast.BlockStmt)
	if !ok || len(list) == 0 || len(after(block.List, s)) > 0 && (s.Else != nil || !ends(s.Body)) {
		return list
	}
	rest, last := list[:len(list)-1], list[len(list)-1]
	switch cur.Parent().Parent().Node().(type) {
	case *ast.FuncDecl, *ast.FuncLit:
		if ret, ok := last.(*ast.ReturnStmt); ok && len(ret.Results) == 0 {
			return rest
		}
	case *ast.ForStmt, *ast.RangeStmt:
		if branch, ok := last.(*ast.BranchStmt); ok && branch.Tok == token.CONTINUE && branch.Label == nil {
			return rest
		}
	}
	return list
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

// looksItself returns UseDeferred or UseFuture if a branch repeats that function's
// work: it calls it, or fails with a text about build tags.
func (c *checker) looksItself(s *ast.IfStmt) (name string) {
	ast.Inspect(s.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if called, _ := c.api(call); called == "UseDeferred" || called == "UseFuture" {
				name = called
			}
		}
		return true
	})
	if name != "" || s.Else != nil || !ends(s.Body) || slices.ContainsFunc(s.Body.List, doesMore) {
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

// doesMore reports whether a statement does more than call a function or return. A
// branch that prints a message and exits needs no more.
func doesMore(stmt ast.Stmt) bool {
	switch stmt.(type) {
	case *ast.ExprStmt, *ast.ReturnStmt:
		return false
	}
	return true
}

// otherBranch returns the code that runs on the other backend in place of the body of
// an if statement: its else, a second if statement with the opposite condition or, if
// the body ends the function, the code after it. It is nil if there is none.
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

// returnsForDeferred reports whether two branches of a callback only decide its
// result, and return the argument on the backend that uses the result.
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

// callbackAround returns the callback or errback that directly contains the code at
// cur, and the index of the result that passes on its argument.
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
			for _, fn := range c.callbacks(e) {
				if fn.body == body {
					return fn, result
				}
			}
		}
	}
	return nil, 0
}
