//go:build deferred || future

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/txaio-go/txaio/internal/exampletest"
)

func TestNamespace(t *testing.T) {
	if got := NewBunny().log.Namespace(); !strings.HasSuffix(got, ".Bunny") {
		t.Errorf("the namespace is %s", got)
	}
}

func TestOutput(t *testing.T) {
	want := regexp.MustCompile(`^output before StartLogging
TIME output after StartLogging
TIME Hopping 42 times\.
TIME Traceback \(most recent call last\):
(    .*:\d+ in .*\n)*    .*main.go:\d+ in .*main\n    .*main\.go:\d+ in .*\(\*Bunny\)\.Hop
  errors\.errorString: fox spotted
TIME the standard log package was here
TIME log/slog was here user=roy request\.id=7
TIME logrus was here user=roy
$`)
	if got := exampletest.Timeless(exampletest.Output(t, main)); !want.MatchString(got) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
