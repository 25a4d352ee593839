// Package docs_test checks the documentation: its links, the tests that it
// names, its Go code and its commands. The other files of the package hold
// the code of the pages.
package docs_test

import (
	"go/ast"
	"go/build/constraint"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

// files returns the names of the repository's files with the given ending,
// relative to its top.
func files(t *testing.T, ending string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", "node_modules":
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ending) {
			name, err = filepath.Rel(root, name)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("files ending in %s: %v, error %v", ending, names, err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A block is a fenced block of a page.
type block struct {
	info string // what follows the fence
	text string
}

var fenced = regexp.MustCompile("(?ms)^( *)```([^\n]*)\n(.*?)^ *```$")

func blocks(page string) (found []block) {
	for _, match := range fenced.FindAllStringSubmatch(page, -1) {
		found = append(found, block{match[2], match[3]})
	}
	return found
}

// The tests that the documentation names exist.
func TestNamedTests(t *testing.T) {
	var tests strings.Builder
	for _, name := range files(t, "_test.go") {
		tests.WriteString(read(t, name))
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Z]\\w*)`")
	for _, page := range files(t, ".md") {
		for _, match := range named.FindAllStringSubmatch(read(t, page), -1) {
			if !strings.Contains(tests.String(), "func "+match[1]+"(") {
				t.Errorf("%s names %s, and there is no such test", page, match[1])
			}
		}
	}
}

// What a page links to in the repository exists, headings included.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:href|src)="([^"]+)"`)
	code := regexp.MustCompile("`[^`\n]*`")
	for _, page := range files(t, ".md") {
		text := code.ReplaceAllString(fenced.ReplaceAllString(read(t, page), ""), "")
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(match[1]+match[2], "#")
			if strings.Contains(target, ":") { // another site
				continue
			}
			name := page
			if target != "" {
				name = path.Join(path.Dir(page), target)
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("%s links to %s: %v", page, target, err)
			} else if anchor != "" && !hasHeading(read(t, name), anchor) {
				t.Errorf("%s links to the heading #%s of %s, and there is none", page, anchor, name)
			}
		}
	}
}

var (
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	punctuation = regexp.MustCompile(`[^\pL\pN\- _]`)
)

// hasHeading reports whether GitHub gives a heading of the page this anchor.
func hasHeading(page, anchor string) bool {
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		slug := punctuation.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// Every piece of Go code in the pages and in the package comments stands in a Go
// file, so it compiles: under both tags, or under the one that its fence names
// ("go deferred"). A line with "…" stands for code that is left out. A block that
// begins with package is a file of its own, which the test of the commands writes
// and builds.
func TestGoCode(t *testing.T) {
	sources := readSources(t)
	for _, page := range files(t, ".md") {
		for _, b := range blocks(read(t, page)) {
			if language, tag, _ := strings.Cut(b.info, " "); language == "go" && !isFile(b.text) {
				for part := range strings.SplitSeq(b.text, "\n…\n") {
					sources.check(t, page, tag, part)
				}
			}
		}
	}
	for _, name := range []string{"doc.go", "testutil/testutil.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range new(comment.Parser).Parse(file.Doc.Text()).Content {
			if code, is := b.(*comment.Code); is && !strings.HasPrefix(code.Text, "go ") {
				sources.check(t, name, "", code.Text)
			}
		}
	}
}

func isFile(code string) bool { return regexp.MustCompile(`(?m)^package `).MatchString(code) }

// A source is the lines of a Go file, without blank ones and indentation.
type source struct {
	lines      string
	constraint constraint.Expr // nil if there is none
}

type sources []source

func readSources(t *testing.T) (all sources) {
	t.Helper()
	for _, name := range files(t, ".go") {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{normal(read(t, name)), buildConstraint(file)})
	}
	return all
}

func buildConstraint(file *ast.File) constraint.Expr {
	for _, group := range file.Comments {
		for _, line := range group.List {
			if line.Pos() < file.Package && constraint.IsGoBuild(line.Text) {
				expr, _ := constraint.Parse(line.Text) // go vet reports the error
				return expr
			}
		}
	}
	return nil
}

// normal returns the code as lines that do not depend on where it stands.
func normal(code string) string {
	var lines strings.Builder
	lines.WriteByte('\n')
	for line := range strings.Lines(code) {
		if words := strings.Fields(line); len(words) > 0 {
			lines.WriteString(strings.Join(words, " "))
			lines.WriteByte('\n')
		}
	}
	return lines.String()
}

// check reports an error unless the code stands in a file that compiles under
// the tag, or under both if it is empty.
func (all sources) check(t *testing.T, page, tag, code string) {
	t.Helper()
	tags := []string{tag}
	if tag == "" {
		tags = []string{"deferred", "future"}
	}
	for _, s := range all {
		if strings.Contains(s.lines, normal(code)) && s.compiles(tags) {
			return
		}
	}
	t.Errorf("%s has code that stands in no Go file built with -tags %s:\n%s", page, strings.Join(tags, " and "), code)
}

func (s source) compiles(tags []string) bool {
	for _, tag := range tags {
		if s.constraint != nil && !s.constraint.Eval(func(name string) bool { return name == tag }) {
			return false
		}
	}
	return true
}

// Every make command in the pages is one that the checks or the nightly run
// use. The test of the commands, in the module docs/check, runs the others.
func TestMakeCommands(t *testing.T) {
	command := regexp.MustCompile(`(?m)^(?:.*run: |\$ |[\s-]*)(make [a-z-]+)`)
	run := map[string]bool{}
	for _, name := range []string{".ci/run", ".github/workflows/nightly.yml", ".github/workflows/ci.yml"} {
		for _, match := range command.FindAllStringSubmatch(read(t, name), -1) {
			run[match[1]] = true
		}
	}
	for _, page := range files(t, ".md") {
		for _, b := range blocks(read(t, page)) {
			for _, match := range command.FindAllStringSubmatch(b.text, -1) {
				if b.info == "console" && !run[match[1]] {
					t.Errorf("%s shows %q, which neither .ci/run nor a workflow runs", page, match[1])
				}
			}
		}
	}
}
