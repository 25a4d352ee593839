package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/txaio-go/txaio"
)

func discardLogrus() *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetFormatter(&logrus.TextFormatter{DisableColors: true})
	return l
}

func discardZap(level zapcore.Level) *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), level))
}

// BenchmarkLogDisabled logs below the level, with one attribute. It loops over b.N,
// because inside b.Loop each call copies its arguments once more.
func BenchmarkLogDisabled(b *testing.B) {
	b.Run("slog LogAttrs", func(b *testing.B) {
		defer allocs(b)()
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		ctx := context.Background()
		for range b.N {
			log.LogAttrs(ctx, slog.LevelDebug, "hello", slog.String("name", "roy"))
		}
	})
	b.Run("txaio", func(b *testing.B) {
		defer allocs(b)()
		log := txaio.MakeLogger(txaio.WithLevel(txaio.LevelInfo), txaio.WithLogrus(discardLogrus()))
		for range b.N {
			log.Debug("Hello {name}", slog.String("name", "roy"))
		}
	})
	b.Run("txaio, slog.Int", func(b *testing.B) {
		defer allocs(b)()
		log := txaio.MakeLogger(txaio.WithLevel(txaio.LevelInfo), txaio.WithLogrus(discardLogrus()))
		for i := range b.N {
			log.Debug("Hopping {times} times", slog.Int("times", i))
		}
	})
	b.Run("logrus", func(b *testing.B) {
		defer allocs(b)()
		log := discardLogrus()
		for range b.N {
			log.WithFields(logrus.Fields{"name": "roy"}).Debugf("Hello %s", "roy")
		}
	})
	b.Run("zap", func(b *testing.B) {
		defer allocs(b)()
		log := discardZap(zapcore.InfoLevel)
		for range b.N {
			log.Debug("hello", zap.String("name", "roy"))
		}
	})
	b.Run("zerolog", func(b *testing.B) {
		defer allocs(b)()
		log := zerolog.New(io.Discard).Level(zerolog.InfoLevel)
		for range b.N {
			log.Debug().Str("name", "roy").Msg("hello")
		}
	})
}

// BenchmarkLogInfo logs an entry with one attribute.
func BenchmarkLogInfo(b *testing.B) {
	b.Run("logrus", func(b *testing.B) {
		defer allocs(b)()
		log := discardLogrus()
		for b.Loop() {
			log.WithFields(logrus.Fields{"times": 42}).Infof("Hopping %d times", 42)
		}
	})
	b.Run("txaio", func(b *testing.B) {
		defer allocs(b)()
		log := txaio.MakeLogger(txaio.WithLogrus(discardLogrus()))
		for b.Loop() {
			log.Info("Hopping {times} times", slog.Int("times", 42))
		}
	})
	b.Run("slog LogAttrs and Sprintf", func(b *testing.B) {
		defer allocs(b)()
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		ctx := context.Background()
		for b.Loop() {
			log.LogAttrs(ctx, slog.LevelInfo, fmt.Sprintf("Hopping %d times", 42), slog.Int("times", 42))
		}
	})
	b.Run("txaio to slog", func(b *testing.B) {
		defer allocs(b)()
		txaio.SetSlog(slog.NewTextHandler(io.Discard, nil))
		defer txaio.SetSlog(nil)
		log := txaio.MakeLogger(txaio.WithNamespace("bench"))
		for b.Loop() {
			log.Info("Hopping {times} times", slog.Int("times", 42))
		}
	})
	b.Run("txaio StartLogging", func(b *testing.B) {
		defer allocs(b)()
		if err := txaio.StartLogging(io.Discard, txaio.LevelInfo); err != nil {
			b.Fatal(err)
		}
		log := txaio.MakeLogger()
		for b.Loop() {
			log.Info("Hopping {times} times", slog.Int("times", 42))
		}
	})
	b.Run("slog LogAttrs", func(b *testing.B) {
		defer allocs(b)()
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		ctx := context.Background()
		for b.Loop() {
			log.LogAttrs(ctx, slog.LevelInfo, "hopping", slog.Int("times", 42))
		}
	})
	b.Run("zap", func(b *testing.B) {
		defer allocs(b)()
		log := discardZap(zapcore.InfoLevel)
		for b.Loop() {
			log.Info("hopping", zap.Int("times", 42))
		}
	})
	b.Run("zerolog", func(b *testing.B) {
		defer allocs(b)()
		log := zerolog.New(io.Discard)
		for b.Loop() {
			log.Info().Timestamp().Int("times", 42).Msg("hopping")
		}
	})
}

// BenchmarkLogBridge logs 20 attributes with log/slog.
func BenchmarkLogBridge(b *testing.B) {
	attrs := make([]slog.Attr, 20)
	for i := range attrs {
		attrs[i] = slog.Int(fmt.Sprintf("attribute%d", i), i)
	}
	run := func(name string, log func() *slog.Logger) {
		b.Run(name, func(b *testing.B) {
			defer allocs(b)()
			log, ctx := log(), context.Background()
			for b.Loop() {
				log.LogAttrs(ctx, slog.LevelInfo, "hopping", attrs...)
			}
		})
	}
	run("slog TextHandler", func() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) })
	run("txaio", func() *slog.Logger {
		if err := txaio.StartLogging(io.Discard, txaio.LevelInfo); err != nil {
			b.Fatal(err)
		}
		return slog.Default()
	})
}
