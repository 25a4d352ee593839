package conformance

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func generate(seed uint64, kind Kind) Program {
	return Generate(rand.New(rand.NewPCG(seed, 0)), kind)
}

func TestGenerate(t *testing.T) {
	portable := []string{
		"create", "success", "failure", "as_future", "add", "resolve", "reject", "called", "gather",
		"then", "then_of", "catch", "go", "release",
		"add_timeout", "call_later", "batched", "batched_later", "cancel_timer", "advance", "run_once", "run", "raise",
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

// Any bytes make a valid program, also none.
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

// Callbacks contain each kind of operation, and futures are used more than once.
func TestGenerateCombines(t *testing.T) {
	inside := map[string]bool{}
	again := map[string]bool{}
	for seed := range uint64(500) {
		p := generate(seed, Kind{Cancel: true, Native: true})
		chained := map[string]bool{}
		composed := map[string]string{} // of what
		p.walk(func(op Op) {
			switch op[0] {
			case "add", "both", "then", "then_of", "catch":
				op.nested(func(does Program) Program {
					for _, op := range does {
						inside[op[0].(string)] = true
					}
					return does
				})
			}
			switch op[0] {
			case "chain":
				inner := op[3].(string)
				again["chained to"] = again["chained to"] || chained[inner]
				chained[inner] = true
			case "then", "then_of", "catch":
				name, of := op[1].(string), op[2].(string)
				composed[name] = of
				again["composed"] = again["composed"] || composed[composed[of]] != ""
			case "gather":
				members := slices.Clone(op[2].([]string))
				slices.Sort(members)
				again["gathered"] = again["gathered"] || len(slices.Compact(members)) < len(op[2].([]string))
			}
		})
	}
	for _, name := range []string{"add", "chain", "both", "add_timeout", "call_later", "resolve", "cancel", "then", "then_of", "catch", "release"} {
		if !inside[name] {
			t.Errorf("no callback does %s", name)
		}
	}
	for _, what := range []string{"chained to", "gathered", "composed"} {
		if !again[what] {
			t.Errorf("no future is %s more than once", what)
		}
	}
}
