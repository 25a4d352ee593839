// Package logcapture lets package testutil capture what is logged, without a
// function for that in the API that applications use.
package logcapture

import "log/slog"

// Swap makes the entries of all loggers go to handler until restore is called.
// Package txaio sets it.
var Swap func(handler slog.Handler) (restore func())
