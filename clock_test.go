//go:build deferred || future

package txaio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
)

func TestTimeNs(t *testing.T) {
	before := time.Now().UnixNano()
	now := txaio.TimeNs()
	if after := time.Now().UnixNano(); now < before || now > after {
		t.Errorf("TimeNs() = %d between %d and %d", now, before, after)
	}
}

func TestPerfCounterNs(t *testing.T) {
	last := txaio.PerfCounterNs()
	for range 10_000 {
		now := txaio.PerfCounterNs()
		if now < last {
			t.Fatalf("PerfCounterNs() went from %d back to %d", last, now)
		}
		last = now
	}
	synctest.Test(t, func(t *testing.T) {
		begin := txaio.PerfCounterNs()
		time.Sleep(time.Hour)
		if took := time.Duration(txaio.PerfCounterNs() - begin); took != time.Hour {
			t.Errorf("an hour took %v", took)
		}
	})
}
