package txaiovet

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

// A truth says whether a condition holds under one backend.
type truth uint8

const (
	unknown truth = iota
	always
	never
)

func truthOf(b bool) truth {
	if b {
		return always
	}
	return never
}

func (t truth) not() truth {
	switch t {
	case always:
		return never
	case never:
		return always
	}
	return unknown
}

// A condition says whether an expression holds under each backend.
type condition struct{ deferred, future truth }

func (c condition) not() condition { return condition{c.deferred.not(), c.future.not()} }

func (c condition) and(d condition) condition {
	and := func(a, b truth) truth {
		switch {
		case a == never || b == never:
			return never
		case a == always && b == always:
			return always
		}
		return unknown
	}
	return condition{and(c.deferred, d.deferred), and(c.future, d.future)}
}

func (c condition) or(d condition) condition { return c.not().and(d.not()).not() }

func (c condition) equals(d condition) condition { return c.and(d).or(c.not().and(d.not())) }

// isPortable reports whether code that depends on the condition can run on either
// backend.
func (c condition) isPortable() bool { return c.deferred != never && c.future != never }

// chooses reports whether the condition asks for the backend and nothing else.
func (c condition) chooses() bool {
	return c.deferred != unknown && c.future != unknown && c.deferred != c.future
}

// condition evaluates a condition under each backend.
func (c *checker) condition(e ast.Expr) condition { return c.conditionOf(e, 0) }

func (c *checker) conditionOf(e ast.Expr, depth int) condition {
	if depth > maxDepth {
		return condition{}
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return c.conditionOf(e.X, depth).not()
		}
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND, token.LOR, token.EQL, token.NEQ:
			x, y := c.conditionOf(e.X, depth), c.conditionOf(e.Y, depth)
			switch e.Op {
			case token.LAND:
				return x.and(y)
			case token.LOR:
				return x.or(y)
			case token.EQL:
				return x.equals(y)
			default:
				return x.equals(y).not()
			}
		}
	case *ast.SelectorExpr:
		return c.constant(c.info.Uses[e.Sel], depth)
	case *ast.Ident:
		return c.constant(c.info.Uses[e], depth)
	}
	return condition{}
}

func (c *checker) constant(obj types.Object, depth int) condition {
	switch apiName(obj) {
	case "UsingDeferred":
		return condition{always, never}
	case "UsingFuture":
		return condition{never, always}
	}
	if set := c.values[obj]; len(set) == 1 {
		return c.conditionOf(set[0], depth+1)
	}
	if named, ok := obj.(*types.Const); ok && named.Parent() == types.Universe && named.Val().Kind() == constant.Bool {
		value := truthOf(constant.BoolVal(named.Val()))
		return condition{value, value}
	}
	return condition{}
}
