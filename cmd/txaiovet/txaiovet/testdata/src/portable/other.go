//go:build linux || windows

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func other(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second) // want `use the future`
}
