package format

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"
)

// TestTime compares strftime specifications with Python's.
func TestTime(t *testing.T) {
	lookup := values(map[string]any{
		"t": time.Date(2016, 1, 3, 14, 5, 6, 7008000, time.FixedZone("CET", 3600)), "s": "%",
		"d": 90*time.Second + 500*time.Millisecond,
	})
	for format, want := range map[string]string{
		"{t:%Y-%m-%d %H:%M:%S.%f}":  "2016-01-03 14:05:06.007008",
		"{t:%a %A %b %B %d %e %y}":  "Sun Sunday Jan January 03  3 16",
		"{t:%I %p %j %w %u %z %Z}":  "02 PM 003 0 7 +0100 CET",
		"{t:%U %W %G %V %s}":        "01 00 2015 53 1451826306",
		"{t:%c|%x|%X|%D|%F|%T|%R}":  "Sun Jan  3 14:05:06 2016|01/03/16|14:05:06|01/03/16|2016-01-03|14:05:06|14:05",
		"{t:%% %q %}":               "% %q %",
		"{t:{s}Y}":                  "2016",
		"{t:.4}":                    "2016",
		"{d} {d:>10} {d:s}":         "1m30.5s    1m30.5s 1m30.5s",
		"{d:.2f} {d:d} {d:g} {d:e}": "90.50 90 90.5 9.050000e+01",
	} {
		expect(t, format, lookup, want, "")
	}
}

// TestNumbersOfOtherKinds checks the specifications of values that hold a number.
func TestNumbersOfOtherKinds(t *testing.T) {
	n, x := 42, 1.5
	lookup := values(map[string]any{
		"n": &n, "x": &x, "jn": json.Number("7"), "jx": json.Number("2.5"), "huge": json.Number("123456789012345678901234567890"), "bad": json.Number("x"),
		"big": big.NewInt(1234567), "float": big.NewFloat(2.25), "none": (*int)(nil), "nobig": (*big.Float)(nil),
	})
	for format, want := range map[string]string{
		"{n:05d} {x:.2f} {n:x}":               "00042 1.50 2a",
		"{jn:03d} {jx:.2f} {jn:.1f} {huge:,}": "007 2.50 7.0 123,456,789,012,345,678,901,234,567,890",
		"{jn} {jx:s} {bad:>3}":                "7 2.5   x",
		"{big:,} {float:.1f} {float:08.3f}":   "1,234,567 2.2 0002.250",
	} {
		expect(t, format, lookup, want, "")
	}
	expect(t, "{none:d}", lookup, "", "Unknown format code 'd'")
	expect(t, "{bad:d}", lookup, "", "Unknown format code 'd'")
}

type connection struct {
	URL  string
	HTTP *connection
}

func (connection) ID() string { return "id" }

// TestBytesAndNames checks that bytes print as text, and that a name matches in any
// case.
func TestBytesAndNames(t *testing.T) {
	lookup := values(map[string]any{
		"b": []byte("hé"), "raw": json.RawMessage(`{"a":1}`), "bad": []byte{0xff}, "c": connection{URL: "u", HTTP: &connection{URL: "v"}},
		"m": map[string]int{"Url": 1, "URL": 2},
	})
	for format, want := range map[string]string{
		"{b} {b:s} {b:>4} {raw} {raw:s}":       `hé hé   hé {"a":1} {"a":1}`,
		"{bad} {bad:s}":                        "[255] [255]",
		"{c.url} {c.http.url} {c.id} {c[url]}": "u v id u",
		"{m.url}":                              "1",
	} {
		expect(t, format, lookup, want, "")
	}
	expect(t, "{m.urL}", lookup, "", "has no part")
}
