package portable

import (
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func TestPortable(t *testing.T) {
	defer testutil.ReplaceLoop(testutil.NewTestLoop()) // want `write defer`
	f, got := txaio.CreateFuture[int](), 0
	txaio.Watch(f, func(v int) { got = v }, nil)
	txaio.Resolve(f, 1)
	if got != 1 { // want `read got in a callback`
		t.Error(got)
	}
}
