package conformance

import (
	"slices"
	"testing"
)

// Shrink leaves only the operations that make the program fail.
func TestShrink(t *testing.T) {
	needed := Program{
		{"create", "x"},
		{"create", "y"},
		{"add", "x", "cx", Actions{"do": Program{{"called", "y"}, {"reject", "x", "needed"}}}, nil},
		{"resolve", "y", "needed"},
	}
	// Both needed, and in this order.
	fails := func(p Program) bool {
		rejected, resolved := false, false
		p.walk(func(op Op) {
			rejected = rejected || op[0] == "reject" && op[2] == "needed"
			resolved = resolved || rejected && op[0] == "resolve" && op[2] == "needed"
		})
		return resolved
	}
	const want = `[["create","x"],["create","y"],["add","x","cx",{"do":[["reject","x","needed"]]},null],["resolve","y","needed"]]`
	for seed := range uint64(50) {
		p := generate(seed, Kind{Cancel: true, Native: true})
		whole := text(t, p)
		for i, op := range needed { // spread over it
			p = slices.Insert(p, min(i*len(p)/len(needed)+i, len(p)), op)
		}
		if !p.Valid() || !fails(p) {
			t.Fatalf("seed %d: not a failing program: %s", seed, text(t, p))
		}
		before := text(t, p)
		if got := text(t, Shrink(p, fails)); got != want {
			t.Errorf("seed %d: %s\nbecame %s\n  want %s", seed, before, got, want)
		}
		if text(t, p) != before {
			t.Errorf("seed %d: Shrink changed the program it was given", seed)
		}
		if text(t, generate(seed, Kind{Cancel: true, Native: true})) != whole {
			t.Errorf("seed %d: the generator's state changed", seed)
		}
	}
}
