//go:build deferred || future

package txaio

import (
	"runtime"
	"testing"
	"time"
)

// Debug mode keeps no data of a future that was dropped.
func TestDebugForgetsDroppedFutures(t *testing.T) {
	kept := func() int {
		unsettled.Lock()
		defer unsettled.Unlock()
		return len(unsettled.histories)
	}
	defer debugMode.Store(debugMode.Load())
	debugMode.Store(true)
	for range 1000 {
		CreateFuture[int]()
	}
	debugMode.Store(false)
	for end := time.Now().Add(30 * time.Second); kept() >= 1000; runtime.GC() {
		if time.Now().After(end) {
			t.Fatalf("%d histories are kept", kept())
		}
	}
}
