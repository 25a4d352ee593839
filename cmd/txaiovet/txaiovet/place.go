package txaiovet

import (
	"go/ast"
	"go/types"
	"strings"
)

// A place is a variable, or a field of it: s.got is the variable s and ".got".
type place struct {
	root types.Object
	path string
}

// place returns the place that e names, and whether it names one. An element of a
// slice or map counts as the whole slice or map.
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

// covers reports whether reading p, whose type is t, reads q: q is p or, if p is no
// pointer, a part of p.
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
