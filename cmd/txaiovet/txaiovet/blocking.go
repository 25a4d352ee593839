package txaiovet

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/ast/inspector"
)

// checkBlocking reports waits in functions that a loop runs. Such a function holds
// up the loop that would end the wait.
func checkBlocking(c *checker) {
	seen := make(map[*ast.BlockStmt]bool)
	for cur := range c.nodes((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		var given []ast.Expr
		switch name, args := c.api(call); name {
		case "AddCallbacks", "Watch", "Then", "ThenOf", "Catch":
			given = args[min(1, len(args)):]
		default:
			if fn := c.loopFunction(call); fn != nil {
				given = []ast.Expr{fn}
			}
		}
		for _, e := range given {
			c.checkLoopFunctions(e, seen)
		}
	}
}

// checkLoopFunctions checks the functions that an expression given to a loop
// may stand for, and those in the parameters and fields that they call: a
// wrapper `func later(fn func()) { txaio.CallSoon(func() { fn() }) }` gives fn
// to the loop.
func (c *checker) checkLoopFunctions(e ast.Expr, seen map[*ast.BlockStmt]bool) {
	for _, fn := range c.callbacks(e) {
		start := c.cursor(fn.body)
		if seen[fn.body] || !start.Valid() {
			continue
		}
		seen[fn.body] = true
		for _, point := range c.blockingPoints(fn.body) {
			c.reportBlocking(point)
		}
		c.direct(start, func(cur inspector.Cursor) bool {
			if !c.reaches(cur).isPortable() {
				return false
			}
			call, ok := cur.Node().(*ast.CallExpr)
			if _, async := cur.Parent().Node().(*ast.GoStmt); ok && !async && len(c.functions(call.Fun)) == 0 {
				c.checkLoopFunctions(call.Fun, seen)
			}
			return true
		})
	}
}

func (c *checker) reportBlocking(p blockingPoint) {
	advice := "go on in a callback, or wait in txaio.Go"
	if p.inside != nil {
		at := c.pass.Fset.Position(p.inside.Pos())
		c.report(p.node, nil, "%s waits (%s at %s:%d), and this is run by a loop, which it holds: %s",
			p.what, p.innerWhat, filepath.Base(at.Filename), at.Line, advice)
		return
	}
	c.report(p.node, nil, "%s waits, and this is run by a loop, which it holds: %s", p.what, advice)
}

// A blockingPoint is a place that waits: itself, or in a function of this
// package that it calls.
type blockingPoint struct {
	node      ast.Node
	what      string
	inside    ast.Node
	innerWhat string
}

// blockingPoints returns the places at which a function waits.
func (c *checker) blockingPoints(body *ast.BlockStmt) (found []blockingPoint) {
	start := c.cursor(body)
	if !start.Valid() {
		return nil
	}
	add := func(n ast.Node, what string) { found = append(found, blockingPoint{node: n, what: what}) }
	c.direct(start, func(cur inspector.Cursor) bool {
		if !c.reaches(cur).isPortable() {
			return false
		}
		switch n := cur.Node().(type) {
		case *ast.SelectStmt:
			if receive := receiveOf(n); receive != nil && !canSkip(n) {
				add(receive, "a receive from a channel")
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && !isComm(cur) && !c.releases(cur, n) {
				add(n, "a receive from a channel")
			}
		case *ast.RangeStmt:
			if t := c.info.TypeOf(n.X); t != nil && isChannel(t) {
				add(n, "a range over a channel")
			}
		case *ast.CallExpr:
			if _, async := cur.Parent().Node().(*ast.GoStmt); async {
				break
			}
			if name := waitName(c.callee(n)); name != "" {
				add(n, name)
			} else if inner := c.blocks(n); inner != nil {
				found = append(found, blockingPoint{n, types.ExprString(n.Fun), inner.node, inner.what})
			}
		}
		return true
	})
	return found
}

// releases reports whether the receive at cur releases a semaphore: the function
// around its literal has sent to the channel before.
func (c *checker) releases(cur inspector.Cursor, receive *ast.UnaryExpr) (taken bool) {
	if _, isStmt := cur.Parent().Node().(*ast.ExprStmt); !isStmt {
		return false
	}
	slots, named := c.place(receive.X)
	if !named {
		return false
	}
	var literal ast.Node
	for around := range cur.Enclosing((*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		if literal != nil {
			c.direct(around, func(n inspector.Cursor) bool {
				if send, ok := n.Node().(*ast.SendStmt); ok && send.Pos() < literal.Pos() {
					to, named := c.place(send.Chan)
					taken = taken || named && to == slots
				}
				return true
			})
		}
		literal = around.Node()
	}
	return taken
}

// blocks returns where a function of this package that call calls waits, or
// nil.
func (c *checker) blocks(call *ast.CallExpr) *blockingPoint {
	if _, isLiteral := ast.Unparen(call.Fun).(*ast.FuncLit); isLiteral {
		return nil // visited as part of its caller
	}
	for _, fn := range c.functions(call.Fun) {
		point, known := c.blocked[fn.body]
		if !known {
			c.blocked[fn.body] = nil // for a function that calls itself
			if points := c.blockingPoints(fn.body); len(points) > 0 {
				point = &points[0]
				if point.inside != nil {
					point = &blockingPoint{node: point.inside, what: point.innerWhat}
				}
			}
			c.blocked[fn.body] = point
		}
		if point != nil {
			return point
		}
	}
	return nil
}

// waitName returns the name of a function that waits or drives a loop, or "".
func waitName(fn types.Object) string {
	switch name := apiName(fn); name {
	case "Await", "RunUntil", "Loop.Run", "Loop.RunUntilComplete", "Loop.Drain",
		"testutil.Await", "testutil.TestLoop.Advance", "testutil.TestLoop.RunOnce", "testutil.TestLoop.RunUntilIdle":
		return name
	}
	return ""
}

// canSkip reports whether a select statement has a default.
func canSkip(s *ast.SelectStmt) bool {
	return slices.ContainsFunc(s.Body.List, func(stmt ast.Stmt) bool {
		clause, ok := stmt.(*ast.CommClause)
		return ok && clause.Comm == nil
	})
}

// receiveOf returns the first receive of a select statement, or nil.
func receiveOf(s *ast.SelectStmt) ast.Node {
	for _, stmt := range s.Body.List {
		clause, ok := stmt.(*ast.CommClause)
		if !ok {
			continue
		}
		var from ast.Expr
		switch comm := clause.Comm.(type) {
		case *ast.ExprStmt:
			from = comm.X
		case *ast.AssignStmt:
			from = comm.Rhs[0]
		}
		if from != nil {
			return from
		}
	}
	return nil
}

// isComm reports whether the receive at cur is what a clause of a select waits
// for.
func isComm(cur inspector.Cursor) bool {
	parent := cur.Parent()
	for isParen(parent.Node()) {
		parent = parent.Parent()
	}
	stmt, ok := parent.Node().(ast.Stmt)
	if !ok {
		return false
	}
	clause, ok := parent.Parent().Node().(*ast.CommClause)
	return ok && clause.Comm == stmt
}

func isChannel(t types.Type) bool { _, ok := t.Underlying().(*types.Chan); return ok }
