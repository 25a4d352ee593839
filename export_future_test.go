//go:build future

package txaio

// ForgetChains does nothing: futures have no Chain.
func ForgetChains() {}
