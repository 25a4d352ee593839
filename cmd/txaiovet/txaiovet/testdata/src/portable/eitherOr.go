//go:build deferred || !future || go1.20

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func eitherOr(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second) // want `use the future`
}
