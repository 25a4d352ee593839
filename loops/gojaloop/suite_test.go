//go:build future && !race

package gojaloop_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The library's own tests pass on the loop. The library does not require goja, so an
// overlay adds a file to its folder that makes its tests use the loop. They run in a
// process of their own, without the race detector.
func TestLibrarySuite(t *testing.T) {
	library, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	suite, err := filepath.Abs("testdata/suite.go")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(library, "*_test.go"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests in %s: %v", library, err)
	}
	for _, test := range append(tests, suite) { // so that go test repeats this one when they change
		if _, err := os.Stat(test); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{
		"Replace": map[string]string{filepath.Join(library, "goja_test.go"): suite},
	})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "future", "-overlay", overlay, ".")
	cmd.Dir = library
	cmd.Env = append(os.Environ(), "TXAIO_TEST_LOOP=goja")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}
