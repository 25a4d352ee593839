//go:build deferred || future

package conformance

import (
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
)

// The programs leave failures that nobody handles. They need not be logged.
func TestMain(m *testing.M) {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	txaio.SetLogrus(quiet)
	m.Run()
}
