//go:build future && linux

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func onlyFutureToo(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second)
}
