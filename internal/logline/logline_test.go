package logline

import (
	"testing"
	"time"
)

// TestTimestamp writes the times of entries in their own time zones.
func TestTimestamp(t *testing.T) {
	start := time.Date(2016, 1, 21, 1, 2, 3, 0, time.FixedZone("west", -60*60))
	for _, test := range []struct {
		time time.Time
		want string
	}{
		{start, "2016-01-21T01:02:03-0100 \n"},
		{start.Add(time.Second - 1), "2016-01-21T01:02:03-0100 \n"},
		{start.Add(time.Second), "2016-01-21T01:02:04-0100 \n"},
		{start.UTC(), "2016-01-21T02:02:03+0000 \n"},
		{start.AddDate(-1, 0, 0), "2015-01-21T01:02:03-0100 \n"},
	} {
		if got := string(Format{}.Append(nil, &Entry{Time: test.time}, nil)); got != test.want {
			t.Errorf("%v: %q, not %q", test.time, got, test.want)
		}
	}
}
