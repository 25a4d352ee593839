package txaiovet

import (
	"go/ast"
	"go/token"
	"reflect"
	"strings"
)

// A sameness compares two branches. It ignores differences that a portable function
// handles by itself.
type sameness struct {
	c     *checker
	needs string // the function to call
}

func (s *sameness) reason() string {
	if s.needs == "" {
		return ""
	}
	return ", or what txaio." + s.needs + " does by itself"
}

// statements compares lists of statements.
func (s *sameness) statements(a, b []ast.Stmt) bool {
	a, b = s.scheduled(a, b), s.scheduled(b, a)
	return s.equal(reflect.ValueOf(a), reflect.ValueOf(b))
}

// scheduled returns the body of a function that is given to CallSoon, if the other
// branch does the same at once.
func (s *sameness) scheduled(list, other []ast.Stmt) []ast.Stmt {
	body := s.given(list)
	if body == nil || s.given(other) != nil {
		return list
	}
	s.needs = "CallSoon"
	return body
}

func (s *sameness) given(list []ast.Stmt) []ast.Stmt {
	if len(list) != 1 {
		return nil
	}
	stmt, ok := list[0].(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, ok := stmt.X.(*ast.CallExpr)
	if !ok {
		return nil
	}
	switch name, args := s.c.api(call); name {
	case "CallSoon", "Loop.CallSoon", "EventLoop.CallSoon", "API.CallSoon":
		if literal, ok := ast.Unparen(args[0]).(*ast.FuncLit); ok {
			return literal.Body.List
		}
	}
	return nil
}

var (
	positionType = reflect.TypeFor[token.Pos]()
	identType    = reflect.TypeFor[ast.Ident]()
	commentType  = reflect.TypeFor[*ast.CommentGroup]()
)

// equal compares syntax without positions.
func (s *sameness) equal(a, b reflect.Value) bool {
	a, b = s.plain(a), s.plain(b)
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case positionType, commentType:
		return true
	case identType:
		return a.FieldByName("Name").String() == b.FieldByName("Name").String()
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return s.equal(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !s.equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !s.equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.Interface() == b.Interface()
}

// plain returns the value in an interface, in its portable form.
func (s *sameness) plain(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Interface {
		return v
	}
	if v.IsNil() {
		return reflect.Value{}
	}
	switch n := v.Interface().(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) != 1 || len(n.Rhs) != 1 || n.Tok != token.ASSIGN {
			break
		}
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
			return s.plain(reflect.ValueOf(&[]ast.Stmt{&ast.ExprStmt{X: n.Rhs[0]}}[0]).Elem())
		}
		if call, ok := n.Rhs[0].(*ast.CallExpr); ok {
			if name, args := s.c.api(call); name == "AddTimeout" && s.equal(reflect.ValueOf(n.Lhs[0]), reflect.ValueOf(args[0])) {
				s.needs = name
				return reflect.ValueOf(&ast.ExprStmt{X: call})
			}
		}
	case *ast.ParenExpr:
		return s.plain(reflect.ValueOf(n).Elem().FieldByName("X"))
	case *ast.CallExpr:
		return reflect.ValueOf(s.call(n))
	}
	return v.Elem()
}

// call returns the portable form of a call: the function in place of a native method,
// Cancel without its message, Go for GoOn.
func (s *sameness) call(n *ast.CallExpr) *ast.CallExpr {
	name, args := s.c.api(n)
	switch {
	case name == "Cancel" && len(args) == 2:
		s.needs = name
		return &ast.CallExpr{Fun: ast.NewIdent(name), Args: args[:1]}
	case name != "" && len(args) < len(n.Args): // an On function
		s.needs = name + "On"
		return &ast.CallExpr{Fun: ast.NewIdent(name), Args: args}
	case name != "" && !strings.Contains(name, "."):
		return &ast.CallExpr{Fun: ast.NewIdent(name), Args: args}
	}
	sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
	if !ok || name != "" {
		return n
	}
	if method, native := nativeMethods[sel.Sel.Name]; native && method.function != "" {
		if asserted, ok := ast.Unparen(sel.X).(*ast.TypeAssertExpr); ok {
			s.needs = method.function
			future := ast.Unparen(asserted.X)
			if conv, ok := future.(*ast.CallExpr); ok && len(conv.Args) == 1 && s.c.info.Types[conv.Fun].IsType() {
				future = conv.Args[0]
			}
			return &ast.CallExpr{Fun: ast.NewIdent(method.function), Args: append([]ast.Expr{future}, n.Args...)}
		}
	}
	return n
}
