//go:build browser && !js

package main

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var picture = flag.String("picture", "", "where to keep pictures of the page: the `prefix` of their names")

// open serves the page and opens it in Chromium.
func open(t *testing.T) (tab context.Context, s *site) {
	t.Helper()
	s, err := newSite(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	options := []chromedp.ExecAllocatorOption{chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 900)}
	for _, name := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"hide-scrollbars", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	tab, cancel = chromedp.NewContext(ctx, chromedp.WithListener(func(event any) {
		switch event := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("thrown on the page: %s", event.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			for _, arg := range event.Args {
				t.Errorf("on the console: %s %s", arg.Value, arg.Description)
			}
		}
	}))
	t.Cleanup(cancel)
	do(t, tab, chromedp.Navigate(server.URL))
	waitDone(t, tab)
	return tab, s
}

// waitDone waits until everything on the page has run.
func waitDone(t *testing.T, tab context.Context) {
	t.Helper()
	eval[bool](t, tab, `new Promise(resolve => {
		const poll = setInterval(() => {
			if (document.body.dataset.state === "done") {
				clearInterval(poll)
				requestAnimationFrame(() => setTimeout(resolve, 300, true)) // the transitions end
			}
		}, 10)
	})`)
}

func do(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of an expression on the page.
func eval[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

func lines(t *testing.T, tab context.Context, part, tag string) []string {
	t.Helper()
	return eval[[]string](t, tab, fmt.Sprintf("[...document.querySelectorAll('#%s [data-tag=%s] .line')].map(e => e.textContent.trim())", part, tag))
}

func TestPage(t *testing.T) {
	tab, site := open(t)
	check := func() {
		t.Helper()
		for tag, greeting := range map[string][]string{
			"deferred": {"resolving", "callback: hello, Roy", "resolved"},
			"future":   {"resolving", "resolved", "callback: hello, Roy"},
		} {
			for part, want := range map[string][]string{
				"greet":  greeting,
				"timers": {"200", "400", "cancelled", "600", "1000"},
				"gather": {"8 parts, 896 kB", "part 5: connection reset"},
				"fetch":  {"GET /slow", "txaio.TimeoutError: timed out after 700ms"},
			} {
				if got := lines(t, tab, part, tag); !slices.Equal(got, want) {
					t.Errorf("%s, %s: %q, want %q", part, tag, got, want)
				}
			}
			within := func(format string) string { return fmt.Sprintf(format, "[data-tag="+tag+"]") }
			if got := eval[string](t, tab, within("document.querySelector('#gather %s .bar').ariaValueNow")); got != "100" {
				t.Errorf("%s: the bar is at %s", tag, got)
			}
			if got := eval[int](t, tab, within("document.querySelectorAll('#timers %s .mark.fired').length")); got != 4 {
				t.Errorf("%s: %d timers have fired", tag, got)
			}
			number := func(class string) int {
				return eval[int](t, tab, within("Number(document.querySelector('#busy %s ."+class+"').textContent.replaceAll(',', ''))"))
			}
			if turns, frames := number("turns"), number("frames"); turns < 2 || frames < 2 {
				t.Errorf("%s: %d frames while %d functions ran", tag, frames, turns)
			}
		}
	}
	check()
	if *picture != "" {
		for _, scheme := range []string{"light", "dark"} {
			if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
			}); err != nil {
				t.Fatal(err)
			}
			shot, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(*picture+"-"+scheme+".png", shot, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}

	do(t, tab, chromedp.Click("button"))
	waitDone(t, tab)
	check()
	for end := time.Now().Add(20 * time.Second); site.givenUp.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server has seen no request that was given up")
		}
	}
}

// JavaScript can call the Go functions and await their promises.
func TestFunctionsOfThePage(t *testing.T) {
	tab, _ := open(t)
	for _, tag := range []string{"deferred", "future"} {
		for expression, want := range map[string]string{
			`sleep(1).then(String)`: "undefined",
			`sleep(1e9, {signal: AbortSignal.timeout(10)}).catch(String)`:                  "AbortError: cancelled",
			`sleep(1e9, {signal: AbortSignal.abort()}).catch(e => e.stack.split("\n")[0])`: "Traceback (most recent call last):",
		} {
			if got := eval[string](t, tab, tag+"."+expression); !strings.HasPrefix(got, want) {
				t.Errorf("%s.%s: %s, want %s", tag, expression, got, want)
			}
		}
		if got := eval[string](t, tab, `new Promise(resolve => {
			addEventListener("unhandledrejection", event => { event.preventDefault(); resolve(event.reason.name) }, {once: true})
			`+tag+`.sleep(1e9, {signal: AbortSignal.abort()})
		})`); got != "AbortError" {
			t.Errorf("%s: unhandledrejection with %s", tag, got)
		}
		// If a page is gone, its promises are rejected.
		if got := eval[string](t, tab, `new Promise(resolve => {
			const frame = document.createElement("iframe")
			frame.srcdoc = '<script src="/wasm_exec.js"></script><script>const go = new Go();' +
				'WebAssembly.instantiateStreaming(fetch("/`+tag+`.wasm"), go.importObject).then(({instance}) => go.run(instance))</script>'
			document.body.append(frame)
			const poll = setInterval(() => {
				const page = frame.contentWindow.`+tag+`
				if (page?.sleep) {
					clearInterval(poll)
					page.sleep(1e9).catch(error => resolve(error.message))
					frame.remove()
				}
			}, 10)
		})`); got != "browserloop: the page is gone" {
			t.Errorf("%s: a frame that was removed: %s", tag, got)
		}
	}
}
