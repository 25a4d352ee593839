//go:build deferred

package nativedeferred

import "github.com/txaio-go/txaio"

func tagged(f *txaio.Deferred[int]) {
	f.Callback(1)
	f.AddCallback(func(v int) (int, error) { return v + 1, nil })
	txaio.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)
}
