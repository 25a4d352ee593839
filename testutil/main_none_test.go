//go:build !deferred && !future

package testutil_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// The examples compile without a tag, so that documentation sites show them.
// They are skipped, because nothing can run without a backend.
func TestMain(m *testing.M) {
	if err := flag.Set("test.skip", "^Example"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
