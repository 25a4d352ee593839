package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
)

// A function is a function literal or a declared function with a body.
type function struct {
	typ  *ast.FuncType
	recv *ast.FieldList
	body *ast.BlockStmt
	on   ast.Expr // the receiver of a method, nil if it is not known
}

// index notes the values of variables and the declared functions.
func (c *checker) index() {
	set := func(name ast.Expr, value ast.Expr) {
		switch name := ast.Unparen(name).(type) {
		case *ast.Ident:
			if obj := c.info.ObjectOf(name); obj != nil {
				c.values[obj] = append(c.values[obj], value)
			}
		case *ast.SelectorExpr:
			c.give(c.info.Uses[name.Sel], value)
		}
	}
	for cur := range c.root.Preorder((*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.FuncDecl)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.AssignStmt:
			if len(n.Lhs) == len(n.Rhs) && (n.Tok == token.ASSIGN || n.Tok == token.DEFINE) {
				for i := range n.Lhs {
					set(n.Lhs[i], n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			if len(n.Names) == len(n.Values) {
				for i := range n.Names {
					set(n.Names[i], n.Values[i])
				}
			}
		case *ast.FuncDecl:
			if fn, ok := c.info.Defs[n.Name].(*types.Func); ok && n.Body != nil {
				c.decls[fn] = n
			}
		}
	}
	for cur := range c.root.Preorder((*ast.CallExpr)(nil), (*ast.CompositeLit)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.CallExpr:
			for _, fn := range c.functions(n.Fun) {
				for i, arg := range n.Args {
					c.give(c.param(fn, i), arg)
				}
			}
		case *ast.CompositeLit:
			c.giveFields(n)
		}
	}
}

// giveFields notes the values of a struct's fields in a composite literal.
func (c *checker) giveFields(n *ast.CompositeLit) {
	t := c.info.TypeOf(n)
	if pointer, ok := t.Underlying().(*types.Pointer); ok { // an element of []*T{{}}
		t = pointer.Elem()
	}
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, element := range n.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			c.give(c.info.Uses[pair.Key.(*ast.Ident)], pair.Value)
		} else {
			c.give(fields.Field(i), element)
		}
	}
}

// give notes a function that this package puts in a field or gives to a
// parameter. Both may hold others too.
func (c *checker) give(obj types.Object, value ast.Expr) {
	v, ok := obj.(*types.Var)
	if ok && isFunc(v.Type()) {
		c.given[v.Origin()] = append(c.given[v.Origin()], value)
	}
}

// callbacks returns the functions of this package that an expression given to
// a future or a loop may stand for: also those that the package puts in a field
// or gives to a parameter.
func (c *checker) callbacks(e ast.Expr) []*function {
	return c.callbacksOf(e, make(map[types.Object]bool))
}

func (c *checker) callbacksOf(e ast.Expr, seen map[types.Object]bool) []*function {
	found := c.functions(e)
	var obj types.Object
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		obj = c.info.Uses[e]
	case *ast.SelectorExpr:
		obj = c.info.Uses[e.Sel]
	}
	v, ok := obj.(*types.Var)
	if !ok || seen[v.Origin()] {
		return found
	}
	seen[v.Origin()] = true
	for _, value := range c.given[v.Origin()] {
		found = append(found, c.callbacksOf(value, seen)...)
	}
	return found
}

// functions returns the functions of this package that an expression may stand
// for: a literal, the name of a function or method, a variable set to one of these,
// or the result of a function that returns one.
func (c *checker) functions(e ast.Expr) []*function { return c.functionsOf(e, make(map[ast.Expr]bool)) }

func (c *checker) functionsOf(e ast.Expr, seen map[ast.Expr]bool) (found []*function) {
	if seen[e] {
		return nil
	}
	seen[e] = true
	switch e := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		return []*function{{typ: e.Type, body: e.Body}}
	case *ast.Ident:
		if set := c.values[c.info.Uses[e]]; set != nil {
			for _, value := range set {
				found = append(found, c.functionsOf(value, seen)...)
			}
			return found
		}
		return c.declared(c.info.Uses[e])
	case *ast.SelectorExpr:
		found = c.declared(c.info.Uses[e.Sel])
		if selection := c.info.Selections[e]; selection != nil && selection.Kind() == types.MethodVal {
			for _, method := range found {
				method.on = e.X
			}
		}
		return found
	case *ast.IndexExpr:
		if isFunc(c.info.TypeOf(e.X)) {
			return c.functionsOf(e.X, seen)
		}
	case *ast.IndexListExpr:
		return c.functionsOf(e.X, seen)
	case *ast.CallExpr:
		if c.info.Types[e.Fun].IsType() && len(e.Args) == 1 {
			return c.functionsOf(e.Args[0], seen)
		}
		if !isFunc(c.info.TypeOf(e)) {
			break
		}
		for _, maker := range c.functionsOf(e.Fun, seen) {
			for _, ret := range returnsOf(maker.body) {
				if len(ret.Results) == 1 {
					found = append(found, c.functionsOf(ret.Results[0], seen)...)
				}
			}
		}
	}
	return found
}

func isFunc(t types.Type) bool {
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

func (c *checker) declared(obj types.Object) []*function {
	fn, ok := obj.(*types.Func)
	if !ok {
		return nil
	}
	decl := c.decls[fn.Origin()]
	if decl == nil {
		return nil
	}
	return []*function{{typ: decl.Type, recv: decl.Recv, body: decl.Body}}
}

// returnsOf returns the return statements of a function's own.
func returnsOf(body *ast.BlockStmt) (found []*ast.ReturnStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = append(found, n)
		}
		return true
	})
	return found
}

// param returns the object of the i-th parameter, nil if it has no name.
func (c *checker) param(fn *function, i int) types.Object {
	return c.fieldObject(fn.typ.Params, i)
}

func (c *checker) fieldObject(fields *ast.FieldList, i int) types.Object {
	if fields == nil {
		return nil
	}
	for _, field := range fields.List {
		if i < len(field.Names) {
			return c.info.Defs[field.Names[i]]
		}
		i -= max(1, len(field.Names))
		if i < 0 {
			return nil
		}
	}
	return nil
}
