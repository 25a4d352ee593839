//go:build deferred && future

package txaio

// Both tags are set. The declaration below exists for the compiler's message,
// which quotes it.
var _ int = "txaio: choose one backend: -tags deferred or -tags future"
