//go:build peers && (deferred || future)

package peers

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

var serializers = map[string]wamp.Serializer{"json": wamp.JSON, "msgpack": wamp.MessagePack, "cbor": wamp.CBOR}

// Each client calls procedures of Go, and Go calls those of the client, over each
// serializer and transport that the client has.
func TestClients(t *testing.T) {
	for _, test := range []struct {
		library, serializer string
		raw, fox            bool
	}{
		{"python", "json", false, false}, {"python", "msgpack", false, false}, {"python", "cbor", false, false}, {"python", "cbor", true, false},
		{"autobahn", "json", false, false}, {"autobahn", "msgpack", false, false}, {"autobahn", "cbor", false, false}, {"autobahn", "json", true, false},
		{"wampy", "json", false, false}, {"wampy", "msgpack", false, false}, {"wampy", "cbor", false, false},
		{"autobahn", "json", false, true},
	} {
		t.Run(fmt.Sprintf("%s, %s, raw %t, fox %t", test.library, test.serializer, test.raw, test.fox), func(t *testing.T) {
			t.Parallel()
			var url string
			if test.fox {
				port, _ := startFox(t, anyPort)
				url = urlOf(port)
			} else {
				router := wamptest.StartRouter(t, wamptest.RouterOptions{})
				url = router.URL
				if test.raw {
					url = router.RawURL
				}
			}
			startPeer(t, test.library, url, test.serializer)
			s := join(t, wamp.Config{URL: url, Serializers: []wamp.Serializer{serializers[test.serializer]}})
			callPeer(t, s, test.fox)
			calledByPeer(t, s, test.fox)
			exchangeEvents(t, s)
			if !test.fox && (test.library == "python" || test.serializer != "json") { // no library for JavaScript sends binary data in JSON
				exchangeBytes(t, s)
			}
		})
	}
}

// wampy and fox-wamp do not understand each other's progressive results.
func TestWampyAtFox(t *testing.T) {
	t.Parallel()
	port, _ := startFox(t, anyPort)
	startPeer(t, "wampy", urlOf(port), "json")
	s := join(t, wamp.Config{URL: urlOf(port)})
	var sum int
	if err := must(t, s.Call("com.peer.add", wamp.Args(2, 3))).Scan(&sum); err != nil || sum != 5 {
		t.Errorf("add: %d, %v", sum, err)
	}
	wampError(t, s.Call("com.peer.fail", wamp.Args("no luck")))
}

func callPeer(t *testing.T, s *wamp.Session, fox bool) {
	t.Helper()
	var sum int
	if err := must(t, s.Call("com.peer.add", wamp.Args(2, 3))).Scan(&sum); err != nil || sum != 5 {
		t.Errorf("add: %d, %v", sum, err)
	}
	failed := wampError(t, s.Call("com.peer.fail", wamp.Args("no luck")))
	if !fox && text(failed.Payload) != "[no luck] map[code:7]" || !fox && failed.URI != "com.peer.error" {
		t.Errorf("fail: %v", failed)
	}
	var seen []int
	count := s.Call("com.peer.count", wamp.Args(3), wamp.CallOptions{OnProgress: func(r *wamp.Result) {
		var n int
		if err := r.Scan(&n); err != nil {
			t.Error(err)
		}
		seen = append(seen, n)
	}})
	if err := must(t, count).Scan(&sum); err != nil || sum != 3 || !reflect.DeepEqual(seen, []int{0, 1, 2}) {
		t.Errorf("count: %d after %v, %v", sum, seen, err)
	}
}

func calledByPeer(t *testing.T, s *wamp.Session, fox bool) {
	t.Helper()
	must(t, s.Register("com.go.double", func(inv *wamp.Invocation) (wamp.Payload, error) {
		var n int
		if err := inv.Scan(&n); err != nil {
			return wamp.Payload{}, err
		}
		if inv.Details["receive_progress"] == true {
			if err := inv.Progress(full(n)); err != nil {
				return wamp.Payload{}, err
			}
		}
		return full(2 * n), nil
	}))
	must(t, s.Register("com.go.refuse", func(*wamp.Invocation) (wamp.Payload, error) {
		return wamp.Payload{}, &wamp.Error{URI: "com.go.error", Payload: wamp.Args("no luck")}
	}))
	peer := func(args ...any) string {
		t.Helper()
		return text(must(t, s.Call("com.peer.do_call", full(args...))).Payload)
	}
	if got := peer("com.go.double", 21); !strings.HasPrefix(got, "[result 42 [21") {
		t.Errorf("the other client got %s", got)
	}
	if got := peer("com.go.refuse"); !fox && got != "[com.go.error no luck]" {
		t.Errorf("the other client got %s", got)
	}
}

func exchangeEvents(t *testing.T, s *wamp.Session) {
	t.Helper()
	heard := make(chan string, 10)
	must(t, s.Subscribe("com.peer.news", func(e *wamp.Event) error {
		heard <- text(e.Payload)
		return nil
	}))
	must(t, s.Call("com.peer.do_publish", full("com.peer.news", "hello", 7)))
	if got := receive(t, heard, "event"); got != "[hello 7]" {
		t.Errorf("heard %s", got)
	}
	must(t, s.Publish("com.go.news", full("hi", 2), wamp.PublishOptions{Acknowledge: true}))
	if got := text(must(t, s.Call("com.peer.hear", full())).Payload); got != "[hi 2]" {
		t.Errorf("the other client heard %s", got)
	}
}

// exchangeBytes sends binary data there and back, at several depths, and text with
// all kinds of characters.
func exchangeBytes(t *testing.T, s *wamp.Session) {
	t.Helper()
	data := make([]byte, 256)
	for i := range data {
		data[i] = byte(i)
	}
	args := []any{data, []any{data[:1]}, map[string]any{"k": data[200:]}, "täxt \U0001f600 \x01", int64(1 << 30), -1.5}
	if got := must(t, s.Call("com.peer.echo", wamp.Args(args...))).Args; !reflect.DeepEqual(got, args) {
		t.Errorf("got back %#v", got)
	}
}

func TestSignedIn(t *testing.T) {
	seed := strings.Repeat("5a", 32)
	raw, err := hex.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(raw)
	public := hex.EncodeToString(key.Public().(ed25519.PublicKey))
	for _, test := range []struct {
		method  string
		options wamptest.RouterOptions
		auth    wamp.Authenticator
		secret  string
		others  []string
	}{
		{"cryptosign", wamptest.RouterOptions{Keys: map[string]string{public: "joe"}}, wamp.Cryptosign("joe", key), seed, []string{"python", "autobahn", "wampy"}},
		{"scram", wamptest.RouterOptions{Password: "secret", KDF: "argon2id-13"}, wamp.SCRAM("joe", "secret"), "secret", []string{"python"}},
		{"wampcra", wamptest.RouterOptions{Secret: "secret"}, wamp.CRA("joe", "secret"), "secret", []string{"autobahn", "wampy"}},
	} {
		for _, library := range test.others {
			t.Run(test.method+", "+library, func(t *testing.T) {
				t.Parallel()
				url := wamptest.StartRouter(t, test.options).URL
				startPeer(t, library, url, "json", "joe", test.method, test.secret)
				s := join(t, wamp.Config{URL: url, Auth: []wamp.Authenticator{test.auth}})
				must(t, s.Call("com.peer.add", wamp.Args(1, 1)))
			})
		}
	}
}

// A router that is restarted says goodbye. When it is back, it does not know its
// realms at once.
func TestRouterRestarts(t *testing.T) {
	router := wamptest.StartRouter(t, wamptest.RouterOptions{})
	joins, leaves, retries := make(chan error, 10), make(chan string, 10), make(chan error, 100)
	s := newSession(t, wamp.Config{
		URL:       router.URL,
		Reconnect: &wamp.Backoff{InitialDelay: 20 * time.Millisecond, MaxDelay: 50 * time.Millisecond},
		OnJoin: func(s *wamp.Session, _ *wamp.JoinDetails) error {
			registered := s.Register("com.go.here", func(*wamp.Invocation) (wamp.Payload, error) { return full("here"), nil })
			txaio.Watch(registered,
				func(*wamp.Registration) { joins <- nil },
				func(fail *txaio.Failure) { joins <- fail })
			return nil
		},
		OnLeave: func(_ *wamp.Session, details *wamp.CloseDetails) { leaves <- details.Reason },
		OnRetry: func(_ int, _ time.Duration, err error) {
			select {
			case retries <- err:
			default: // enough were seen
			}
		},
	})
	must(t, s.Join())
	if err := receive(t, joins, "registration"); err != nil {
		t.Fatal(err)
	}
	router.Shutdown()
	if reason := receive(t, leaves, "end of the session"); reason != wamp.CloseSystemShutdown {
		t.Error(reason)
	}
	router.Restart(t)
	for range 3 { // the first reason is the goodbye, later ones are other errors
		for !strings.Contains(receive(t, retries, "attempt").Error(), wamp.NoSuchRealm) {
		}
	}
	if refused := router.OpenRealm(); refused == 0 {
		t.Error("the router was not asked for its realm")
	}
	if err := receive(t, joins, "registration"); err != nil {
		t.Fatal(err)
	}
	startPeer(t, "autobahn", router.URL, "json")
	if got := text(must(t, s.Call("com.peer.do_call", full("com.go.here"))).Payload); got != "[result here []]" {
		t.Error(got)
	}
}

// A message of a mebibyte takes seconds on a slow link, with pings every half second.
func TestSlowLink(t *testing.T) {
	for _, raw := range []bool{false, true} {
		t.Run(fmt.Sprintf("raw %t", raw), func(t *testing.T) {
			t.Parallel()
			router := wamptest.StartRouter(t, wamptest.RouterOptions{})
			startPeer(t, "autobahn", router.URL, "json")
			url := slowly(t, router.URL, 500_000)
			if raw {
				url = slowly(t, router.RawURL, 500_000)
			}
			lost := make(chan error, 1)
			s := join(t, wamp.Config{
				URL: url, PingInterval: 500 * time.Millisecond,
				OnDisconnect: func(_ *wamp.Session, err error) { lost <- err },
			})
			long := strings.Repeat("x", 1<<20)
			if got := must(t, s.Call("com.peer.echo", wamp.Args(long))).Args; len(got) != 1 || got[0] != long {
				t.Error("the result is not what was sent")
			}
			select {
			case err := <-lost:
				t.Error(err)
			default: // it has held
			}
		})
	}
}

// slowly returns the URL of a link to url that is limited to a number of bytes per
// second in each direction.
func slowly(t *testing.T, url string, speed int) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	scheme, address, _ := strings.Cut(strings.TrimSuffix(url, "/"), "://")
	crawl := func(to, from net.Conn) {
		defer to.Close()
		piece := make([]byte, 8<<10)
		for {
			n, err := from.Read(piece)
			if n > 0 {
				time.Sleep(time.Duration(n) * time.Second / time.Duration(speed))
				if _, err := to.Write(piece[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				near.Close()
				return
			}
			go crawl(far, near)
			go crawl(near, far)
		}
	}()
	return scheme + "://" + listener.Addr().String()
}
