//go:build linux && (deferred || future)

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func eitherAndLinux(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second) // want `use the future`
}
