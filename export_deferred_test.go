//go:build deferred

package txaio

// ForgetChains makes Deferreds as cheap as they are before the first use of
// Chain, which is another path through the code.
func ForgetChains() { chains.used.Store(false) }
