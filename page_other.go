//go:build !js

package txaio

// pageShare is empty: only a page waits for a loop to pause.
type pageShare struct{}

func (*pageShare) giveTurn() {}
