//go:build !(deferred && future)

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func notBoth(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second) // want `use the future`
}
