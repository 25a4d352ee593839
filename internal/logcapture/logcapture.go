// Package logcapture lets package testutil capture log entries without adding to the
// public API of package txaio.
package logcapture

import "log/slog"

// Swap sends the entries of all loggers to handler until restore is called. Package
// txaio sets it.
var Swap func(handler slog.Handler) (restore func())
