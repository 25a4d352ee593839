package restore

import (
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
	tu "github.com/txaio-go/txaio/testutil"
)

func wrong(t *testing.T, loop txaio.EventLoop) {
	defer testutil.ReplaceLoop(loop)             // want `write defer testutil.ReplaceLoop\(loop\)\(\): what ReplaceLoop returns restores the loop`
	defer tu.ReplaceLoop(testutil.NewTestLoop()) // want `write defer testutil.ReplaceLoop`
	defer (testutil.ReplaceLoop)(loop)           // want `write defer testutil.ReplaceLoop`
	replace := testutil.ReplaceLoop
	defer replace(loop) // want `write defer testutil.ReplaceLoop`
	t.Run("inner", func(t *testing.T) {
		defer testutil.ReplaceLoop( // want `write defer testutil.ReplaceLoop`
			testutil.NewTestLoop(),
		)
	})
}

func right(t *testing.T, loop txaio.EventLoop) {
	defer testutil.ReplaceLoop(loop)()
	defer (testutil.ReplaceLoop(loop))()
	t.Cleanup(testutil.ReplaceLoop(loop))
	restore := testutil.ReplaceLoop(loop)
	defer restore()
	defer func() { testutil.ReplaceLoop(loop)() }()
	defer ReplaceLoop(loop)
	testutil.UseLoop(t)
	if txaio.UsingFuture {
		defer testutil.ReplaceLoop(loop)
	}
}

func ReplaceLoop(txaio.EventLoop) {}
