//go:build deferred || future

package main

import (
	"strings"
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
)

func TestOutput(t *testing.T) {
	defer txaio.SetLoop(nil)
	got := exampletest.Output(t, main)
	if txaio.UsingDeferred {
		const want = "loop 1 2\nloop 1 1\ntxaio: the deferred backend has one loop"
		if !strings.HasPrefix(got, want) {
			t.Errorf("got:\n%s\nwant it to start with:\n%s", got, want)
		}
		return
	}
	const want = "loop 1 2\nloop 1 1\nloop 2 2\nloop 2 1\n"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
