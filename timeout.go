//go:build deferred || future

package txaio

import "time"

// timedOut returns the failure of a future that AddTimeout cancelled: a
// *TimeoutError in place of the *CancelledError.
func timedOut(fail *Failure, delay time.Duration) *Failure {
	if fail != nil {
		if _, cancelled := fail.err.(*CancelledError); cancelled {
			return toFailure(&TimeoutError{delay})
		}
	}
	return fail
}
