//go:build !deferred && future

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func onlyFuture(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second)
}
