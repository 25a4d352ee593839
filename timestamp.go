package txaio

import (
	"sync/atomic"
	"time"
)

// A timestamp is how the lines of StartLogging's output begin that are written
// within one second. Most lines are, so it is formatted for the first of them
// only: that takes as long as all else that is done for a line.
type timestamp struct {
	second int64
	zone   *time.Location
	text   string
}

var lastTimestamp atomic.Pointer[timestamp]

// appendTimestamp appends the time, and a space.
func appendTimestamp(line []byte, t time.Time) []byte {
	last := lastTimestamp.Load()
	if last == nil || last.second != t.Unix() || last.zone != t.Location() {
		last = &timestamp{t.Unix(), t.Location(), t.Format("2006-01-02T15:04:05-0700 ")}
		lastTimestamp.Store(last)
	}
	return append(line, last.text...)
}
