//go:build deferred || future

package docs_test

import (
	"reflect"
	"strings"
	"testing"
)

// namesEachMethod fails the test unless the section of docs/native.md names each
// exported method of T.
func namesEachMethod[T any](t *testing.T, section string) {
	_, text, found := strings.Cut(read(t, "docs/native.md"), "\n## "+section+"\n")
	if !found {
		t.Fatalf("docs/native.md has no section %s", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for method := range reflect.TypeFor[T]().Methods() {
		if !strings.Contains(text, "`"+method.Name) {
			t.Errorf("docs/native.md does not name %s.%s", section, method.Name)
		}
	}
}
