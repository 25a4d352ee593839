//go:build future

package conformance

import "encoding/json"

func (in *interpreter) native(_ string, op []json.RawMessage) {
	in.t.Fatalf("unknown operation %s", op)
}
