//go:build deferred || future

package txaio_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/txaio-go/txaio/internal/programs"
)

// addRandom adds inputs to start from, the same each time.
func addRandom(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 100 {
		data := make([]byte, 5*n)
		for i := range data {
			data[i] = byte(random.IntN(256))
		}
		f.Add(data)
	}
}

// mustEncode returns a program as the line of JSON that it is to others.
func mustEncode(t *testing.T, p programs.Program) []byte {
	t.Helper()
	line, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// operations returns a program as the interpreter reads it.
func operations(t *testing.T, p programs.Program) (ops []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(mustEncode(t, p), &ops); err != nil {
		t.Fatal(err)
	}
	return ops
}
