//go:build deferred || future

package main

import (
	"testing"

	"github.com/txaio-go/txaio/internal/exampletest"
)

const want = `TIME txaio was here
TIME the standard log package was here
TIME log/slog was here user=roy request.id=7
TIME logrus was here user=roy
`

func TestOutput(t *testing.T) {
	if got := exampletest.Timeless(exampletest.Output(t, main)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
