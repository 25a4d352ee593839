//go:build conformance && deferred

package conformance

import "testing"

// The tracer recognizes programs in which a Deferred chains to one that is
// running its callbacks. Here the Go library differs on purpose, so there is
// no trace to compare with.
func TestConformanceLeavesOut(t *testing.T) {
	python := startPython(t)
	for _, c := range []struct {
		leftOut bool
		inner   Program // run by a callback of inner
	}{
		{true, Program{{"chain", "outer", "c", "inner"}}},
		{true, Program{{"success", "other", "v"}, {"both", "other", "b", Actions{"do": Program{{"chain", "outer", "c", "inner"}}}}}},
		{false, Program{{"call_later", "t", 1, Program{{"chain", "outer", "c", "inner"}}}}},
		{false, Program{{"chain", "inner", "c", "outer"}}},
	} {
		p := Program{
			{"success", "outer", "v1"}, {"success", "inner", "v2"},
			{"add", "inner", "a", Actions{"do": c.inner}, nil}, {"advance", 1},
		}
		if want, _ := python.both(p); (want == nil) != c.leftOut {
			t.Errorf("%s left out: %t; Twisted's trace: %v", text(t, p), !c.leftOut, want)
		}
	}
}
