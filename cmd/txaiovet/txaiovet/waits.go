package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Waits says whether code may wait, so that callbacks can run.
type waits uint8

const (
	waitsNever waits = iota
	waitsMaybe       // it calls a function that cannot be seen
	waitsAlways
)

// quick are the packages of the standard library whose functions do not wait, except
// for functions with Wait, Sleep, Gosched or Lock in their name.
var quick = map[string]bool{
	"bufio": true, "bytes": true, "cmp": true, "context": true, "encoding": true, "errors": true, "fmt": true,
	"io": true, "log": true, "maps": true, "math": true, "os": true, "path": true, "reflect": true, "regexp": true,
	"runtime": true, "slices": true, "sort": true, "strconv": true, "strings": true, "sync": true, "testing": true,
	"time": true, "unicode": true,
}

// waits returns whether the code in n may wait.
func (c *checker) waits(n ast.Node) (found waits) {
	start := c.cursor(n)
	if !start.Valid() {
		return waitsMaybe
	}
	c.direct(start, func(cur inspector.Cursor) bool {
		switch n := cur.Node().(type) {
		case *ast.SelectStmt:
			if canSkip(n) {
				found = max(found, waitsMaybe)
			} else {
				found = waitsAlways
			}
		case *ast.SendStmt:
			if cur.ParentEdgeKind() != edge.CommClause_Comm {
				found = waitsAlways
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && !isComm(cur) {
				found = waitsAlways
			}
		case *ast.RangeStmt:
			if t := c.info.TypeOf(n.X); t != nil && isChannel(t) {
				found = waitsAlways
			}
		case *ast.CallExpr:
			if _, async := cur.Parent().Node().(*ast.GoStmt); !async {
				found = max(found, c.waitsCall(n))
			}
		}
		return found != waitsAlways
	})
	return found
}

// waitsCall returns whether a call may wait.
func (c *checker) waitsCall(call *ast.CallExpr) waits {
	if c.info.Types[call.Fun].IsType() {
		return waitsNever
	}
	if literal, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		return c.waitsBody(literal.Body)
	}
	obj := c.callee(call)
	if waitName(obj) != "" {
		return waitsAlways
	}
	if apiName(obj) != "" {
		return waitsNever
	}
	if _, isBuiltin := obj.(*types.Builtin); isBuiltin {
		return waitsNever
	}
	if obj != nil && obj.Pkg() != c.pass.Pkg || obj != nil && obj.Pkg() == nil {
		return c.waitsForeign(obj, call)
	}
	called := c.functions(call.Fun)
	if len(called) == 0 {
		return waitsMaybe
	}
	var found waits
	for _, fn := range called {
		found = max(found, c.waitsBody(fn.body))
	}
	return found
}

func (c *checker) waitsBody(body *ast.BlockStmt) waits {
	known, ok := c.waiting[body]
	if !ok {
		c.waiting[body] = waitsNever // for a function that calls itself
		known = c.waits(body)
		c.waiting[body] = known
	}
	return known
}

// waitsForeign returns whether a function of another package may wait.
func (c *checker) waitsForeign(obj types.Object, call *ast.CallExpr) waits {
	if obj.Pkg() == nil {
		return waitsNever // error's method Error
	}
	first, _, _ := strings.Cut(obj.Pkg().Path(), "/")
	if !quick[first] {
		return waitsMaybe
	}
	for _, part := range []string{"Wait", "Sleep", "Gosched"} {
		if strings.Contains(obj.Name(), part) {
			return waitsAlways
		}
	}
	if strings.HasSuffix(obj.Name(), "Lock") {
		return waitsMaybe
	}
	var found waits
	for _, e := range call.Args {
		if literal, ok := ast.Unparen(e).(*ast.FuncLit); ok {
			found = max(found, c.waitsBody(literal.Body))
		}
	}
	return found
}
