// Package txaiovet finds mistakes in code that is written for both backends of
// txaio: code that compiles under each tag, but behaves differently.
package txaiovet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"iter"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer reports code that depends on the backend. Files and branches that
// have chosen one are left alone. The category of a diagnostic is the rule that
// it comes from.
var Analyzer = &analysis.Analyzer{
	Name: "txaiovet",
	Doc: `report code that depends on the backend of txaio

Portable code compiles under -tags deferred and -tags future. In files that are
compiled under either, the analyzer reports what does not mean the same on both:
callbacks that do not return their argument, results that are ignored, callbacks
that block, code that reads what a callback has yet to write, methods that one
backend lacks.

A comment //txaiovet:ignore REASON, at the end of a line or above it, silences
one report.`,
	URL:      "https://pkg.go.dev/" + txaioPath + "/cmd/txaiovet",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

// The rules, by the category of their diagnostics.
var rules = []struct {
	category string
	check    func(*checker)
}{
	{"returns", checkReturns},
	{"ignored", checkIgnored},
	{"blocking", checkBlocking},
	{"early", checkEarly},
	{"native", checkNative},
	{"restore", checkRestore},
	{"nested", checkNested},
	{"branch", checkBranches},
}

// A checker is a pass over a package.
type checker struct {
	pass     *analysis.Pass
	info     *types.Info
	root     inspector.Cursor
	cursors  map[ast.Node]inspector.Cursor
	portable map[*ast.File]bool
	values   map[types.Object][]ast.Expr       // the values that a variable or constant is set to
	given    map[*types.Var][]ast.Expr         // the functions that a field or parameter is set to
	decls    map[*types.Func]*ast.FuncDecl     // the functions and methods of the package
	blocked  map[*ast.BlockStmt]*blockingPoint // where functions wait
	waiting  map[*ast.BlockStmt]waits          // whether functions wait
	passings map[passing]bool                  // whether functions return an argument

	category string
	reports  []analysis.Diagnostic
	reported map[token.Pos]map[string]bool
}

func run(pass *analysis.Pass) (any, error) {
	if !usesTxaio(pass.Pkg) {
		return nil, nil
	}
	c := &checker{
		pass:     pass,
		info:     pass.TypesInfo,
		root:     pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root(),
		cursors:  make(map[ast.Node]inspector.Cursor),
		portable: make(map[*ast.File]bool),
		values:   make(map[types.Object][]ast.Expr),
		given:    make(map[*types.Var][]ast.Expr),
		decls:    make(map[*types.Func]*ast.FuncDecl),
		blocked:  make(map[*ast.BlockStmt]*blockingPoint),
		waiting:  make(map[*ast.BlockStmt]waits),
		passings: make(map[passing]bool),
		reported: make(map[token.Pos]map[string]bool),
	}
	for _, file := range pass.Files {
		c.portable[file] = isPortable(file)
	}
	c.index()
	for _, rule := range rules {
		c.category = rule.category
		rule.check(c)
	}
	c.silence()
	for _, report := range c.reports {
		pass.Report(report)
	}
	return nil, nil
}

// report adds a report of the current rule, once per place.
func (c *checker) report(at ast.Node, fixes []analysis.SuggestedFix, format string, args ...any) {
	pos := at.Pos()
	if c.reported[pos] == nil {
		c.reported[pos] = make(map[string]bool)
	}
	if c.reported[pos][c.category] {
		return
	}
	c.reported[pos][c.category] = true
	c.reports = append(c.reports, analysis.Diagnostic{
		Pos: pos, End: at.End(),
		Category:       c.category,
		Message:        fmt.Sprintf(format, args...),
		SuggestedFixes: fixes,
	})
}

// fix is one suggested fix of one edit.
func fix(message string, pos, end token.Pos, text string) []analysis.SuggestedFix {
	return []analysis.SuggestedFix{{
		Message:   message,
		TextEdits: []analysis.TextEdit{{Pos: pos, End: end, NewText: []byte(text)}},
	}}
}

// nodes visits the nodes of these types that are portable code.
func (c *checker) nodes(types ...ast.Node) iter.Seq[inspector.Cursor] {
	return func(yield func(inspector.Cursor) bool) {
		for cur := range c.root.Preorder(types...) {
			if c.isPortable(cur) && !yield(cur) {
				return
			}
		}
	}
}
