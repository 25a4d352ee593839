//go:build deferred || future

package main

import (
	"testing"

	"github.com/txaio-go/txaio/internal/exampletest"
)

const want = `{"level":"INFO","msg":"Hello from the application."}
{"level":"INFO","msg":"Hello from the library, Roy.","name":"Roy","log_namespace":"library"}
{"level":"WARN","msg":"2 of 3 failed.","conn":{"id":7},"count":2,"total":3,"log_namespace":"library"}
`

func TestOutput(t *testing.T) {
	if got := exampletest.Output(t, main); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
