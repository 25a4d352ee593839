package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
)

// holdsValue reports whether a method is of a type whose methods read and write
// its value: an atomic variable, a buffer, a string builder.
func holdsValue(method types.Object) bool {
	switch pathOf(method.Pkg()) {
	case "sync/atomic", "bytes", "strings":
		return true
	}
	return false
}

// operandsOf returns the expressions that an expression consists of, without the names
// of fields.
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
	c.rebase(found, fn)
	return slices.DeleteFunc(found, func(p place) bool {
		inside := func(n ast.Node) bool { return n != nil && n.Pos() <= p.root.Pos() && p.root.Pos() < n.End() }
		return inside(fn.body) || inside(fn.typ) || fn.recv != nil && inside(fn.recv)
	})
}

// rebase replaces a method's receiver in places by the expression that the method is
// called on.
func (c *checker) rebase(places []place, fn *function) {
	recv := c.fieldObject(fn.recv, 0)
	if recv == nil || fn.on == nil {
		return
	}
	on, named := c.place(fn.on)
	if isPointer, _ := namedOf(recv.Type()); !named || !isPointer {
		return
	}
	for i, p := range places {
		if p.root == recv && p.path != "" {
			places[i] = place{on.root, on.path + p.path}
		}
	}
}

// changedReceiver returns the variable that a method call changes: an atomic variable,
// a buffer or a string builder.
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
