// Package readmenative has the code of the README that needs a tag.
package readmenative

import "github.com/txaio-go/txaio"

func native(f *txaio.Future[int]) {
	f.Callback(1)       // wrong, as are SetResult, AddBoth, AddDoneCallback, Chain and the rest
	txaio.Resolve(f, 1) // right
}
