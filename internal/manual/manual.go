// Package manual lets package testutil drive a loop by hand, without methods
// for that in the API of the loop that applications use.
package manual

import (
	"time"

	"github.com/jonboulle/clockwork"
)

// A Driver drives a loop that never runs by itself.
type Driver interface {
	// Clock returns the loop's clock.
	Clock() clockwork.Clock
	// Begin makes the running goroutine the loop's driver until End. It
	// panics where the loop has a driver.
	Begin()
	End()
	// Turn runs one turn of the loop.
	Turn()
	// Ready reports whether there is something to run now.
	Ready() bool
	// Next returns the time until the earliest timer, if there is one.
	Next() (until time.Duration, ok bool)
}

// Of returns the driver of a *txaio.Loop, which from then on never runs by
// itself. Package txaio sets it.
var Of func(loop any) Driver

// MustHaveBackend panics in a build without one. Package txaio sets it.
var MustHaveBackend func()

// IsTestLoop reports whether a loop is a *testutil.TestLoop, which overrides
// nothing of the loop that it embeds. Package testutil sets it.
var IsTestLoop = func(loop any) bool { return false }
