//go:build deferred || future

package wamp

import (
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
)

func TestBackoff(t *testing.T) {
	var r retry
	r.init(&Backoff{})
	for attempt, want := range map[int]time.Duration{
		1: 1500 * time.Millisecond, 2: 2250 * time.Millisecond, 3: 3375 * time.Millisecond,
		50: 5 * time.Minute, 1_000_000: 5 * time.Minute,
	} {
		for random, factor := range map[float64]float64{0: 1, 0.5: 0.5, 1: 0} {
			if got, want := r.backoff.delay(attempt, random), time.Duration(float64(want)*factor); got < want-1 || got > want+1 {
				t.Errorf("attempt %d waits %v, want %v", attempt, got, want)
			}
		}
	}
}

func TestURIs(t *testing.T) {
	for _, test := range []struct {
		uri, match string
		ok         bool
	}{
		{"com.example.add2", "", true}, {"com", exact, true}, {"com.ex-ample.Übung", exact, true},
		{"com..x", exact, false}, {"com..x", wildcard, true}, {"com..x", prefix, false},
		{"com.x.", prefix, true}, {"com.x.", exact, false}, {".x", wildcard, true}, {".x", prefix, false},
		{"a b", wildcard, false}, {"", prefix, false}, {"com.x", "regex", false},
	} {
		if err := checkURI(test.uri, test.match); (err == nil) != test.ok {
			t.Errorf("%q, %s: %v", test.uri, test.match, err)
		}
	}
}

func TestScan(t *testing.T) {
	var (
		n    int
		list []string
		dict struct{ Unit string }
	)
	payload := Args(int64(7), []any{"a", "b"}, map[string]any{"unit": "m"}, "more")
	if err := payload.Scan(&n, &list, &dict); err != nil || n != 7 || len(list) != 2 || dict.Unit != "m" {
		t.Error(n, list, dict, err)
	}
	var invalid *Error
	if err := Args(1).Scan(&n, &n); !errors.As(err, &invalid) || invalid.URI != InvalidArgument {
		t.Error(err)
	}
	if err := Args("x").Scan(&n); !errors.As(err, &invalid) || invalid.URI != InvalidArgument {
		t.Error(err)
	}
}

func TestWithDoesNotChangeThePayload(t *testing.T) {
	first := Args(1).With(map[string]any{"a": 1})
	second := first.With(map[string]any{"b": 2})
	if len(first.Kwargs) != 1 || len(second.Kwargs) != 2 {
		t.Error(first, second)
	}
	if made, err := Args().With(nil).encode(); err != nil || !reflect.DeepEqual(made, body{element{[]any{}}, element{map[string]any{}}}) {
		t.Errorf("%v %v", made, err)
	}
}

// Ids start again at 1 after the largest exact integer of a float64.
func TestRequestIDsWrap(t *testing.T) {
	r := requests{last: maxID - 1}
	if a, b := r.next(), r.next(); a != maxID || b != 1 {
		t.Error(a, b)
	}
}

// A connection that waits for the next message does not keep the memory of a long one.
func TestLongMessageIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := wamptest.NewServer(t)
		conn, err := dialWebSocket(&Config{
			URL: wamptest.URL, HTTPClient: server.Client(), Serializers: []Serializer{JSON}, MaxMessage: 1 << 20,
		})(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		peer := server.Accept()
		var read atomic.Int64
		for _, length := range []int{1 << 19, 10} {
			go peer.SendText(strings.Repeat("x", length))
			frame, err := conn.read(&read, nil)
			if err != nil || len(frame) != length {
				t.Fatalf("%d bytes, not %d: %v", len(frame), length, err)
			}
			go func() { _, _ = conn.read(&read, nil) }() // it fails at the end
			synctest.Wait()
			if c := conn.(*webSocket).frame.Cap(); c > maxKept {
				t.Errorf("after %d bytes, %d are kept", length, c)
			}
			peer.SendText("")
			synctest.Wait()
		}
		conn.closeNow()
	})
}
