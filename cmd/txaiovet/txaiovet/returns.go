package txaiovet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

// checkReturns reports callbacks and errbacks that do not return their argument. On
// one backend the next one gets the result, on the other nobody does.
func checkReturns(c *checker) {
	for cur := range c.nodes((*ast.CallExpr)(nil)) {
		name, args := c.api(cur.Node().(*ast.CallExpr))
		if name != "AddCallbacks" || len(args) != 3 {
			continue
		}
		for _, fn := range c.callbacks(args[1]) {
			c.checkCallback(fn)
		}
		for _, fn := range c.callbacks(args[2]) {
			c.checkErrback(fn)
		}
	}
}

func (c *checker) checkCallback(fn *function) {
	arg, argName := c.argument(fn, "v")
	how := passesResult
	if fn.typ.Params != nil && len(fn.typ.Params.List) > 0 {
		if t := c.info.TypeOf(fn.typ.Params.List[0].Type); t != nil && hasOneValue(t) {
			how = passesOnlyZero
		}
	}
	c.returns(fn, arg, func(f *flow, ret *ast.ReturnStmt, state facts) {
		if f.hands(fn, ret, state, how) || !c.isPortable(c.cursor(ret)) {
			return
		}
		if how == passesOnlyZero || len(ret.Results) == 2 && isArgument(f.value(ret.Results[0], state), state) {
			c.report(ret, nil, "return %s, nil: an error goes to the next errback on one backend and to this callback's own on the other; "+
				"a step that can fail takes txaio.Then", argName)
			return
		}
		var fixes []analysis.SuggestedFix
		if len(ret.Results) == 2 && state[arg].isArg && c.isZero(ret.Results[0]) && c.sees(ret, arg) && f.hands(fn, ret, state, passesOnlyZero) {
			fixes = fix("Return the argument", ret.Results[0].Pos(), ret.Results[0].End(), argName)
		}
		c.report(ret, fixes, "return %s, nil: another value goes to the next callback on one backend and to nobody on the other; "+
			"a new value takes txaio.Then, only looking takes txaio.Watch", argName)
	})
}

func (c *checker) checkErrback(fn *function) {
	arg, argName := c.argument(fn, "fail")
	c.returns(fn, arg, func(f *flow, ret *ast.ReturnStmt, state facts) {
		if f.hands(fn, ret, state, passesFailure) || !c.isPortable(c.cursor(ret)) {
			return
		}
		if len(ret.Results) == 2 && f.value(ret.Results[1], state).constant == isNil {
			c.report(ret, nil, "return zero, %s: a nil error ends the failure on one backend and is ignored on the other; "+
				"recovering takes txaio.Catch, only looking takes txaio.Watch", argName)
			return
		}
		var fixes []analysis.SuggestedFix
		if len(ret.Results) == 2 && arg != nil {
			if of := c.contentOf(ret.Results[1]); of != nil && f.value(of, state).isArg && c.sees(ret, arg) {
				fixes = fix("Return the failure", ret.Results[1].Pos(), ret.Results[1].End(), types.ExprString(of))
			}
		}
		c.report(ret, fixes, "return zero, %s: another error is the next errback's on one backend and goes to the loop's exception handler on the other; "+
			"a new error takes txaio.Catch", argName)
	})
}

// argument returns the first parameter of a function, and a name for it.
func (c *checker) argument(fn *function, standard string) (types.Object, string) {
	if arg := c.param(fn, 0); arg != nil && arg.Name() != "_" {
		return arg, arg.Name()
	}
	return nil, standard
}

// contentOf returns fail if e is fail.Value() or fail.Unwrap().
func (c *checker) contentOf(e ast.Expr) ast.Expr {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return nil
	}
	switch apiName(c.callee(call)) {
	case "Failure.Value", "Failure.Unwrap":
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			return sel.X
		}
	}
	return nil
}

// isZero reports whether e is written as the zero value of its type.
func (c *checker) isZero(e ast.Expr) bool {
	e = ast.Unparen(e)
	typed := c.info.Types[e]
	switch {
	case typed.IsNil():
		return true
	case typed.Value != nil:
		return typed.Value.ExactString() == zeroFact(typed.Type).constant
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		_, isStruct := typed.Type.Underlying().(*types.Struct)
		return isStruct && len(e.Elts) == 0
	case *ast.StarExpr:
		call, ok := ast.Unparen(e.X).(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := ast.Unparen(call.Fun).(*ast.Ident)
		return ok && c.info.Uses[id] == types.Universe.Lookup("new")
	}
	return false
}

// sees reports whether obj's name refers to obj at n.
func (c *checker) sees(n ast.Node, obj types.Object) bool {
	scope := c.pass.Pkg.Scope().Innermost(n.Pos())
	if scope == nil {
		return false
	}
	_, found := scope.LookupParent(obj.Name(), n.Pos())
	return found == obj
}
