//go:build (deferred || future) && !js

package txaio_test

import (
	"os"
	"os/exec"
	"runtime"
)

// giveWay lets other goroutines run.
func giveWay() { runtime.Gosched() }

// runSelf runs a test in a process of its own, with more variables in its
// environment, and returns its output.
func runSelf(test string, variables ...string) (printed string, err error) {
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.timeout=30s")
	cmd.Env = append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
