// A comment.

//go:build !deferred && (linux || windows)

package portable

import (
	"time"

	"github.com/txaio-go/txaio"
)

func notDeferred(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second)
}
