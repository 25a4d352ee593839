//go:build deferred || future

package txaio_test

import (
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"github.com/sirupsen/logrus"
)

// giveWay lets other goroutines and JavaScript run. JavaScript runs when no goroutine
// can.
func giveWay() { time.Sleep(time.Millisecond) }

// Write logs at once. Otherwise Node.js writes them when JavaScript gets its turn, and
// a test that keeps the collector busy would never see them.
func init() { logrus.SetOutput(stderr{}) }

type stderr struct{}

func (stderr) Write(text []byte) (int, error) {
	array := js.Global().Get("Uint8Array").New(len(text))
	js.CopyBytesToJS(array, text)
	js.Global().Get("fs").Call("writeSync", 2, array)
	return len(text), nil
}

// runSelf starts the process with Node.js, because GOOS=js has no processes.
func runSelf(test string, variables ...string) (printed string, err error) {
	process := js.Global().Get("process")
	args := process.Get("execArgv").Call("concat", process.Get("argv").Call("slice", 1, 3)) // wasm_exec_node.js and the test binary
	args.Call("push", "-test.run=^"+test+"$")
	env := js.Global().Get("Object").Call("assign", js.Global().Get("Object").New(), process.Get("env"))
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		env.Set(name, value)
	}
	// Node.js needs a limit, because the test's limit cannot end a child that spins.
	result := js.Global().Call("require", "child_process").Call("spawnSync", process.Get("execPath"), args,
		map[string]any{"env": env, "encoding": "utf8", "timeout": 120_000})
	printed = result.Get("stdout").String() + result.Get("stderr").String()
	if status := result.Get("status"); status.IsNull() {
		err = fmt.Errorf("killed with %s", result.Get("signal").String())
	} else if status.Int() != 0 {
		err = fmt.Errorf("exit status %d", status.Int())
	}
	return printed, err
}
