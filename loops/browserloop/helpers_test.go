//go:build (deferred || future) && js && wasm

package browserloop_test

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/browserloop"
)

// loop is the loop of all tests, as on a page.
var loop *browserloop.EventLoop

func TestMain(m *testing.M) {
	loop = browserloop.New()
	txaio.SetLoop(loop)
	os.Exit(m.Run())
}

// eval returns the value of a JavaScript expression.
func eval(expression string) js.Value {
	return js.Global().Get("Function").New("return (" + expression + ")").Invoke()
}

// await returns f's outcome. It is not called on the loop.
func await[T any](t testing.TB, f *txaio.Future[T]) (T, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	value, err := txaio.Await(ctx, f)
	if err == context.DeadlineExceeded {
		t.Fatal("it is pending for ever")
	}
	return value, err
}

// awaitJS returns a promise's outcome as a JavaScript value.
func awaitJS(t testing.TB, promise js.Value) (value js.Value, rejected bool) {
	t.Helper()
	pair, err := await(t, browserloop.FromPromise[js.Value](promise.Call("then",
		eval("value => [value, false]"), eval("error => [error, true]"))))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Index(0), pair.Index(1).Bool()
}

// flush waits until the loop has run what is queued.
func flush() {
	done := make(chan struct{})
	loop.CallSoon(func() { close(done) })
	<-done
}

// reported returns the errors that are reported to the page while fn and the functions
// that it queues run.
func reported(fn func()) []string {
	var got []string
	report := js.FuncOf(func(_ js.Value, args []js.Value) any {
		got = append(got, args[0].Get("message").String())
		return nil
	})
	defer report.Release()
	js.Global().Set("reportError", report)
	defer js.Global().Delete("reportError")
	fn()
	flush()
	flush()
	return got
}

// collect lets both collectors run until done.
func collect(t testing.TB, done func() bool) {
	t.Helper()
	js.Global().Call("require", "v8").Call("setFlagsFromString", "--expose-gc")
	collector := js.Global().Call("require", "vm").Call("runInNewContext", "gc")
	for range 200 {
		if done() {
			return
		}
		runtime.GC()
		time.Sleep(time.Millisecond) // the page's turn
		collector.Invoke()
	}
	t.Fatal("it was never collected")
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
