//go:build peers && (deferred || future)

// The tests against real peers: the router fox-wamp, and Autobahn|Python, Autobahn|JS
// and wampy as the other client. ../run-peers.sh installs them and runs the tests.
package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// patience is how long a test waits for a peer.
const patience = 30 * time.Second

// startProcess starts a program that prints a line beginning with prefix when it is
// ready. It returns the rest of the line, and a function that ends the program. The
// program also ends with the test.
func startProcess(t testing.TB, prefix, name string, args ...string) (said string, kill func()) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), "UNTIL_STDIN_ENDS=1")
	if _, err := command.StdinPipe(); err != nil { // open until this process ends
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	kill = func() {
		if !ended {
			ended = true
			_ = command.Process.Kill() // it may have ended by itself
			_ = command.Wait()         // its error says that it was killed
		}
	}
	t.Cleanup(kill)
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if rest, is := strings.CutPrefix(lines.Text(), prefix); is {
				ready <- strings.TrimSpace(rest)
				_, _ = io.Copy(io.Discard, stdout) // it must not block
				return
			}
		}
		close(ready)
	}()
	select {
	case rest, ok := <-ready:
		said = rest
		if !ok {
			t.Fatalf("%s %v ended before it was ready", name, args)
		}
	case <-time.After(patience):
		t.Fatalf("%s %v was not ready within %v", name, args, patience)
	}
	return said, kill
}

// anyPort lets a router choose a port.
const anyPort = "0"

// startFox starts fox-wamp and returns its port.
func startFox(t testing.TB, port string, methods ...string) (chosen string, kill func()) {
	t.Helper()
	return startProcess(t, "listening", "node", append([]string{"router.cjs", port}, methods...)...)
}

func urlOf(port string) string { return "ws://127.0.0.1:" + port + "/" }

// startAutobahn starts the Python client, with JSON.
func startAutobahn(t testing.TB, url string) { startPeer(t, "python", url, "json") }

// startPeer starts another client: python, autobahn (Autobahn|JS) or wampy.
func startPeer(t testing.TB, library, url, serializer string, auth ...string) {
	t.Helper()
	args := append([]string{url, serializer}, auth...)
	if library == "python" {
		startProcess(t, "ready", "/usr/bin/python3", append([]string{"client.py"}, args...)...)
	} else {
		startProcess(t, "ready", "node", append([]string{"client.mjs", library}, args...)...)
	}
}

func await[T any](t testing.TB, f *txaio.Future[T]) (T, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	value, err := txaio.Await(ctx, f)
	if err != nil && err == ctx.Err() {
		t.Fatalf("the future is pending after %v", patience)
	}
	return value, err
}

func must[T any](t testing.TB, f *txaio.Future[T]) T {
	t.Helper()
	value, err := await(t, f)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func wampError(t testing.TB, f *txaio.Future[*wamp.Result]) *wamp.Error {
	t.Helper()
	result, err := await(t, f)
	failed, is := errors.AsType[*wamp.Error](err)
	if !is {
		t.Fatalf("got %v and the error %v, want a *wamp.Error", result, err)
	}
	return failed
}

func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

func newSession(t testing.TB, config wamp.Config) *wamp.Session {
	t.Helper()
	config.Realm = "realm1"
	s, err := wamp.NewSession(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { await(t, s.Leave()) })
	return s
}

func join(t testing.TB, config wamp.Config) *wamp.Session {
	t.Helper()
	s := newSession(t, config)
	must(t, s.Join())
	return s
}

// full returns a payload with empty keyword arguments. If they are missing,
// fox-wamp sends null, and Autobahn|Python ends its session.
func full(args ...any) wamp.Payload { return wamp.Args(args...).With(nil) }

func text(payload wamp.Payload) string {
	if len(payload.Kwargs) == 0 {
		return fmt.Sprint(payload.Args)
	}
	return fmt.Sprint(payload.Args, payload.Kwargs)
}

// atRouters runs a test at fox-wamp and at the tests' own router, which has features
// that fox-wamp lacks.
func atRouters(t *testing.T, test func(t *testing.T, url string, fox bool)) {
	t.Run("fox-wamp", func(t *testing.T) {
		port, _ := startFox(t, anyPort)
		test(t, urlOf(port), true)
	})
	t.Run("own", func(t *testing.T) { test(t, wamptest.NewRouter(t, ""), false) })
}

func TestGoCallsPython(t *testing.T) {
	atRouters(t, func(t *testing.T, url string, fox bool) {
		startAutobahn(t, url)
		s := join(t, wamp.Config{URL: url})
		if got := text(must(t, s.Call("com.peer.add", wamp.Args(2, 3))).Payload); got != "[5]" {
			t.Errorf("add: %s", got)
		}

		failed := wampError(t, s.Call("com.peer.fail", wamp.Args("no luck")))
		want := "com.peer.error [no luck] map[code:7]"
		if fox { // it replaces every error by one of its own, with the URI as the argument
			want = "wamp.error.callee_failure [com.peer.error] map[]"
		}
		if got := fmt.Sprint(failed.URI, " ", failed.Args, " ", failed.Kwargs); got != want {
			t.Errorf("fail: got %s, want %s", got, want)
		}
		if failed := wampError(t, s.Call("com.peer.nothing", wamp.Payload{})); failed.URI != wamp.NoSuchProcedure {
			t.Error(failed)
		}

		progress := make(chan string, 10)
		count := s.Call("com.peer.count", wamp.Args(3), wamp.CallOptions{OnProgress: func(r *wamp.Result) { progress <- text(r.Payload) }})
		if got := text(must(t, count).Payload); got != "[3]" {
			t.Errorf("count: %s", got)
		}
		for _, want := range []string{"[0]", "[1]", "[2]"} {
			if got := receive(t, progress, "progressive result"); got != want {
				t.Errorf("got the progress %s, want %s", got, want)
			}
		}
	})
}

func TestPythonCallsGo(t *testing.T) {
	atRouters(t, func(t *testing.T, url string, fox bool) {
		startAutobahn(t, url)
		s := join(t, wamp.Config{URL: url})
		must(t, s.Register("com.go.add", func(inv *wamp.Invocation) (wamp.Payload, error) {
			var a, b int
			if err := inv.Scan(&a, &b); err != nil {
				return wamp.Payload{}, err
			}
			return full(a + b), nil
		}))
		must(t, s.RegisterLater("com.go.later", func(inv *wamp.Invocation) (*txaio.Future[wamp.Payload], error) {
			f := txaio.CreateFuture[wamp.Payload]()
			for i := range 3 {
				if err := inv.Progress(full(i)); err != nil {
					return nil, err
				}
			}
			txaio.CallLater(time.Millisecond, func() { txaio.Resolve(f, full("at last")) })
			return f, nil
		}))
		failing := must(t, s.Register("com.go.fail", func(inv *wamp.Invocation) (wamp.Payload, error) {
			return wamp.Payload{}, &wamp.Error{URI: "com.go.error", Payload: wamp.Args("no luck").With(map[string]any{"code": 8})}
		}))
		python := func(args ...any) string {
			return text(must(t, s.Call("com.peer.do_call", wamp.Args(args...))).Payload)
		}
		if got := python("com.go.add", 20, 22); got != "[result 42 []]" {
			t.Error(got)
		}
		if got := python("com.go.later"); got != "[result at last [0 1 2]]" {
			t.Error(got)
		}
		want := "[com.go.error no luck] map[code:8]"
		if fox {
			want = "[wamp.error.callee_failure com.go.error]"
		}
		if got := python("com.go.fail"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		must(t, failing.Unregister())
		if got := python("com.go.fail"); !strings.HasPrefix(got, "[wamp.error.no_such_procedure") {
			t.Error(got)
		}
	})
}

func TestEvents(t *testing.T) {
	atRouters(t, func(t *testing.T, url string, _ bool) {
		startAutobahn(t, url)
		s := join(t, wamp.Config{URL: url})
		heard := make(chan string, 10)
		subscription := must(t, s.Subscribe("com.peer.news", func(e *wamp.Event) error {
			heard <- e.Topic + " " + text(e.Payload)
			return nil
		}))
		if id := must(t, s.Call("com.peer.do_publish", wamp.Args("com.peer.news", "hello", 1.5))); len(id.Args) != 1 {
			t.Errorf("the acknowledgement of Python's event: %v", id.Args)
		}
		if got := receive(t, heard, "event"); got != "com.peer.news [hello 1.5]" {
			t.Error(got)
		}

		published := must(t, s.Publish("com.go.news", wamp.Args("hi", 2).With(map[string]any{"key": "value"}), wamp.PublishOptions{Acknowledge: true}))
		if published.ID == 0 {
			t.Error("the publication has no id")
		}
		if got := text(must(t, s.Call("com.peer.hear", wamp.Payload{})).Payload); got != "[hi 2] map[key:value]" {
			t.Error(got)
		}
		must(t, s.Publish("com.go.news", full("without", "acknowledgement")))
		if got := text(must(t, s.Call("com.peer.hear", wamp.Payload{})).Payload); got != "[without acknowledgement]" {
			t.Error(got)
		}

		must(t, subscription.Unsubscribe())
		must(t, s.Call("com.peer.do_publish", wamp.Args("com.peer.news", "gone", 0)))
		must(t, s.Call("com.peer.add", wamp.Args(1, 1))) // earlier messages have arrived
		if len(heard) != 0 {
			t.Error("heard after unsubscribing: " + <-heard)
		}
	})
}

func TestCancelAndTimeout(t *testing.T) {
	atRouters(t, func(t *testing.T, url string, fox bool) {
		startAutobahn(t, url)
		s := join(t, wamp.Config{URL: url})
		slow := s.Call("com.peer.slow", wamp.Payload{})
		must(t, s.Call("com.peer.add", wamp.Args(1, 1))) // the slow one is running
		txaio.Cancel(slow)
		if _, err := await(t, slow); !errors.Is(err, txaio.ErrCancelled) {
			t.Errorf("cancelled: %v", err)
		}
		if !fox { // fox-wamp ignores CANCEL
			if got := text(must(t, s.Call("com.peer.was_cancelled", wamp.Payload{})).Payload); got != "[true]" {
				t.Error(got)
			}
		}

		start := time.Now()
		_, err := await(t, s.Call("com.peer.slow", wamp.Payload{}, wamp.CallOptions{Timeout: 50 * time.Millisecond}))
		if timeout, is := errors.AsType[*wamp.TimeoutError](err); !is || timeout.Procedure != "com.peer.slow" {
			t.Errorf("timed out: %v", err)
		}
		if waited := time.Since(start); waited < 50*time.Millisecond {
			t.Errorf("it timed out after %v", waited)
		}
		if !fox {
			must(t, s.Call("com.peer.was_cancelled", wamp.Payload{}))
		}
		must(t, s.Call("com.peer.add", wamp.Args(1, 1))) // the session goes on
	})
}

func TestLeave(t *testing.T) {
	atRouters(t, func(t *testing.T, url string, _ bool) {
		told := make(chan string, 10)
		s := join(t, wamp.Config{
			URL:          url,
			OnLeave:      func(_ *wamp.Session, details *wamp.CloseDetails) { told <- details.Reason },
			OnDisconnect: func(_ *wamp.Session, err error) { told <- fmt.Sprint(err) },
		})
		must(t, s.Leave())
		for _, want := range []string{wamp.CloseNormal, "<nil>"} {
			if got := receive(t, told, "callback"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if _, err := await(t, s.Call("com.x", wamp.Payload{})); !errors.Is(err, wamp.ErrNotJoined) {
			t.Error(err)
		}
		must(t, s.Join()) // a session can join again
	})
}

// A session reconnects to a router that is killed and comes back.
func TestRouterKilled(t *testing.T) {
	port, kill := startFox(t, anyPort)
	joins, leaves := make(chan uint64, 10), make(chan string, 10)
	s := newSession(t, wamp.Config{
		URL:       urlOf(port),
		Reconnect: &wamp.Backoff{InitialDelay: 50 * time.Millisecond, MaxDelay: 200 * time.Millisecond},
		OnJoin: func(s *wamp.Session, details *wamp.JoinDetails) error {
			registered := s.RegisterLater("com.go.never", func(*wamp.Invocation) (*txaio.Future[wamp.Payload], error) {
				return txaio.CreateFuture[wamp.Payload](), nil
			})
			txaio.AddCallbacks(registered, func(r *wamp.Registration) (*wamp.Registration, error) {
				joins <- details.Session
				return r, nil
			}, nil)
			return nil
		},
		OnLeave: func(_ *wamp.Session, details *wamp.CloseDetails) { leaves <- details.Reason },
	})
	must(t, s.Join())
	first := receive(t, joins, "first join")
	var calls []*txaio.Future[*wamp.Result]
	for range 100 {
		calls = append(calls, s.Call("com.go.never", wamp.Payload{}))
	}
	must(t, s.Publish("com.go.news", wamp.Args(1), wamp.PublishOptions{Acknowledge: true})) // all were sent
	kill()
	for i, call := range calls {
		_, err := await(t, call)
		if _, lost := errors.AsType[*wamp.TransportError](err); !lost {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if reason := receive(t, leaves, "end of the session"); reason != wamp.CloseTransportLost {
		t.Error(reason)
	}
	startFox(t, port)
	if second := receive(t, joins, "second join"); second == first {
		t.Error("the session has the same id again")
	}
	f := s.Call("com.go.never", wamp.Payload{}, wamp.CallOptions{Timeout: 10 * time.Millisecond})
	if _, err := await(t, f); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestAuthentication(t *testing.T) {
	for _, test := range []struct {
		method string
		auth   func(authID, secret string) wamp.Authenticator
	}{{"ticket", wamp.Ticket}, {"wampcra", wamp.CRA}} {
		t.Run(test.method, func(t *testing.T) {
			port, _ := startFox(t, anyPort, test.method)
			url := urlOf(port)
			s := join(t, wamp.Config{URL: url, Auth: []wamp.Authenticator{test.auth("joe", "joe-secret")}})
			must(t, s.Publish("com.go.news", wamp.Args(1), wamp.PublishOptions{Acknowledge: true}))

			wrong := newSession(t, wamp.Config{URL: url, Auth: []wamp.Authenticator{test.auth("joe", "guess")}})
			_, err := await(t, wrong.Join())
			if refused, is := errors.AsType[*wamp.Error](err); !is || refused.URI != "wamp.error.authentication_failed" {
				t.Errorf("with a wrong secret: %v", err)
			}
		})
	}
	t.Run("salted", func(t *testing.T) { // at the tests' own router; Autobahn joins it in the same way
		url := wamptest.NewRouter(t, "joe-secret")
		startPeer(t, "python", url, "json", "joe", "wampcra", "joe-secret")
		s := join(t, wamp.Config{URL: url, Auth: []wamp.Authenticator{wamp.CRA("joe", "joe-secret")}})
		must(t, s.Call("com.peer.add", wamp.Args(1, 1)))
	})
}

func TestManyPipelinedCalls(t *testing.T) {
	atRouters(t, func(t *testing.T, url string, _ bool) {
		callee := join(t, wamp.Config{URL: url})
		must(t, callee.Register("com.go.double", func(inv *wamp.Invocation) (wamp.Payload, error) {
			var n int
			err := inv.Scan(&n)
			return wamp.Args(2 * n), err
		}))
		s := join(t, wamp.Config{URL: url})
		var calls []*txaio.Future[*wamp.Result]
		for i := range 10_000 {
			calls = append(calls, s.Call("com.go.double", wamp.Args(i)))
		}
		for i, result := range must(t, txaio.Gather(calls, false)) {
			if result.Value.Args[0] != int64(2*i) {
				t.Fatalf("call %d: %v", i, result.Value.Args)
			}
		}
	})
}

// The command shows the same on both backends.
func TestCommand(t *testing.T) {
	port, _ := startFox(t, anyPort)
	program := filepath.Join(t.TempDir(), "wamp")
	tag := "future"
	if txaio.UsingDeferred {
		tag = "deferred"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-tags", tag, "-o", program, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(ctx, program, "-url", urlOf(port), "-realm", "realm1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const want = `Joined realm1
Registered com.example.add
com.example.add(2, 3) = 5
Subscribed to com.example.news
Published
Received an event: it works
Left: wamp.close.normal
Disconnected
`
	if string(out) != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}
