// Package testutil has the signatures of the real one.
package testutil

import (
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

type TestLoop struct{}

func NewTestLoop(opts ...txaio.LoopOption) *TestLoop                         { return nil }
func UseLoop(tb testing.TB, opts ...txaio.LoopOption) *TestLoop              { return nil }
func ReplaceLoop(loop txaio.EventLoop) (restore func())                      { return nil }
func Await[T any](tb testing.TB, f *txaio.Future[T]) (value T, err error)    { return }
func (*TestLoop) CallSoon(fn func())                                         {}
func (*TestLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall { return nil }
func (*TestLoop) Now() time.Time                                             { return time.Time{} }
func (*TestLoop) Advance(d time.Duration)                                    {}
func (*TestLoop) RunOnce()                                                   {}
func (*TestLoop) RunUntilIdle()                                              {}
