//go:build deferred

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func onlyDeferred(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second)
}
