package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// checkIgnored reports futures that nobody looks at: those of AddTimeout, and those
// that may fail unseen.
func checkIgnored(c *checker) {
	for cur := range c.nodes((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		name, args := c.api(call)
		switch name {
		case "AddTimeout":
			if c.isIgnored(cur) {
				c.report(call, c.assignTimeout(cur, call, args), "use the future that AddTimeout returns: "+
					"on one backend it is the one with the timeout, and the other future has none")
			}
		case "Then", "ThenOf", "Catch", "Gather", "GatherAny":
			if c.isIgnored(cur) && !(name == "Catch" && len(args) == 2 && !c.canFail(args[1])) {
				c.report(call, nil, "use the future that %s returns: nobody sees it fail; "+
					"handle that with txaio.Catch, or use txaio.Watch to only look", name)
			}
		}
	}
}

// isIgnored reports whether nothing uses the result of the call at cur: it is a
// statement, assigned to _, or to a local variable that nothing reads.
func (c *checker) isIgnored(cur inspector.Cursor) bool {
	expr, parent := cur, cur.Parent()
	for isParen(parent.Node()) {
		expr, parent = parent, parent.Parent()
	}
	var target ast.Expr
	switch n := parent.Node().(type) {
	case *ast.ExprStmt, *ast.GoStmt, *ast.DeferStmt:
		return true
	case *ast.AssignStmt:
		if expr.ParentEdgeKind() == edge.AssignStmt_Rhs && len(n.Lhs) == len(n.Rhs) {
			target = n.Lhs[expr.ParentEdgeIndex()]
		}
	case *ast.ValueSpec:
		if expr.ParentEdgeKind() == edge.ValueSpec_Values && len(n.Names) == len(n.Values) {
			target = n.Names[expr.ParentEdgeIndex()]
		}
	}
	id, ok := target.(*ast.Ident)
	if !ok {
		return false
	}
	return id.Name == "_" || c.isUnread(cur, id)
}

// isUnread reports whether id is a local variable that nothing reads after the
// call at cur has set it.
func (c *checker) isUnread(cur inspector.Cursor, id *ast.Ident) bool {
	obj, ok := c.info.ObjectOf(id).(*types.Var)
	if !ok {
		return false
	}
	var body ast.Node
	for around := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil), (*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		switch n := around.Node().(type) {
		case *ast.FuncDecl:
			body = n.Body
		case *ast.FuncLit:
			body = n.Body
		default:
			if obj.Pos() < n.Pos() {
				return false // the next turn may read it
			}
			continue
		}
		break
	}
	if body == nil || obj.Pos() < body.Pos() || body.End() < obj.Pos() {
		return false // a parameter, a result, or a variable of an outer function
	}
	for use := range c.cursor(body).Preorder((*ast.Ident)(nil)) {
		ident := use.Node().(*ast.Ident)
		if c.info.Uses[ident] != obj || ident == id || c.isOverwritten(use) || c.isBlanked(use) {
			continue
		}
		inLiteral := false
		for around := range use.Enclosing((*ast.FuncLit)(nil)) {
			inLiteral = inLiteral || around.Node().Pos() > body.Pos()
		}
		if inLiteral || ident.Pos() > cur.Node().End() {
			return false
		}
	}
	return true
}

// isOverwritten reports whether the identifier at cur is assigned to.
func (c *checker) isOverwritten(cur inspector.Cursor) bool {
	assign, ok := cur.Parent().Node().(*ast.AssignStmt)
	return ok && assign.Tok == token.ASSIGN && cur.ParentEdgeKind() == edge.AssignStmt_Lhs
}

// isBlanked reports whether the identifier at cur is in `_ = x`.
func (c *checker) isBlanked(cur inspector.Cursor) bool {
	assign, ok := cur.Parent().Node().(*ast.AssignStmt)
	if !ok || cur.ParentEdgeKind() != edge.AssignStmt_Rhs || len(assign.Lhs) != len(assign.Rhs) {
		return false
	}
	id, ok := assign.Lhs[cur.ParentEdgeIndex()].(*ast.Ident)
	return ok && id.Name == "_"
}

// canFail reports whether a function given to Catch may return an error that is not
// nil. It returns false if it cannot see the function.
func (c *checker) canFail(e ast.Expr) (fails bool) {
	for _, fn := range c.functions(e) {
		c.returns(fn, nil, func(f *flow, ret *ast.ReturnStmt, state facts) {
			fails = fails || !f.hands(fn, ret, state, passesOnlyZero)
		})
	}
	return fails
}

// assignTimeout is the fix `f = txaio.AddTimeout(f, delay)`. It is safe if f is a local
// variable that no function literal shares, and if later code does not settle it: on
// one backend that must be the future without the timeout.
func (c *checker) assignTimeout(cur inspector.Cursor, call *ast.CallExpr, args []ast.Expr) []analysis.SuggestedFix {
	stmt, ok := cur.Parent().Node().(*ast.ExprStmt)
	if !ok || len(args) != 2 {
		return nil
	}
	id, ok := args[0].(*ast.Ident)
	if !ok {
		return nil
	}
	obj, ok := c.info.Uses[id].(*types.Var)
	if !ok || obj.Parent() == c.pass.Pkg.Scope() {
		return nil
	}
	var fn inspector.Cursor
	for around := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		fn = around
		break
	}
	if !fn.Valid() || obj.Pos() < fn.Node().Pos() {
		return nil
	}
	read := false
	for use := range fn.Preorder((*ast.Ident)(nil)) {
		if c.info.Uses[use.Node().(*ast.Ident)] != obj || use.Node() == id {
			continue
		}
		for around := range use.Enclosing((*ast.FuncLit)(nil)) {
			if around.Node() != fn.Node() && fn.Contains(around) {
				return nil
			}
		}
		if use.Node().Pos() < call.Pos() {
			continue
		}
		switch user := use.Parent().Node().(type) {
		case *ast.ReturnStmt:
		case *ast.CallExpr:
			switch name, _ := c.api(user); name {
			case "", "Resolve", "Reject", "RejectOnPanic":
				return nil
			}
		default:
			return nil
		}
		read = true
	}
	if !read {
		return nil
	}
	return fix("Use the future that AddTimeout returns", stmt.Pos(), stmt.Pos(), id.Name+" = ")
}
