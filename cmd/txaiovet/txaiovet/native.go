package txaiovet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// A nativeMethod is a method of futures on one backend only.
type nativeMethod struct {
	backend  string
	instead  string
	function string // the function that does the same with the future as its first argument, or ""
}

var nativeMethods = map[string]nativeMethod{
	"Callback":     {"deferred", "call txaio.Resolve", "Resolve"},
	"Errback":      {"deferred", "call txaio.Reject", "Reject"},
	"AddCallbacks": {"deferred", "call txaio.AddCallbacks", "AddCallbacks"},
	"AddCallback":  {"deferred", "call txaio.AddCallbacks, txaio.Watch or txaio.Then", ""},
	"AddErrback":   {"deferred", "call txaio.AddCallbacks, txaio.Watch or txaio.Catch", ""},
	"AddBoth":      {"deferred", "call txaio.AddCallbacks or txaio.Watch with both functions", ""},
	"Chain":        {"deferred", "call txaio.ThenOf", ""},
	"Pause":        {"deferred", "wait for another future with txaio.ThenOf", ""},
	"Unpause":      {"deferred", "wait for another future with txaio.ThenOf", ""},

	"SetResult":       {"future", "call txaio.Resolve", "Resolve"},
	"SetException":    {"future", "call txaio.Reject", "Reject"},
	"Result":          {"future", "call txaio.Watch or txaio.Await", ""},
	"Exception":       {"future", "call txaio.Watch or txaio.Await", ""},
	"Cancelled":       {"future", "look for txaio.ErrCancelled in an errback", ""},
	"AddDoneCallback": {"future", "call txaio.Watch", ""},
}

// checkNative reports methods and types that one backend lacks: the file does
// not compile under the other tag.
func checkNative(c *checker) {
	for cur := range c.nodes((*ast.SelectorExpr)(nil), (*ast.Ident)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.SelectorExpr:
			if selection := c.info.Selections[n]; selection != nil {
				c.checkSelection(cur, n, selection)
			}
		case *ast.Ident:
			if c.isDeferredType(n) {
				c.report(n, fix("Write Future", n.Pos(), n.End(), "Future"),
					"write Future: only the deferred backend has a type Deferred, which is the same there")
			}
		}
	}
}

// isDeferredType reports whether n is the name of txaio's type Deferred.
func (c *checker) isDeferredType(n *ast.Ident) bool {
	obj, ok := c.info.Uses[n].(*types.TypeName)
	return ok && n.Name == "Deferred" && apiName(obj) == "Deferred" && obj.Parent() == obj.Pkg().Scope()
}

func (c *checker) checkSelection(cur inspector.Cursor, n *ast.SelectorExpr, selection *types.Selection) {
	fn, ok := selection.Obj().(*types.Func)
	if !ok || pathOf(fn.Pkg()) != txaioPath || fn.Signature().Recv() == nil {
		return
	}
	_, named := namedOf(fn.Signature().Recv().Type())
	if named == nil || apiName(named.Obj()) != "Future" && apiName(named.Obj()) != "Deferred" {
		return
	}
	if fn.Name() == "Cancel" {
		if !c.isPlainCancel(cur) {
			c.report(n.Sel, nil, "call txaio.Cancel: the method takes and returns something else on each backend")
		}
		return
	}
	if method, native := nativeMethods[fn.Name()]; native {
		c.report(n.Sel, c.callFunction(cur, n, selection, method), "%s: only the %s backend has the method %s; "+
			"or give the file the build tag", method.instead, method.backend, fn.Name())
	}
}

// isPlainCancel reports whether the method Cancel at cur is called in a way that
// compiles on both backends.
func (c *checker) isPlainCancel(cur inspector.Cursor) bool {
	call, ok := cur.Parent().Node().(*ast.CallExpr)
	if !ok || call.Fun != cur.Node() || len(call.Args) > 0 {
		return false
	}
	switch cur.Parent().Parent().Node().(type) {
	case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt:
		return true
	}
	return false
}

// callFunction is the fix that calls the function in place of the method.
func (c *checker) callFunction(cur inspector.Cursor, n *ast.SelectorExpr, selection *types.Selection, method nativeMethod) []analysis.SuggestedFix {
	call, ok := cur.Parent().Node().(*ast.CallExpr)
	if !ok || call.Fun != n || method.function == "" || len(call.Args) == 0 ||
		selection.Kind() != types.MethodVal || len(selection.Index()) != 1 {
		return nil
	}
	if isPointer, _ := namedOf(selection.Recv()); !isPointer {
		return nil
	}
	prefix, imported := c.qualifier(cur)
	if !imported {
		return nil
	}
	return []analysis.SuggestedFix{{
		Message: "Call " + prefix + method.function,
		TextEdits: []analysis.TextEdit{
			{Pos: n.Pos(), End: n.Pos(), NewText: []byte(prefix + method.function + "(")},
			{Pos: n.X.End(), End: call.Lparen + 1, NewText: []byte(", ")},
		},
	}}
}

// qualifier returns the prefix of txaio's names in the file at cur.
func (c *checker) qualifier(cur inspector.Cursor) (prefix string, imported bool) {
	for around := range cur.Enclosing((*ast.File)(nil)) {
		for _, spec := range around.Node().(*ast.File).Imports {
			if spec.Path.Value != `"`+txaioPath+`"` {
				continue
			}
			switch {
			case spec.Name == nil:
				return "txaio.", true
			case spec.Name.Name == ".":
				return "", true
			case spec.Name.Name != "_":
				return spec.Name.Name + ".", true
			}
		}
	}
	return "", false
}
