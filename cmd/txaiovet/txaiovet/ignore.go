package txaiovet

import (
	"cmp"
	"go/ast"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// An ignore is a comment that silences one report of a line: its own or, if it
// stands alone, the line after it.
type ignore struct {
	file string
	line int
	used bool
}

// silence drops the reports that a comment silences. A comment without a reason
// is itself reported instead.
func (c *checker) silence() {
	var ignores []*ignore
	c.category = "ignore"
	reports := c.reports
	c.reports = nil
	for _, file := range c.pass.Files {
		if c.portable[file] {
			ignores = append(ignores, c.ignoresOf(file)...)
		}
	}
	order := func(a, b analysis.Diagnostic) int { return cmp.Compare(a.Pos, b.Pos) }
	slices.SortStableFunc(reports, order)
	for _, report := range reports {
		at := c.pass.Fset.Position(report.Pos)
		i := slices.IndexFunc(ignores, func(ig *ignore) bool {
			return !ig.used && ig.line == at.Line && ig.file == at.Filename
		})
		if i >= 0 {
			ignores[i].used = true
			continue
		}
		c.reports = append(c.reports, report)
	}
	slices.SortStableFunc(c.reports, order)
}

// ignoresOf returns the comments of a file that silence a report, and reports
// comments without a reason.
func (c *checker) ignoresOf(file *ast.File) (found []*ignore) {
	var code map[int]bool
	for _, group := range file.Comments {
		for _, comment := range group.List {
			text, ok := strings.CutPrefix(comment.Text, "//txaiovet:ignore")
			if !ok || text != "" && text[0] != ' ' && text[0] != '\t' {
				continue
			}
			if reason, _, _ := strings.Cut(text, "//"); strings.TrimSpace(reason) == "" {
				c.report(comment, nil, "give the reason: //txaiovet:ignore REASON")
			}
			if code == nil {
				code = c.codeLines(file)
			}
			at := c.pass.Fset.Position(comment.Pos())
			line := at.Line
			if !code[line] {
				line = c.pass.Fset.Position(group.End()).Line + 1
			}
			found = append(found, &ignore{file: at.Filename, line: line})
		}
	}
	return found
}

// codeLines returns the lines of a file with code, on which a node begins or ends.
func (c *checker) codeLines(file *ast.File) map[int]bool {
	lines := make(map[int]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.Comment, *ast.CommentGroup:
			return false
		case *ast.File: // it may begin or end with comments
			return true
		}
		lines[c.pass.Fset.Position(n.Pos()).Line] = true
		lines[c.pass.Fset.Position(n.End()-1).Line] = true
		return true
	})
	return lines
}
