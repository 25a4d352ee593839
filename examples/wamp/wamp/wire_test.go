//go:build deferred || future

package wamp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// The router chooses one of the offered serializers. By default, the session offers
// JSON.
func TestNegotiation(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		config := wamp.Config{Serializers: []wamp.Serializer{wamp.CBOR, wamp.JSON, wamp.MessagePack}}
		s, p := joinedSession(t, server, config)
		if !server.Raw {
			if offered := p.Request.Header["Sec-Websocket-Protocol"]; !reflect.DeepEqual(offered, []string{"wamp.2.cbor,wamp.2.json,wamp.2.msgpack"}) {
				t.Errorf("offered: %q", offered)
			}
		}
		f := s.Call("com.x", wamp.Args([]byte{1}, "text", 1.5))
		p.Expect(`[48, 1, {}, "com.x", ["\u0000AQ==", "text", 1.5]]`)
		p.Send(`[50, 1, {}, [18446744073709551615, 9223372036854775807, "\u0000AQ=="]]`)
		var (
			large uint64
			n     int64
			data  []byte
		)
		if err := must(t, f).Scan(&large, &n, &data); err != nil || large != 1<<64-1 || n != 1<<63-1 || !bytes.Equal(data, []byte{1}) {
			t.Error(large, n, data, err)
		}

		only := newSession(t, server, wamp.Config{Serializers: []wamp.Serializer{wamp.JSON}})
		join := only.Join()
		if server.Protocol != "wamp.2.json" {
			failure[*wamp.TransportError](t, join)
			return
		}
		server.Accept().Welcome()
		must(t, join)
	})
}

// If HELLO is too long for the router, Join fails.
func TestHelloThatIsTooLong(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.RawLength = 0
		s := newSession(t, server, wamp.Config{
			Auth:      []wamp.Authenticator{wamp.Ticket(strings.Repeat("x", 512), "secret")},
			Reconnect: &wamp.Backoff{},
		})
		if _, err := await(t, s.Join()); err == nil || !strings.Contains(err.Error(), "takes at most 512") {
			t.Error(err)
		}
	})
}

// numberless is a value that CBOR and JSON can send, and MessagePack cannot.
var numberless = wamp.Args(jsonNumber("123456789012345678901234567890"))

type jsonNumber string

func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// If a message cannot be encoded, or is too long for the router, the request fails, and
// an invocation gets an error. The session goes on, and skips no id.
func TestMessagesThatCannotBeSent(t *testing.T) {
	long := wamp.Args(strings.Repeat("x", 1100))
	for _, test := range []struct {
		name    string
		payload wamp.Payload
		says    string
		uri     string
		prepare func(*wamptest.Server)
	}{
		{"number", numberless, "has no number", wamp.RuntimeError, func(s *wamptest.Server) { s.Protocol, s.Raw = "wamp.2.msgpack", false }},
		{"length", long, "the router takes at most 1024", wamp.PayloadSizeExceeded, func(s *wamptest.Server) { s.Raw, s.RawLength = true, 1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *wamptest.Server) {
				test.prepare(server)
				s, p := joinedSession(t, server, wamp.Config{})
				for _, f := range []txaio.AnyFuture{
					s.Call("com.x", test.payload),
					s.Publish("com.x", test.payload),
					s.Publish("com.x", test.payload, wamp.PublishOptions{Acknowledge: true}),
				} {
					var err error
					switch f := f.(type) {
					case *txaio.Future[*wamp.Result]:
						_, err = await(t, f)
					case *txaio.Future[*wamp.Publication]:
						_, err = await(t, f)
					}
					if err == nil || !strings.Contains(err.Error(), test.says) {
						t.Error(err)
					}
				}
				answer, _ := registered(t, s, p)
				p.Send(`[68, 1, 7, {}]`)
				txaio.Resolve(answer, test.payload)
				if got := p.Expect(`[8, 68, 1, {}, "` + test.uri + `", "*"]`); !strings.Contains(fmt.Sprint(got[5]), test.says) {
					t.Errorf("answered: %v", got)
				}
			})
		})
	}
}

func TestHeader(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Raw = false
		_, p := joinedSession(t, server, wamp.Config{Header: http.Header{"Authorization": {"Bearer x"}, "Cookie": {"a=b"}}})
		if got := p.Request.Header; got.Get("Authorization") != "Bearer x" || got.Get("Cookie") != "a=b" {
			t.Errorf("got %v", got)
		}
	})
}

// listen accepts connections on loopback, for tests outside a bubble.
func listen(t *testing.T, network, address string, take func(net.Conn)) net.Addr {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go take(conn)
		}
	}()
	return listener.Addr()
}

// certificate returns a certificate for 127.0.0.1 and the client that trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	secure := httptest.NewTLSServer(nil)
	t.Cleanup(secure.Close)
	trusted := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return &tls.Config{Certificates: secure.TLS.Certificates}, &tls.Config{RootCAs: trusted}
}

// exchange joins, calls, and leaves.
func exchange(t *testing.T, server *wamptest.Server, config wamp.Config) {
	t.Helper()
	config.Realm = "realm1"
	s, err := wamp.NewSession(config)
	if err != nil {
		t.Fatal(err)
	}
	joined := s.Join()
	p := server.Accept()
	p.Welcome()
	must(t, joined)
	long := strings.Repeat("x", 1<<20)
	f := s.Call("com.x", wamp.Args(long))
	if call := p.Next(); call[4].([]any)[0] != long {
		t.Error("the argument is not what was sent")
	}
	p.Send(`[50, 1, {}, ["` + long + `"]]`)
	if result := must(t, f); result.Args[0] != long {
		t.Error("the result is not what was sent")
	}
	left := s.Leave()
	p.Goodbye()
	p.ExpectClosed()
	p.Drop()
	must(t, left)
}

func TestRawSocketOverTCP(t *testing.T) {
	server := wamptest.NewServer(t)
	address := listen(t, "tcp", "127.0.0.1:0", server.ServeRaw)
	exchange(t, server, wamp.Config{URL: "rs://" + address.String()})
}

func TestRawSocketOverUnixSocket(t *testing.T) {
	server := wamptest.NewServer(t)
	path := filepath.Join(t.TempDir(), "router")
	listen(t, "unix", path, server.ServeRaw)
	exchange(t, server, wamp.Config{URL: "unix://" + path})
}

func TestRawSocketOverTLS(t *testing.T) {
	server := wamptest.NewServer(t)
	serverTLS, clientTLS := certificate(t)
	address := listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) { server.ServeRaw(tls.Server(conn, serverTLS)) })
	exchange(t, server, wamp.Config{URL: "rss://" + address.String(), TLS: clientTLS})

	s, err := wamp.NewSession(wamp.Config{URL: "rss://" + address.String(), Realm: "realm1"})
	if err != nil {
		t.Fatal(err)
	}
	if lost := failure[*wamp.TransportError](t, s.Join()); !strings.Contains(lost.Error(), "certificate") {
		t.Errorf("a router that nobody trusts: %v", lost)
	}

	clientTLS.ServerName = "other.test"
	s, err = wamp.NewSession(wamp.Config{URL: "rss://" + address.String(), Realm: "realm1", TLS: clientTLS})
	if err != nil {
		t.Fatal(err)
	}
	if lost := failure[*wamp.TransportError](t, s.Join()); !strings.Contains(lost.Error(), "other.test") {
		t.Errorf("a router of another name than asked for: %v", lost)
	}
}

// A client asks a proxy for a TLS server by CONNECT, and for another server by its URL.
func TestProxy(t *testing.T) {
	server := wamptest.NewServer(t)
	plainly := httptest.NewServer(server)
	defer plainly.Close()
	secure := httptest.NewTLSServer(server)
	defer secure.Close()
	asked := make(chan string, 10)
	proxy := listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		in := bufio.NewReader(conn)
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		asked <- request.Method + " " + request.Header.Get("Proxy-Authorization")
		far, err := net.Dial("tcp", request.Host)
		if err != nil {
			return
		}
		if request.Method == http.MethodConnect {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		} else if request.Write(far) != nil {
			return
		}
		go func() {
			io.Copy(far, in)
			far.Close()
		}()
		io.Copy(conn, far)
		conn.Close()
	})
	through := &url.URL{Scheme: "http", Host: proxy.String(), User: url.UserPassword("joe", "secret")}
	for _, test := range []struct{ url, method string }{{plainly.URL, "GET"}, {secure.URL, "CONNECT"}} {
		transport := secure.Client().Transport.(*http.Transport).Clone()
		transport.Proxy = http.ProxyURL(through)
		exchange(t, server, wamp.Config{URL: strings.Replace(test.url, "http", "ws", 1), HTTPClient: &http.Client{Transport: transport}})
		if got := <-asked; got != test.method+" Basic am9lOnNlY3JldA==" {
			t.Errorf("%s: the proxy was asked for %s", test.url, got)
		}
	}
	proxyless := through.JoinPath()
	proxyless.Host = "127.0.0.1:1"
	s, err := wamp.NewSession(wamp.Config{URL: "ws://router.test/", Realm: "realm1", HTTPClient: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxyless)}}})
	if err != nil {
		t.Fatal(err)
	}
	if lost := failure[*wamp.TransportError](t, s.Join()); strings.Contains(lost.Error(), "secret") {
		t.Errorf("the proxy's password is shown: %v", lost)
	}
}

// rawBubble runs a test with a RawSocket.
func rawBubble(t *testing.T, test func(t *testing.T, server *wamptest.Server)) {
	t.Helper()
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.Raw = true
		test(t, server)
	})
}

func TestRawSocketHandshakes(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer string
		says   string
	}{
		{"another protocol", "HTTP/1.1", "does not speak RawSocket"},
		{"length", "\x7f\x20\x00\x00", "the limit for the length"},
		{"reserved", "\x7f\x30\x00\x00", "the requested features"},
		{"connections", "\x7f\x40\x00\x00", "too many connections"},
		{"unknown error", "\x7f\x90\x00\x00", "the error 9"},
		{"other serializer", "\x7f\xf7\x00\x00", "7ff70000"},
		{"reserved bits", "\x7f\xf1\x00\x01", "answers the handshake with"},
		{"other reserved bits", "\x7f\xf1\x01\x00", "answers the handshake with"},
		{"truncated", "\x7f", "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rawBubble(t, func(t *testing.T, server *wamptest.Server) {
				server.RawAnswer = []byte(test.answer)
				s := newSession(t, server, wamp.Config{})
				if lost := failure[*wamp.TransportError](t, s.Join()); !lost.Connecting || !strings.Contains(lost.Error(), test.says) {
					t.Error(lost)
				}
			})
		})
	}
}

// The limits of both sides are powers of two.
func TestRawSocketLimits(t *testing.T) {
	for limit, told := range map[int64]int{1: 512, 512: 512, 513: 1024, 1000: 1024, 16 << 20: 16 << 20, 1 << 40: 16 << 20} {
		rawBubble(t, func(t *testing.T, server *wamptest.Server) {
			_, p := joinedSession(t, server, wamp.Config{MaxMessage: max(limit, 100)})
			if p.Limit != told {
				t.Errorf("the limit %d is told as %d", limit, p.Limit)
			}
		})
	}
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, _ := joinedSession(t, server, wamp.Config{})
		if _, err := await(t, s.Call("com.x", wamp.Args(strings.Repeat("x", 16<<20)))); err == nil || !strings.Contains(err.Error(), "at most 16777215") {
			t.Error(err)
		}
	})
}

// Each ping is answered with its own payload, also while a long message is written.
func TestRawSocketPings(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		for _, payload := range []string{"", "hello", strings.Repeat("x", 100_000)} {
			p.SendPing(payload)
			if got := <-p.Pongs; got != payload {
				t.Errorf("got a pong of %d bytes, want %d", len(got), len(payload))
			}
		}
		server.Link.SetSpeed(100_000)
		f := s.Call("com.x", wamp.Args(strings.Repeat("x", 1<<20)))
		time.Sleep(time.Second)
		p.SendPing("late")
		p.Next()
		if got := <-p.Pongs; got != "late" {
			t.Errorf("got %q", got)
		}
		p.SendRaw(2, []byte("what nobody asked for"))
		p.Send(`[50, 1, {}]`)
		must(t, f)
	})
}

// A pong for another ping than the last answers nothing.
func TestRawSocketPongs(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		lost := make(chan error, 1)
		_, p := joinedSession(t, server, wamp.Config{
			PingInterval: 10 * time.Second,
			OnDisconnect: func(_ *wamp.Session, err error) { lost <- err },
		})
		first := binary.BigEndian.AppendUint64(nil, 1)
		<-p.Pings // the router answers it
		synctest.Wait()
		p.SendRaw(2, first) // again
		p.Mute()
		<-p.Pings
		p.SendRaw(2, first)
		if err := <-lost; !strings.Contains(err.Error(), "did not answer a ping") {
			t.Error(err)
		}
		if n := len(p.Pings); n != 0 {
			t.Errorf("%d more pings", n)
		}
	})
}

func TestRawSocketMessageThatIsTooLong(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		lost := make(chan error, 1)
		_, p := joinedSession(t, server, wamp.Config{
			MaxMessage:   1000,
			OnDisconnect: func(_ *wamp.Session, err error) { lost <- err },
		})
		longest := strings.Repeat("x", 1000)
		p.SendPing(longest)
		if got := <-p.Pongs; got != longest {
			t.Errorf("got a pong of %d bytes", len(got))
		}
		p.SendPing(longest + "x")
		if err := <-lost; !strings.Contains(err.Error(), "at most 1000 are accepted") {
			t.Error(err)
		}
	})
}

func TestRawSocketMessageOfNoKnownKind(t *testing.T) {
	for _, kind := range []byte{3, 7, 8, 0x80} {
		rawBubble(t, func(t *testing.T, server *wamptest.Server) {
			s, p := joinedSession(t, server, wamp.Config{})
			f := s.Call("com.x", wamp.Payload{})
			p.Next()
			p.SendRaw(kind, []byte("x"))
			if lost := failure[*wamp.TransportError](t, f); !strings.Contains(lost.Error(), "of the kind") {
				t.Error(lost)
			}
		})
	}
}

// A session that tries several serializers does not make several sessions.
func TestRawSocketRefusedSerializerIsNoError(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		dialled := 0
		dial := server.Dial
		s, err := wamp.NewSession(wamp.Config{
			URL: wamptest.RawURL, Realm: "realm1",
			Serializers: []wamp.Serializer{wamp.MessagePack, wamp.CBOR, wamp.JSON},
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if dialled++; network != "tcp" || address != "router.test:80" {
					t.Errorf("%s %s is dialled", network, address)
				}
				return dial(ctx, network, address)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		f := s.Join()
		p := server.Accept()
		p.Welcome()
		must(t, f)
		want := map[string]int{"wamp.2.msgpack": 1, "wamp.2.cbor": 2, "wamp.2.json": 3}[server.Protocol]
		if dialled != want {
			t.Errorf("dialled %d times, want %d", dialled, want)
		}
		left := s.Leave()
		p.Goodbye()
		must(t, left)
	})
}

// If the router refuses a connection for another reason than the serializer, the next
// serializer would not help.
func TestRawSocketRefusedConnection(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		server.RawAnswer = []byte("\x7f\x40\x00\x00") // too many connections
		dialled := 0
		s, err := wamp.NewSession(wamp.Config{
			URL: wamptest.RawURL, Realm: "realm1",
			Serializers: []wamp.Serializer{wamp.MessagePack, wamp.JSON},
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				dialled++
				return server.Dial(ctx, network, address)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		failure[*wamp.TransportError](t, s.Join())
		if dialled != 1 {
			t.Errorf("dialled %d times", dialled)
		}
	})
}

// A RawSocket that ends after our own GOODBYE ends normally.
func TestRawSocketEndsAfterGoodbye(t *testing.T) {
	rawBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, p := joinedSession(t, server, wamp.Config{})
		f := s.Leave()
		p.Expect(`[6, {}, "*"]`)
		p.Drop()
		must(t, f)
	})
}

func TestURLsOfTransports(t *testing.T) {
	for address, says := range map[string]string{
		"rs://router.test":     "has no port",
		"rss://:9000":          "has no host",
		"rs:///path":           "has no host",
		"unix://":              "has no path",
		"unix://host/path":     "has no path",
		"tcp://router.test:80": "ws, wss, rs, rss or unix",
	} {
		if _, err := wamp.NewSession(wamp.Config{URL: address, Realm: "realm1"}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"ws://router.test", "wss://router.test/x?y=z", "rs://router.test:80", "rss://[::1]:80/", "unix:///run/router"} {
		if _, err := wamp.NewSession(wamp.Config{URL: address, Realm: "realm1"}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// pipedSession returns a session that connects to a pipe, and the pipe's far end.
func pipedSession(t *testing.T, url string) (*wamp.Session, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	s, err := wamp.NewSession(wamp.Config{
		URL: url, Realm: "realm1",
		Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, far
}

// If the handshake fails, the connection is closed.
func TestRawSocketThatFailsIsClosed(t *testing.T) {
	for url, answer := range map[string]string{
		wamptest.RawURL: "\x7f\x40\x00\x00",
		strings.Replace(wamptest.RawURL, "rs", "rss", 1): "this is not TLS",
	} {
		inOneBubble(t, func(t *testing.T, server *wamptest.Server) {
			s, far := pipedSession(t, url)
			f := s.Join()
			go io.WriteString(far, answer)
			if err := far.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, far); err != nil {
				t.Errorf("%s: the connection: %v", url, err)
			}
			far.Close()
			failure[*wamp.TransportError](t, f)
		})
	}
}

// A router that announces a long message does not get memory for it.
func TestRawSocketMessageThatDoesNotCome(t *testing.T) {
	inOneBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, far := pipedSession(t, wamptest.RawURL)
		f := s.Join()
		go io.Copy(io.Discard, far)
		if _, err := io.WriteString(far, "\x7f\xf1\x00\x00"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := io.WriteString(far, "\x00\xff\xff\xff"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
		far.Close()
		failure[*wamp.TransportError](t, f)
	})
}

// A cancelled Join leaves nothing of its connection.
func TestRawSocketJoinIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, server *wamptest.Server) {
		s, far := pipedSession(t, wamptest.RawURL)
		f := s.Join()
		if _, err := io.ReadFull(far, make([]byte, 4)); err != nil { // it waits for the answer
			t.Fatal(err)
		}
		txaio.Cancel(f)
		if _, err := await(t, f); !errors.Is(err, txaio.ErrCancelled) {
			t.Error(err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection: %v", err)
		}
	})
}
