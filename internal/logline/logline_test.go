package logline

import (
	"testing"
	"time"
)

// TestTimestamp formats times in the same second and in others.
func TestTimestamp(t *testing.T) {
	west := time.FixedZone("west", -60*60)
	start := time.Date(2016, 1, 21, 1, 2, 3, 0, west)
	for _, test := range []struct {
		name string
		time time.Time
		want string
	}{
		{"first", start, "2016-01-21T01:02:03-0100 "},
		{"within the same second", start.Add(time.Second - 1), "2016-01-21T01:02:03-0100 "},
		{"the next second", start.Add(time.Second), "2016-01-21T01:02:04-0100 "},
		{"back again", start, "2016-01-21T01:02:03-0100 "},
		{"the same moment elsewhere", start.UTC(), "2016-01-21T02:02:03+0000 "},
		{"the year before", start.AddDate(-1, 0, 0), "2015-01-21T01:02:03-0100 "},
	} {
		if got := string(appendTimestamp(nil, test.time)); got != test.want {
			t.Errorf("%s: %q, not %q", test.name, got, test.want)
		}
	}
}
