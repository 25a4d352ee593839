//go:build deferred

package conformance

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/txaio-go/txaio"
)

func TestNativePrograms(t *testing.T) { replayFile(t, "testdata/native.jsonl", 300) }

// native runs the operations that only Deferreds have.
func (in *interpreter) native(kind string, op []json.RawMessage) {
	var name, label, inner string
	switch kind {
	case "chain":
		in.args(op, &name, &label, &inner)
		in.adding(label, in.plain(name), true, false)
		in.plain(name).Chain(func(value string) (*txaio.Deferred[string], error) {
			in.note("%s callback %s", label, show(value))
			return in.plain(inner), nil
		})
	case "both":
		var a action
		in.args(op, &name, &label, &a)
		in.adding(label, in.plain(name), true, true)
		in.plain(name).AddBoth(func(value string, fail *txaio.Failure) (string, error) {
			if fail != nil {
				in.note("%s both !%s", label, describe(fail))
			} else {
				in.note("%s both %s", label, show(value))
			}
			in.steps(a.Do)
			switch {
			case a.Raise != nil:
				return "", errors.New(*a.Raise)
			case a.Value != nil:
				return *a.Value, nil
			case fail != nil:
				return "", fail
			}
			return value, nil
		})
	case "pause":
		in.args(op, &name)
		in.plain(name).Pause()
	case "unpause":
		in.args(op, &name)
		in.plain(name).Unpause()
	default:
		in.t.Fatalf("unknown operation %s", op)
	}
}
