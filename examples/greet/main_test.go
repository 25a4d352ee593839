//go:build deferred || future

package main

import (
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
)

func TestOutput(t *testing.T) {
	want := "resolving\nresolved\ncallback: hello, Roy\n"
	if txaio.UsingDeferred {
		want = "resolving\ncallback: hello, Roy\nresolved\n"
	}
	if got := exampletest.Output(t, main); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
