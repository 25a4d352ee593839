package format

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/txaio-go/txaio/internal/logvalue"
)

var errMaxBits = fmt.Errorf("the integer has more than %d bits", logvalue.MaxBits)

// Print appends v as a field without a specification prints it. It cuts v to the
// limits of walk. If v cannot be printed, it appends the reason.
func Print(dst []byte, v slog.Value, walk *logvalue.Walk) []byte {
	start := len(dst)
	if v.Kind() == slog.KindString {
		text, _ := walk.String(v.String())
		return append(dst, text...)
	}
	out, err := (&run{walk: walk, limit: start + maxOutput}).print(dst, v)
	if err != nil {
		return fmt.Appendf(dst, "(%v)", err)
	}
	if len(out)-start > 1024 { // don't copy a short text
		if text, cut := walk.String(string(out[start:])); cut {
			out = append(out[:start], text...)
		}
	}
	return out
}

// print appends v as %v prints it. Plain values have their own cases, because fmt
// would need an allocation for them.
func (r *run) print(dst []byte, v slog.Value) ([]byte, error) {
	switch v.Kind() {
	case slog.KindString:
		s := v.String()
		if len(s) > maxOutput {
			return nil, errOutput
		}
		return append(dst, s...), nil
	case slog.KindInt64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case slog.KindUint64:
		return strconv.AppendUint(dst, v.Uint64(), 10), nil
	case slog.KindFloat64:
		return strconv.AppendFloat(dst, v.Float64(), 'g', -1, 64), nil
	case slog.KindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case slog.KindDuration:
		return append(dst, v.Duration().String()...), nil
	case slog.KindTime:
		return append(dst, v.Time().String()...), nil
	case slog.KindGroup:
		return r.printGroup(dst, r.walk.Attrs(nil, v.Group()))
	}
	x := v.Any()
	if panicked, is := x.(*logvalue.PanicError); is {
		return nil, panicked
	}
	if text, is := textBytes(x); is {
		return append(dst, text...), nil
	}
	return r.appendVerb(dst, "%v", x)
}

// printGroup appends attributes as %v prints a slog group.
func (r *run) printGroup(dst []byte, attrs []slog.Attr) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, a := range attrs {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, a.Key...), '=')
		if a.Value.Kind() == slog.KindGroup {
			dst, err = r.printGroup(dst, a.Value.Group())
		} else {
			dst, err = r.print(dst, a.Value)
		}
		if err != nil {
			return nil, err
		}
		if len(dst) > r.limit {
			return nil, errOutput
		}
	}
	return append(dst, ']'), nil
}

// appendVerb appends x as fmt prints it.
func (r *run) appendVerb(dst []byte, verb string, x any) ([]byte, error) {
	if n := bigInt(x); n != nil && n.BitLen() > logvalue.MaxBits {
		return nil, errMaxBits
	}
	return r.walk.Append(dst, verb, x)
}

// textBytes returns x as text, if it is bytes of valid UTF-8.
func textBytes(x any) ([]byte, bool) {
	text, is := x.([]byte)
	if raw, isJSON := x.(json.RawMessage); isJSON {
		text, is = raw, true
	}
	return text, is && utf8.Valid(text)
}

// convert returns v as text, with a conversion.
func (r *run) convert(v slog.Value, conv byte) (string, error) {
	if conv == 's' {
		text, err := r.print(nil, v)
		return string(text), err
	}
	text, err := r.appendVerb(nil, "%#v", v.Any())
	if conv == 'a' {
		text = appendASCII(nil, string(text))
	}
	return string(text), err
}

// printAs appends v with a specification.
func (r *run) printAs(dst []byte, v slog.Value, sp *spec) ([]byte, error) {
	switch v.Kind() {
	case slog.KindInt64:
		return sp.appendInteger(dst, big.NewInt(v.Int64()), "int")
	case slog.KindFloat64:
		return sp.appendFloat(dst, v.Float64(), 64)
	case slog.KindString:
		return sp.appendText(dst, v.String(), "str")
	case slog.KindDuration:
		if !sp.wantsText() {
			return sp.appendSeconds(dst, v.Duration())
		}
	case slog.KindTime:
		if strings.Contains(sp.text, "%") {
			return appendTime(dst, sp.text, v.Time())
		}
	}
	x := v.Any()
	switch n := x.(type) {
	case *big.Float:
		if n != nil {
			x, _ = n.Float64()
		}
	case json.Number:
		if whole, ok := new(big.Int).SetString(string(n), 10); ok && sp.code != 's' {
			x = whole
		} else if number, err := n.Float64(); err == nil && sp.code != 's' {
			x = number
		}
	}
	if n := bigInt(x); n != nil {
		if n.BitLen() > logvalue.MaxBits {
			return nil, errMaxBits
		}
		if err := r.spend(n.BitLen()); err != nil {
			return nil, err
		}
		return sp.appendInteger(dst, n, "int")
	}
	if text, is := textBytes(x); is {
		return sp.appendText(dst, string(text), "str")
	}
	_, prints := x.(fmt.Stringer)
	_, isError := x.(error)
	if rv := reflect.ValueOf(x); !sp.wantsText() || !prints && !isError {
		if rv.Kind() == reflect.Pointer && !rv.IsNil() && !isError {
			if to := rv.Elem(); to.CanInt() || to.CanUint() || to.CanFloat() {
				rv = to
			}
		}
		switch {
		case rv.CanInt():
			return sp.appendInteger(dst, big.NewInt(rv.Int()), "int")
		case rv.CanUint():
			return sp.appendInteger(dst, new(big.Int).SetUint64(rv.Uint()), "int")
		case rv.CanFloat():
			return sp.appendFloat(dst, rv.Float(), rv.Type().Bits())
		case rv.Kind() == reflect.Bool:
			n := new(big.Int)
			if rv.Bool() {
				n.SetInt64(1)
			}
			return sp.appendInteger(dst, n, "bool")
		case rv.Kind() == reflect.String:
			return sp.appendText(dst, rv.String(), "str")
		}
	}
	typeName := fmt.Sprintf("%T", x)
	if v.Kind() == slog.KindGroup {
		typeName = "group"
	}
	if !sp.wantsText() {
		return sp.appendText(dst, "", typeName) // which says why not
	}
	text, err := r.print(nil, v)
	if err == nil {
		err = r.spend(len(text))
	}
	if err != nil {
		return nil, err
	}
	return sp.appendText(dst, string(text), typeName)
}

// wantsText reports whether s suits the text of any value. A number with a String
// method prints that text unless the type asks for the number.
func (s *spec) wantsText() bool {
	return s.code == noCode || s.code == 's'
}

func bigInt(x any) *big.Int {
	switch n := x.(type) {
	case *big.Int:
		return n
	case big.Int:
		return &n
	}
	return nil
}
