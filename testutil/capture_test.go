//go:build deferred || future

package testutil_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func TestCaptureLog(t *testing.T) {
	log := txaio.MakeLogger(txaio.WithNamespace("ns"))
	own := txaio.MakeLogger(txaio.WithNamespace("own"), txaio.WithLogrus(logrus.New()), txaio.WithLevel(txaio.LevelWarn))
	var outer, inner *testutil.LogCapture
	t.Run("outer", func(t *testing.T) {
		outer = testutil.CaptureLog(t)
		log.Trace("{n} hops", slog.Int("n", 3))
		own.Info("below its level")
		own.Critical("own")
		t.Run("inner", func(t *testing.T) {
			inner = testutil.CaptureLog(t)
			log.Info("inner")
		})
		log.Failure(txaio.CreateFailure(errors.New("boom")), "failed")
	})
	entries := outer.Entries()
	if len(entries) != 3 || len(inner.Entries()) != 1 || inner.Entries()[0].Message != "inner" {
		t.Fatalf("%v and %v", entries, inner.Entries())
	}
	hops, critical, failed := entries[0], entries[1], entries[2]
	if hops.Level != txaio.LevelTrace || hops.Namespace != "ns" || hops.Message != "3 hops" || hops.Attr("n") != int64(3) || hops.Attr("txaio_trace") != true || hops.Attr("m") != nil || hops.Time.IsZero() {
		t.Errorf("%+v", hops)
	}
	if critical.Level != txaio.LevelCritical || critical.Namespace != "own" || len(critical.Attrs) != 0 {
		t.Errorf("%+v", critical)
	}
	if failed.Level != txaio.LevelError || !strings.HasPrefix(failed.Message, "failed\nTraceback") || failed.Failure == nil || failed.Failure.Error() != "boom" {
		t.Errorf("%+v", failed)
	}
}

func TestCaptureLogInParallel(t *testing.T) {
	t.Run("parallel", func(t *testing.T) {
		t.Parallel()
		defer func() {
			if recover() == nil {
				t.Error("CaptureLog did not fail a parallel test")
			}
		}()
		testutil.CaptureLog(t)
	})
}
