//go:build !deferred && !future

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func neitherTag(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second)
}
