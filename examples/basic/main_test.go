//go:build deferred || future

package main

import (
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
)

const deferredOutput = `The backend is deferred (Twisted's semantics)
Callback, one future resolved: hello
Resolve has returned
Errback, one future rejected: errors.errorString: it failed
Reject has returned
Callback, AsFuture of a function: an answer
Errback, AsFuture of a function that panics: txaio.PanicError: it panicked
Gather, result 0: hello
Gather, result 1: errors.errorString: it failed
Gather, result 2: an answer
CallLater, after at least 50ms: true
`

const futureOutput = `The backend is future (asyncio's semantics)
Resolve has returned
Reject has returned
Callback, one future resolved: hello
Errback, one future rejected: errors.errorString: it failed
Callback, AsFuture of a function: an answer
Errback, AsFuture of a function that panics: txaio.PanicError: it panicked
Gather, result 0: hello
Gather, result 1: errors.errorString: it failed
Gather, result 2: an answer
CallLater, after at least 50ms: true
`

func TestOutput(t *testing.T) {
	want := futureOutput
	if txaio.UsingDeferred {
		want = deferredOutput
	}
	if got := exampletest.Output(t, main); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
