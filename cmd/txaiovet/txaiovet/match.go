package txaiovet

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

const (
	txaioPath    = "github.com/txaio-go/txaio"
	testutilPath = txaioPath + "/testutil"
)

// pathOf returns the import path of a package, without the test that the driver of go
// vet adds to it.
func pathOf(pkg *types.Package) string {
	if pkg == nil {
		return ""
	}
	path, _, _ := strings.Cut(pkg.Path(), " ")
	return path
}

// usesTxaio reports whether a package uses txaio, so that there may be reports.
func usesTxaio(pkg *types.Package) bool {
	return pathOf(pkg) == txaioPath || slices.ContainsFunc(pkg.Imports(), func(imported *types.Package) bool {
		return pathOf(imported) == txaioPath || pathOf(imported) == testutilPath
	})
}

// apiName returns the name of a function of txaio's: Resolve, Loop.Run,
// testutil.Await. Of any other it returns "".
func apiName(fn types.Object) string {
	var name string
	switch {
	case fn == nil:
		return ""
	case pathOf(fn.Pkg()) == txaioPath:
	case pathOf(fn.Pkg()) == testutilPath:
		name = "testutil."
	default:
		return ""
	}
	if fn, ok := fn.(*types.Func); ok {
		if recv := fn.Signature().Recv(); recv != nil {
			_, named := namedOf(recv.Type())
			if named == nil {
				return ""
			}
			name += named.Obj().Name() + "."
		}
	}
	return name + fn.Name()
}

// namedOf returns the named type of t, or of the type that t points to.
func namedOf(t types.Type) (isPointer bool, named *types.Named) {
	t = types.Unalias(t)
	if pointer, ok := t.(*types.Pointer); ok {
		isPointer, t = true, types.Unalias(pointer.Elem())
	}
	named, _ = t.(*types.Named)
	return isPointer, named
}

// isFuture reports whether t is a *Future[T] or an AnyFuture.
func isFuture(t types.Type) bool {
	isPointer, named := namedOf(t)
	if named == nil {
		return false
	}
	switch apiName(named.Obj()) {
	case "Future", "Deferred":
		return isPointer
	case "AnyFuture":
		return !isPointer
	}
	return false
}

// api returns the name and the arguments of a call of txaio. A function that takes an
// API first counts as the one that does not: GoOn(api, fn) as Go(fn).
func (c *checker) api(call *ast.CallExpr) (name string, args []ast.Expr) {
	name, args = apiName(c.callee(call)), call.Args
	if base, on := strings.CutSuffix(name, "On"); on && len(args) > 0 {
		return base, args[1:]
	}
	return name, args
}

// callee returns the function that call calls, also through a variable that
// holds nothing else.
func (c *checker) callee(call *ast.CallExpr) types.Object {
	if c.info.Types[call.Fun].IsType() {
		return nil
	}
	return c.funcObject(call.Fun, 0)
}

// maxDepth limits the search for the value of a variable, because it may be cyclic.
const maxDepth = 8

func (c *checker) funcObject(e ast.Expr, depth int) types.Object {
	obj := typeutil.Callee(c.info, &ast.CallExpr{Fun: e})
	switch obj := obj.(type) {
	case *types.Func:
		return obj.Origin()
	case *types.Var:
		if set := c.values[obj]; len(set) == 1 && depth < maxDepth {
			return c.funcObject(set[0], depth+1)
		}
		return nil
	}
	return obj
}

// loopFunction returns the function in a call that gives it to a loop, or nil.
func (c *checker) loopFunction(call *ast.CallExpr) ast.Expr {
	if len(call.Args) == 0 {
		return nil
	}
	last := call.Args[len(call.Args)-1]
	name, _ := c.api(call)
	switch name[strings.LastIndex(name, ".")+1:] {
	case "CallSoon", "CallLater", "WithExceptionHandler", "WithCanceller":
		return last
	}
	if fn, ok := c.callee(call).(*types.Func); ok && c.isLoopMethod(fn) {
		return last
	}
	return nil
}

// isLoopMethod reports whether fn is CallSoon or CallLater of a loop that is not
// txaio's.
func (c *checker) isLoopMethod(fn *types.Func) bool {
	recv := fn.Signature().Recv()
	if recv == nil {
		return false
	}
	caller := map[string]string{"CallSoon": "EventLoop", "CallLater": "DelayedCaller"}[fn.Name()]
	if caller == "" {
		return false
	}
	packages := append(c.pass.Pkg.Imports(), c.pass.Pkg)
	i := slices.IndexFunc(packages, func(p *types.Package) bool { return pathOf(p) == txaioPath })
	if i < 0 {
		return false
	}
	obj := packages[i].Scope().Lookup(caller)
	if obj == nil {
		return false
	}
	iface, ok := obj.Type().Underlying().(*types.Interface)
	return ok && types.Implements(recv.Type(), iface)
}

// isCalledDirectly reports whether the function literal at cur runs as part of the
// function around it: it is called at once, by AsFuture or by a sync.Once.
func (c *checker) isCalledDirectly(cur inspector.Cursor) bool {
	expr, parent := cur, cur.Parent()
	for isParen(parent.Node()) {
		expr, parent = parent, parent.Parent()
	}
	call, ok := parent.Node().(*ast.CallExpr)
	if !ok {
		return false
	}
	if call.Fun == expr.Node() {
		_, async := parent.Parent().Node().(*ast.GoStmt)
		return !async
	}
	name, _ := c.api(call)
	fn, ok := c.callee(call).(*types.Func)
	return name == "AsFuture" || name == "AsFutureOf" || ok && fn.FullName() == "(*sync.Once).Do"
}

func isParen(n ast.Node) bool { _, ok := n.(*ast.ParenExpr); return ok }

// direct visits the nodes in cur that run as part of it. It leaves out function
// literals that are called later.
func (c *checker) direct(cur inspector.Cursor, visit func(inspector.Cursor) (descend bool)) {
	cur.Inspect(nil, func(n inspector.Cursor) bool {
		if _, ok := n.Node().(*ast.FuncLit); ok && n != cur && !c.isCalledDirectly(n) {
			return false
		}
		return visit(n)
	})
}

// cursor returns the cursor of a node of the package, and caches it, because finding
// one searches the file.
func (c *checker) cursor(n ast.Node) inspector.Cursor {
	cur, known := c.cursors[n]
	if !known {
		cur, _ = c.root.FindNode(n)
		c.cursors[n] = cur
	}
	return cur
}
