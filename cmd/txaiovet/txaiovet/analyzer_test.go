package txaiovet_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/txaio-go/txaio/cmd/txaiovet/txaiovet"
)

// Portable code gets the same reports under each tag, and without one.
func TestPortableCode(t *testing.T) {
	for _, tags := range []string{"deferred", "future", "none"} {
		t.Run(tags, func(t *testing.T) {
			t.Setenv("GOFLAGS", "-tags="+tags)
			analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), txaiovet.Analyzer,
				"returns", "ignored", "blocking", "early", "restore", "nested", "branch", "ignore", "portable", "imports",
				"oddreturns", "oddearly", "oddmixed")
		})
	}
}

// Native methods compile under their tag alone.
func TestNativeMethods(t *testing.T) {
	for _, tags := range []string{"deferred", "future"} {
		t.Run(tags, func(t *testing.T) {
			t.Setenv("GOFLAGS", "-tags="+tags)
			analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), txaiovet.Analyzer, "native"+tags)
		})
	}
}
