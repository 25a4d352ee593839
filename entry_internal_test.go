package txaio

import (
	"log/slog"
	"testing"
)

// Memory that a large event has needed is not kept for the small ones.
func TestRelease(t *testing.T) {
	for _, c := range []struct {
		what  string
		grow  func(s *scratch)
		kept  bool
		tries int // under the race detector a pool forgets some of what it is given
	}{
		{"a small event", func(*scratch) {}, true, 1000},
		{"a long text", func(s *scratch) { s.text = make([]byte, 0, maxKeptText+1) }, false, 1},
		{"many attributes", func(s *scratch) { s.event.attrs = make([]slog.Attr, 0, maxKeptFields+1) }, false, 1},
		{"many fields", func(s *scratch) {
			for i := range maxKeptFields + 1 {
				s.fields[string(rune('a'+i))] = i
			}
		}, false, 1},
	} {
		kept := false
		for tries := 0; !kept && tries < c.tries; tries++ {
			s := scratches.New().(*scratch)
			c.grow(s)
			s.release()
			kept = scratches.Get() == s
		}
		if kept != c.kept {
			t.Errorf("%s: kept %v, want %v", c.what, kept, c.kept)
		}
	}
}
