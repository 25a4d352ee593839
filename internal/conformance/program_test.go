package conformance

import (
	"encoding/json"
	"testing"
)

// text returns a program as a line of JSON.
func text(t *testing.T, p Program) string {
	t.Helper()
	printed, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(printed)
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
