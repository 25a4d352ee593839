//go:build deferred || future

package main

import (
	"testing"

	"github.com/txaio-go/txaio/internal/exampletest"
)

const want = `level=info msg="Hello from the application."
level=info msg="Hello from the library, Roy." log_namespace=library name=Roy
level=warning msg="2 of 3 failed." count=2 log_namespace=library total=3
{"level":"info","log_namespace":"library","msg":"Hello from the library, Roy.","name":"Roy"}
{"count":2,"level":"warning","log_namespace":"library","msg":"2 of 3 failed.","total":3}
`

func TestOutput(t *testing.T) {
	if got := exampletest.Output(t, main); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
