//go:build !deferred && !future

package txaio_test

import (
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// Packages keep batched timers in variables, which are made in every build.
var (
	sharedTimer = txaio.MakeBatchedTimer(time.Second, 0, txaio.RoundUp())
	apisTimer   = new(txaio.API).MakeBatchedTimer(time.Second, 10, txaio.RoundUp())
)

func TestBatchedTimerWithoutBackend(t *testing.T) {
	for name, timer := range map[string]*txaio.BatchedTimer{
		"MakeBatchedTimer":     sharedTimer,
		"API.MakeBatchedTimer": apisTimer,
		"nil":                  nil,
		"zero":                 {},
	} {
		for what, fn := range map[string]func(){"a function": func() {}, "nil": nil} {
			t.Run(name+" with "+what, func(t *testing.T) {
				defer func() {
					if value := recover(); value != txaio.ErrNoBackend {
						t.Errorf("CallLater panicked with %v, want ErrNoBackend", value)
					}
				}()
				timer.CallLater(time.Second, fn)
			})
		}
	}
}

// Without a backend too, what cannot work is refused where it is made.
func TestBatchedTimerMisuseWithoutBackend(t *testing.T) {
	for name, misuse := range map[string]func(){
		"a bucket of 0":         func() { txaio.MakeBatchedTimer(0, 1) },
		"a negative chunk size": func() { txaio.MakeBatchedTimer(time.Second, -1) },
		"a nil option":          func() { txaio.MakeBatchedTimer(time.Second, 1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if _, is := recover().(*txaio.UsageError); !is {
					t.Error("it does not panic with a *UsageError")
				}
			}()
			misuse()
		})
	}
}
