//go:build deferred || future

package txaio_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// discardLogrus is a logrus logger as an application sets one up, but for
// where it writes.
func discardLogrus(formatter logrus.Formatter) *logrus.Logger {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.SetFormatter(formatter)
	return logger
}

func quietLogger() *txaio.Logger {
	return txaio.MakeLogger(txaio.WithLogrus(discardLogrus(&logrus.TextFormatter{})), txaio.WithLevel(txaio.LevelInfo))
}

func BenchmarkDisabled(b *testing.B) {
	name, count, took := "roy", 42, time.Second
	b.Run("txaio", func(b *testing.B) {
		log := quietLogger()
		b.ReportAllocs()
		for b.Loop() {
			log.Debug("{name} {count} {took}", slog.String("name", name), slog.Int("count", count), slog.Duration("took", took))
		}
	})
	b.Run("unpinned", func(b *testing.B) {
		log := txaio.MakeLogger(txaio.WithLogrus(discardLogrus(&logrus.TextFormatter{})))
		b.ReportAllocs()
		for b.Loop() {
			log.Debug("{name} {count} {took}", slog.String("name", name), slog.Int("count", count), slog.Duration("took", took))
		}
	})
	b.Run("slog", func(b *testing.B) {
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		ctx := context.Background()
		b.ReportAllocs()
		for b.Loop() {
			log.LogAttrs(ctx, slog.LevelDebug, "message", slog.String("name", name), slog.Int("count", count), slog.Duration("took", took))
		}
	})
}

func BenchmarkEnabled(b *testing.B) {
	for _, level := range []txaio.Level{txaio.LevelDebug, txaio.LevelInfo} {
		b.Run(level.String(), func(b *testing.B) {
			log := quietLogger()
			for b.Loop() {
				log.Enabled(level)
			}
		})
	}
}

func BenchmarkInfo(b *testing.B) {
	for _, c := range []struct {
		name      string
		formatter logrus.Formatter
	}{{"text", &logrus.TextFormatter{}}, {"json", &logrus.JSONFormatter{}}} {
		b.Run(c.name+"/txaio", func(b *testing.B) {
			log := txaio.MakeLogger(txaio.WithLogrus(discardLogrus(c.formatter)))
			b.ReportAllocs()
			for b.Loop() {
				log.Info("Hello, {name}.", slog.String("name", "roy"))
			}
		})
		b.Run(c.name+"/logrus", func(b *testing.B) {
			log := discardLogrus(c.formatter)
			b.ReportAllocs()
			for b.Loop() {
				log.WithFields(logrus.Fields{"name": "roy"}).Infof("Hello, %s.", "roy")
			}
		})
	}
}
