package txaiovet

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// isPortable reports whether a file is compiled under either tag.
func isPortable(file *ast.File) bool {
	for _, group := range file.Comments {
		if group.Pos() > file.Package {
			break
		}
		for _, comment := range group.List {
			if !constraint.IsGoBuild(comment.Text) {
				continue
			}
			expr, err := constraint.Parse(comment.Text)
			return err != nil || canHold(expr, "deferred", "future") && canHold(expr, "future", "deferred")
		}
	}
	return true
}

// canHold reports whether a constraint holds with one tag and not the other,
// for some choice of the remaining tags.
func canHold(expr constraint.Expr, with, without string) bool {
	var others []string
	collectTags(expr, &others)
	others = slices.DeleteFunc(others, func(tag string) bool { return tag == with || tag == without })
	if len(others) > 12 {
		return true // nobody writes that
	}
	for chosen := range 1 << len(others) {
		if expr.Eval(func(tag string) bool {
			i := slices.Index(others, tag)
			return tag == with || i >= 0 && chosen&(1<<i) != 0
		}) {
			return true
		}
	}
	return false
}

func collectTags(expr constraint.Expr, tags *[]string) {
	switch e := expr.(type) {
	case *constraint.TagExpr:
		if !slices.Contains(*tags, e.Tag) {
			*tags = append(*tags, e.Tag)
		}
	case *constraint.NotExpr:
		collectTags(e.X, tags)
	case *constraint.AndExpr:
		collectTags(e.X, tags)
		collectTags(e.Y, tags)
	case *constraint.OrExpr:
		collectTags(e.X, tags)
		collectTags(e.Y, tags)
	}
}

// isPortable reports whether the code at cur is in a portable file and can run
// on either backend.
func (c *checker) isPortable(cur inspector.Cursor) bool {
	for ; cur.Node() != nil; cur = cur.Parent() {
		if file, ok := cur.Node().(*ast.File); ok {
			return c.portable[file]
		}
		if !c.reaches(cur).isPortable() {
			return false
		}
	}
	return true
}

// reaches returns the condition on which its parent runs the code at cur.
func (c *checker) reaches(cur inspector.Cursor) condition {
	kind, i := cur.ParentEdge()
	switch parent := cur.Parent().Node().(type) {
	case *ast.IfStmt:
		switch kind {
		case edge.IfStmt_Body:
			return c.condition(parent.Cond)
		case edge.IfStmt_Else:
			return c.condition(parent.Cond).not()
		}
	case *ast.BinaryExpr:
		if kind == edge.BinaryExpr_Y {
			switch parent.Op {
			case token.LAND:
				return c.condition(parent.X)
			case token.LOR:
				return c.condition(parent.X).not()
			}
		}
	case *ast.BlockStmt:
		if kind != edge.BlockStmt_List {
			break
		}
		if _, isSwitch := cur.Parent().Parent().Node().(*ast.SwitchStmt); isSwitch {
			return c.clauseCondition(cur)
		}
		return c.letsPast(parent.List[:i])
	case *ast.CaseClause:
		if kind == edge.CaseClause_Body {
			return c.letsPast(parent.Body[:i])
		}
	case *ast.CommClause:
		if kind == edge.CommClause_Body {
			return c.letsPast(parent.Body[:i])
		}
	}
	return condition{}
}

// letsPast returns the condition on which execution passes the statements before one.
func (c *checker) letsPast(before []ast.Stmt) (passed condition) {
	passed = condition{always, always}
	for _, stmt := range before {
		s, ok := stmt.(*ast.IfStmt)
		if !ok {
			continue
		}
		if ends(s.Body) {
			passed = passed.and(c.refusal(s).not())
		}
		if s.Else != nil && endsStmt(s.Else) {
			passed = passed.and(c.condition(s.Cond))
		}
	}
	return passed
}

// refusal returns the condition of an if statement. An error of UseDeferred or
// UseFuture counts as a condition, too.
func (c *checker) refusal(s *ast.IfStmt) condition {
	if assign, ok := s.Init.(*ast.AssignStmt); ok && len(assign.Rhs) == 1 {
		if call, ok := assign.Rhs[0].(*ast.CallExpr); ok {
			switch name, _ := c.api(call); name {
			case "UseDeferred":
				return condition{never, always}
			case "UseFuture":
				return condition{always, never}
			}
		}
	}
	return c.condition(s.Cond)
}

// clauseCondition returns the condition on which a switch chooses a clause.
func (c *checker) clauseCondition(cur inspector.Cursor) condition {
	s := cur.Parent().Parent().Node().(*ast.SwitchStmt)
	chosen := func(clause *ast.CaseClause) condition {
		one := condition{never, never}
		for _, e := range clause.List {
			cond := c.condition(e)
			if s.Tag != nil {
				cond = cond.equals(c.condition(s.Tag))
			}
			one = one.or(cond)
		}
		return one
	}
	earlier := condition{never, never}
	for _, stmt := range s.Body.List {
		clause, ok := stmt.(*ast.CaseClause)
		if !ok {
			continue
		}
		if stmt == cur.Node() && clause.List != nil {
			return chosen(clause).and(earlier.not())
		}
		earlier = earlier.or(chosen(clause))
	}
	return earlier.not() // the default
}

// ends reports whether a block never continues with the code after it.
func ends(block *ast.BlockStmt) bool {
	return len(block.List) > 0 && endsStmt(block.List[len(block.List)-1])
}

func endsStmt(stmt ast.Stmt) bool {
	switch s := stmt.(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok != token.FALLTHROUGH
	case *ast.BlockStmt:
		return ends(s)
	case *ast.IfStmt:
		return ends(s.Body) && s.Else != nil && endsStmt(s.Else)
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && neverReturns(call)
	}
	return false
}

// neverReturns reports whether a call ends the goroutine. It goes by the name: every
// function called Fatal counts.
func neverReturns(call *ast.CallExpr) bool {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return fun.Name == "panic"
	case *ast.SelectorExpr:
		switch fun.Sel.Name {
		case "Fatal", "Fatalf", "Fatalln", "FailNow", "Panic", "Panicf", "Panicln", "Skip", "Skipf", "SkipNow", "Exit", "Goexit":
			return true
		}
	}
	return false
}
