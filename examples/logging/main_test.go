//go:build deferred || future

package main

import (
	"regexp"
	"testing"

	"github.com/txaio-go/txaio/internal/exampletest"
)

func TestOutput(t *testing.T) {
	want := regexp.MustCompile(`^output before StartLogging
TIME output after StartLogging
TIME Hopping 42 times\.
TIME Traceback \(most recent call last\):
(    .*:\d+ in .*\n)*    .*main.go:\d+ in .*main\n    .*main\.go:\d+ in .*\(\*Bunny\)\.Hop
  errors\.errorString: fox spotted
$`)
	if got := exampletest.Timeless(exampletest.Output(t, main)); !want.MatchString(got) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
