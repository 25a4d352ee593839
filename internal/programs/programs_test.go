package programs

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
)

func generate(seed uint64, kind Kind) Program {
	return Generate(rand.New(rand.NewPCG(seed, 0)), kind)
}

func text(t *testing.T, p Program) string {
	t.Helper()
	printed, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(printed)
}

func TestGenerate(t *testing.T) {
	portable := []string{
		"create", "success", "failure", "as_future", "add", "resolve", "reject", "called", "gather",
		"call_later", "batched", "batched_later", "cancel_timer", "advance", "run_once", "run", "raise",
	}
	deferreds := []string{"chain", "both", "pause", "unpause"}
	for _, c := range []struct {
		kind Kind
		want []string
	}{
		{Kind{}, portable},
		{Kind{Cancel: true}, append([]string{"cancel"}, portable...)},
		{Kind{Cancel: true, Native: true}, append(append([]string{"cancel"}, deferreds...), portable...)},
	} {
		met := map[string]bool{}
		for seed := range uint64(500) {
			p := generate(seed, c.kind)
			if !p.Valid() {
				t.Fatalf("seed %d of %+v is not valid: %s", seed, c.kind, text(t, p))
			}
			if again := generate(seed, c.kind); text(t, again) != text(t, p) {
				t.Fatalf("seed %d of %+v made another program the second time", seed, c.kind)
			}
			p.walk(func(op Op) { met[op[0].(string)] = true })
		}
		for _, name := range c.want {
			if !met[name] {
				t.Errorf("%+v never makes %s", c.kind, name)
			}
			delete(met, name)
		}
		if len(met) > 0 {
			t.Errorf("%+v makes %v", c.kind, met)
		}
	}
}

// Whatever a fuzzer comes up with, and however little.
func TestGenerateFromBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for length := range 300 {
		data := make(Bytes, length)
		for i := range data {
			data[i] = byte(random.IntN(256))
		}
		used := slices.Clone(data)
		if p := Generate(&used, Kind{Native: true, Cancel: true}); !p.Valid() {
			t.Fatalf("%v makes %s", data, text(t, p))
		}
		if length > 10 && len(used) == length {
			t.Fatalf("%v was not looked at", data)
		}
	}
}

func TestValid(t *testing.T) {
	for _, c := range []struct {
		valid bool
		p     Program
	}{
		{true, Program{}},
		{true, Program{{"create", "f"}, {"resolve", "f", "v"}}},
		{false, Program{{"resolve", "f", "v"}, {"create", "f"}}},
		{true, Program{{"create", "f", Actions{"canceller": Program{{"resolve", "f", "v"}}}}}},
		{false, Program{{"create", "f", Actions{"canceller": Program{{"resolve", "g", "v"}}}}}},
		{false, Program{{"create", "f"}, {"add", "f", "c", Actions{"do": Program{{"cancel", "g"}}}, nil}}},
		{false, Program{{"create", "f"}, {"gather", "g", []string{"f", "h"}, true}}},
		{false, Program{{"as_future", "f", Actions{"future": "g"}}}},
		{false, Program{{"batched_later", "b", "t", 1, Program{}}}},
		{false, Program{{"cancel_timer", "t"}}},
		{true, Program{{"batched", "b", 1, 1}, {"batched_later", "b", "t", 1, Program{}}, {"cancel_timer", "t"}}},
		{false, Program{{"create", "f"}, {"chain", "f", "c", "g"}}},
		{true, Program{{"create", "f"}, {"pause", "f"}, {"unpause", "f"}}},
		{false, Program{{"create", "f"}, {"unpause", "f"}}},
		{false, Program{{"create", "f"}, {"create", "g"}, {"pause", "f"}, {"unpause", "g"}}},
		{false, Program{{"call_later", "t", 1, Program{{"called", "f"}}}}},
	} {
		if got := c.p.Valid(); got != c.valid {
			t.Errorf("Valid() = %t of %s", got, text(t, c.p))
		}
	}
}

// What is left of a program is what its failing needs, and nothing else.
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
			p = slices.Insert(p, i*len(p)/len(needed)+i, op)
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
			t.Errorf("seed %d: the generator is not what it was", seed)
		}
	}
}
