//go:build deferred || future

package txaio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

// A valueMaker makes values of bytes: nested, with cycles, with methods that
// fail, panic and return anything, with names and texts of any bytes.
type valueMaker struct {
	data []byte
	made []any
	left int
}

func (m *valueMaker) next() int {
	if len(m.data) == 0 {
		return 0
	}
	c := m.data[0]
	m.data = m.data[1:]
	return int(c)
}

func (m *valueMaker) text() string {
	n := min(m.next()%8, len(m.data))
	text := string(m.data[:n])
	m.data = m.data[n:]
	return text
}

type fuzzNode struct {
	Name   string
	Any    any `json:"any"`
	Next   *fuzzNode
	Err    error
	Number float64
	hidden any
}

// texts has methods that return any text.
type texts struct{ text string }

func (v texts) String() string               { return v.text }
func (v texts) MarshalText() ([]byte, error) { return []byte(v.text), nil }

type textError struct{ text string }

func (v *textError) Error() string { return v.text }

type anyJSON struct{ text string }

func (v anyJSON) MarshalJSON() ([]byte, error) { return []byte(v.text), nil }

type formatted struct{ text string }

func (v formatted) Format(s fmt.State, _ rune) { fmt.Fprint(s, v.text) }

type valuer struct{ value any }

func (v valuer) LogValue() slog.Value { return slog.AnyValue(v.value) }

func (m *valueMaker) value() any {
	if m.left--; m.left < 0 {
		return nil
	}
	switch m.next() % 33 {
	case 0:
		return m.next() - 128
	case 1:
		return m.text()
	case 2:
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.5, math.Copysign(0, -1)}[m.next()%5]
	case 3:
		list := make([]any, m.next()%5)
		m.made = append(m.made, list)
		for i := range list {
			list[i] = m.value()
		}
		return list
	case 4:
		table := make(map[string]any)
		m.made = append(m.made, table)
		for range m.next() % 4 {
			table[m.text()] = m.value()
		}
		return table
	case 5:
		table := make(map[any]any)
		m.made = append(m.made, table)
		for range m.next() % 4 {
			if key := m.value(); key == nil || reflect.ValueOf(key).Comparable() {
				table[key] = m.value()
			}
		}
		return table
	case 6:
		node := &fuzzNode{Name: m.text(), Number: math.NaN()}
		m.made = append(m.made, node)
		node.Any, node.hidden = m.value(), m.value()
		node.Next, _ = m.value().(*fuzzNode)
		node.Err, _ = m.value().(error)
		return node
	case 7:
		if node, is := m.value().(*fuzzNode); is && node != nil {
			return *node
		}
		return fuzzNode{}
	case 8:
		if len(m.made) > 0 {
			return m.made[m.next()%len(m.made)]
		}
	case 9:
		p := new(any)
		m.made = append(m.made, p)
		*p = m.value()
		return p
	case 10:
		return []any{badError{}, badStringer{}, badValuer{}, panickingJSON{}, failingJSON{}, notJSON{}, failingText{}, (*nilError)(nil), (*nilStringer)(nil), (*fuzzNode)(nil), endless{}}[m.next()%11]
	case 11:
		return texts{m.text()}
	case 12:
		return &textError{m.text()}
	case 13:
		return anyJSON{m.text()}
	case 14:
		return json.RawMessage(m.text())
	case 15:
		return json.Number(m.text())
	case 16:
		return formatted{m.text()}
	case 17:
		return valuer{m.value()}
	case 18:
		attrs := make([]slog.Attr, m.next()%4)
		m.made = append(m.made, attrs)
		for i := range attrs {
			attrs[i] = slog.Any(m.text(), m.value())
		}
		return slog.GroupValue(attrs...)
	case 19:
		return slog.Any(m.text(), m.value())
	case 20:
		return []slog.Value{slog.AnyValue(m.value())}
	case 21:
		return reflect.ValueOf(m.value())
	case 22:
		return []any{make(chan int), func() {}, 1i, new(int), time.Duration(m.next()), time.Unix(int64(m.next())<<40, 0), new(big.Int).Lsh(big.NewInt(1), 1<<uint(m.next()%24))}[m.next()%7]
	case 23:
		return [2]any{m.value(), m.value()}
	case 24:
		return map[texts]any{{m.text()}: m.value()}
	case 25:
		return []error{errors.New(m.text()), nil, fmt.Errorf("%s: %w", m.text(), errBoom)}
	case 26:
		return txaio.CreateFailure(&textError{m.text()})
	case 27:
		return []byte(m.text())
	case 28:
		return struct{ A, b any }{m.value(), m.value()}
	case 29:
		p := new(slog.Value)
		m.made = append(m.made, p)
		*p = slog.AnyValue(m.value())
		return p
	case 30:
		return []pointerJSON{pointerJSON(m.next())}
	case 32:
		holder := new(failingHolder)
		m.made = append(m.made, holder)
		holder.Any = m.value()
		return holder
	case 31:
		return strings.Repeat(m.text(), m.next())
	}
	return nil
}

// FuzzLogValues logs any values to every target: each call leaves one entry,
// valid as what it is.
func FuzzLogValues(f *testing.F) {
	for _, seed := range []string{
		"", "\x04\x01\x01a\x08\x00", "\x05\x02\x01\x01a\x02\x00\x06\x02\n\x1b\x09\x08\x00", "\x12\x03\x01a\x0a\x00\x01b\x0a\x01\x00\x13\x01c\x08\x00",
		"\x03\x04\x0a\x02\x0a\x03\x0a\x04\x0a\x05", "\x03\x04\x0a\x06\x0a\x07\x0a\x0a\x0e\x01{", "\x06\x04\xff\n\r\x85\x03\x02\x0c\x02\n\n\x08\x00", "\x1d\x15\x08\x00",
		"\x11\x11\x12\x02\x00\x01\x02a\n\x0c\x04\nTIM", "\x18\x03\x7f\xc2\x85\x02\x00", "\x19\x03\n\n\n", "\x1a\x05a\n2016", "\x1f\x02\xe2\x80\xa8\xff", "\x16\x00\x06\x17",
	} {
		f.Add([]byte(seed), "{v} {v!r:>9} {w}", "w")
	}
	f.Add([]byte("\x01\x02x\n"), "{v:>5}\n2016-01-21T01:02:03-0100 {w.any}", "\n\x1b[2K")
	f.Fuzz(func(t *testing.T, data []byte, format, name string) {
		if len(data) > 512 || len(format) > 256 {
			return
		}
		m := &valueMaker{data: data, left: 100}
		v, w := m.value(), m.value()
		stderrOf(t, func() {
			for target, text := range everywhere(t, format, slog.Any("v", v), slog.Any(name, w)) {
				wantOneEntry(t, target, text)
			}
		})
	})
}
