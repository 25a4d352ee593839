//go:build deferred || future

package txaio_test

import (
	"errors"
	"testing"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

// What debug mode costs when it is off is the difference to a build without it;
// what it costs when it is on, this.
func BenchmarkDebug(b *testing.B) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		b.Run("future/"+name, func(b *testing.B) {
			loop := testutil.NewTestLoop()
			defer testutil.ReplaceLoop(loop)()
			defer txaio.SetDebug(txaio.Debug())
			txaio.SetDebug(on)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := txaio.CreateFuture[int]()
				txaio.AddCallbacks(f, passValue, nil)
				_ = txaio.Resolve(f, 1)
				if i%100 == 0 {
					loop.RunUntilIdle()
				}
			}
		})
		b.Run("turn of one function/"+name, func(b *testing.B) {
			loop := testutil.NewTestLoop()
			defer txaio.SetDebug(txaio.Debug())
			txaio.SetDebug(on)
			left := b.N
			var again func()
			again = func() {
				if left--; left > 0 {
					loop.CallSoon(again)
				}
			}
			loop.CallSoon(again)
			b.ReportAllocs()
			b.ResetTimer()
			loop.RunUntilIdle()
		})
	}
}

// What a failed future costs whose failure is seen later: with an errback from
// the start it has no cleanup, without it has one for a while.
func BenchmarkUnhandled(b *testing.B) {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	fail := txaio.CreateFailure(errors.New("it"))
	for name, add := range map[string]bool{"errback first": true, "errback later": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := txaio.CreateFuture[int]()
				if add {
					txaio.AddCallbacks(f, nil, passFailure)
				}
				_ = txaio.Reject(f, fail)
				if !add {
					txaio.AddCallbacks(f, nil, passFailure)
				}
				if i%100 == 0 {
					loop.RunUntilIdle()
				}
			}
		})
	}
}
