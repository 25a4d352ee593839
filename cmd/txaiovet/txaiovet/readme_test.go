package txaiovet_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/txaio-go/txaio/cmd/txaiovet/txaiovet"
)

// txaiovet reports the lines that the README calls wrong, and nothing else, except for
// the comment without a reason. TestGoCode in docs compares the README with this code.
func TestReadme(t *testing.T) {
	t.Setenv("GOFLAGS", "-tags=deferred")
	for _, result := range analysistest.Run(noErrors{}, analysistest.TestData(), txaiovet.Analyzer, "readme", "readmenative") {
		fset := result.Pass.Fset
		text, err := os.ReadFile(fset.File(result.Pass.Files[0].Pos()).Name())
		if err != nil {
			t.Fatal(err)
		}
		var want, got []int
		for i, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "// wrong") || strings.HasSuffix(line, " //txaiovet:ignore") {
				want = append(want, i+1)
			}
		}
		for _, diagnostic := range result.Diagnostics {
			got = append(got, fset.Position(diagnostic.Pos).Line)
		}
		slices.Sort(got)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s: reports in the lines %v, want %v", result.Pass.Pkg.Path(), got, want)
		}
	}
}

// noErrors ignores errors about reports that no comment expects.
type noErrors struct{}

func (noErrors) Errorf(string, ...any) {}
