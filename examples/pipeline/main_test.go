//go:build deferred || future

package main

import (
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
)

const output = `GET /apples: 200 12
GET /apples,pears: 200 20
GET /bananas: 404 Not Found
GET /apples,never?within=50ms: 504 Gateway Timeout
GET /slow,plums: 200 21
shut down
`

func TestOutput(t *testing.T) {
	defer txaio.SetLoop(nil)
	if got := exampletest.Output(t, main); got != output {
		t.Errorf("got:\n%s\nwant:\n%s", got, output)
	}
}
