package txaiovet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// checkNested reports futures of futures: nobody waits for the inner one.
func checkNested(c *checker) {
	for cur := range c.nodes((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		name, args := c.api(call)
		var instead string
		switch name {
		case "AsFuture":
			instead = "AsFutureOf"
		case "Then":
			instead = "ThenOf"
		case "Go", "CreateFuture", "CreateFutureSuccess":
		default:
			continue
		}
		value := futureValue(c.info.TypeOf(call))
		if value == nil || !isFuture(value) && !(types.IsInterface(value) && len(args) > 0 && c.returnsFuture(args[len(args)-1])) {
			continue
		}
		const why = "this is a future of a future, and nobody waits for the inner one"
		if instead == "" {
			c.report(call, nil, "settle one future with what becomes of the other, in txaio.Watch: "+why)
			continue
		}
		var fixes []analysis.SuggestedFix
		if futureValue(value) != nil && c.takesAnyType(cur) {
			fixes = c.rename(call, name, instead)
		}
		c.report(call, fixes, "call txaio.%s with a function that returns a future: "+why, instead)
	}
}

// returnsFuture reports whether a function that returns an interface returns a
// future in it.
func (c *checker) returnsFuture(e ast.Expr) bool {
	for _, fn := range c.functions(e) {
		for _, ret := range returnsOf(fn.body) {
			if len(ret.Results) > 0 && isFuture(c.info.TypeOf(ret.Results[0])) {
				return true
			}
		}
	}
	return false
}

// futureValue returns the T of a *Future[T], or nil.
func futureValue(t types.Type) types.Type {
	if t == nil || !isFuture(t) {
		return nil
	}
	if _, named := namedOf(t); named.TypeArgs().Len() == 1 {
		return named.TypeArgs().At(0)
	}
	return nil
}

// takesAnyType reports whether the code around the call at cur compiles
// whatever future it returns.
func (c *checker) takesAnyType(cur inspector.Cursor) bool {
	switch n := cur.Parent().Node().(type) {
	case *ast.ExprStmt, *ast.GoStmt, *ast.DeferStmt:
		return true
	case *ast.CallExpr:
		return c.takesInterface(n, cur.Node())
	case *ast.AssignStmt:
		if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
			return false
		}
		id, ok := n.Lhs[0].(*ast.Ident)
		if !ok || id.Name == "_" {
			return ok
		}
		obj := c.info.Defs[id]
		if obj == nil || len(c.values[obj]) != 1 {
			return false
		}
		for use := range c.root.Preorder((*ast.Ident)(nil)) {
			if c.info.Uses[use.Node().(*ast.Ident)] != obj || c.isBlanked(use) {
				continue
			}
			user, ok := use.Parent().Node().(*ast.CallExpr)
			if !ok || !c.takesInterface(user, use.Node()) {
				return false
			}
		}
		return true
	}
	return false
}

// takesInterface reports whether a function that is not generic takes arg as an
// interface.
func (c *checker) takesInterface(call *ast.CallExpr, arg ast.Node) bool {
	fn, ok := c.callee(call).(*types.Func)
	if !ok || fn.Signature().TypeParams().Len() > 0 {
		return false
	}
	params := fn.Signature().Params()
	for i, e := range call.Args {
		if e != arg {
			continue
		}
		if fn.Signature().Variadic() && i >= params.Len()-1 {
			slice, ok := params.At(params.Len() - 1).Type().(*types.Slice)
			return ok && types.IsInterface(slice.Elem())
		}
		return types.IsInterface(params.At(i).Type())
	}
	return false
}

// rename is the fix that calls another function of the package, without type
// arguments.
func (c *checker) rename(call *ast.CallExpr, name, instead string) []analysis.SuggestedFix {
	fun := call.Fun
	switch f := fun.(type) {
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	}
	if id == nil || id.Name != name {
		return nil
	}
	return fix("Call "+instead, id.Pos(), call.Fun.End(), instead)
}
