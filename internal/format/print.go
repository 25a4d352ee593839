package format

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
	"strconv"
)

// maxBits bounds an integer that is printed: the time that takes grows faster
// than its size.
const maxBits = 1 << 17

var errMaxBits = fmt.Errorf("the integer has more than %d bits", maxBits)

// print appends v as %v prints it. What a slog.Value holds directly is printed
// here, without the allocation that fmt would need to be given it.
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
		return r.printGroup(dst, v.Group(), 1)
	}
	return r.printAny(dst, v.Any())
}

// printGroup prints attributes as %v prints a slog group, but with their values
// resolved: one that hides what it holds stays hidden in a group.
func (r *run) printGroup(dst []byte, attrs []slog.Attr, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	dst = append(dst, '[')
	for i, a := range attrs {
		if err := r.spend(1 + len(a.Key)); err != nil {
			return nil, err
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, a.Key...), '=')
		v, err := Resolve(a.Value)
		if err != nil {
			return nil, err
		}
		if v.Kind() == slog.KindGroup {
			dst, err = r.printGroup(dst, v.Group(), depth+1)
		} else {
			dst, err = r.print(dst, v)
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

func (r *run) printAny(dst []byte, x any) ([]byte, error) {
	if err := r.allow(x); err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case fmt.Formatter:
		return checkPanic(dst, fmt.Append(dst, x))
	case error:
		return appendMethod(dst, x, "Error", x.Error)
	case reflect.Value, slog.Attr, *slog.Attr, *slog.Value:
		// Their String methods do not bound what they hold, and fmt prints what a
		// reflect.Value holds instead of calling it.
	case fmt.Stringer:
		return appendMethod(dst, x, "String", x.String)
	}
	called, err := r.measure(x, plainMethods)
	if err != nil {
		return nil, err
	}
	out := fmt.Append(dst, x)
	if called {
		return checkPanic(dst, out)
	}
	return out, nil
}

// appendMethod appends what the method returns. Like fmt it takes a panic for a
// nil pointer to be that the method does not expect one.
func appendMethod(dst []byte, x any, name string, method func() string) ([]byte, error) {
	text, err := callText(name, method)
	if err != nil {
		if v := reflect.ValueOf(x); v.Kind() == reflect.Pointer && v.IsNil() {
			return append(dst, "<nil>"...), nil
		}
		return nil, err
	}
	return append(dst, text...), nil
}

func callText(name string, method func() string) (text string, err error) {
	defer recovered(name, &err)
	return method(), nil
}

// convert appends v after a conversion.
func (r *run) convert(dst []byte, v slog.Value, conv byte) ([]byte, error) {
	if conv == 's' {
		return r.print(dst, v)
	}
	x := v.Any()
	if err := r.allow(x); err != nil {
		return nil, err
	}
	if _, err := r.measure(x, syntaxMethods); err != nil {
		return nil, err
	}
	text, err := checkPanic(nil, fmt.Appendf(nil, "%#v", x))
	if err != nil {
		return nil, err
	}
	if conv == 'a' {
		return appendASCII(dst, string(text)), nil
	}
	return append(dst, text...), nil
}

// checkPanic returns out, which fmt has appended to dst, or the error that says
// which method panicked while it did. fmt tells that in its text alone.
func checkPanic(dst, out []byte) ([]byte, error) {
	text := out[len(dst):]
	for {
		_, after, found := bytes.Cut(text, []byte("v(PANIC="))
		if !found {
			return out, nil
		}
		for _, name := range []string{"Error", "Format", "GoString", "String"} {
			if reason, ok := bytes.CutPrefix(after, []byte(name+" method: ")); ok {
				return nil, &PanicError{name, string(reason[:min(len(reason), 200)])}
			}
		}
		text = after
	}
}

// printAs appends v as a specification asks.
func (r *run) printAs(dst []byte, v slog.Value, sp *spec) ([]byte, error) {
	switch v.Kind() {
	case slog.KindInt64:
		return sp.appendInteger(dst, signed(v.Int64()), "int")
	case slog.KindUint64:
		return sp.appendInteger(dst, integer{magnitude: v.Uint64()}, "int")
	case slog.KindFloat64:
		return sp.appendFloat(dst, v.Float64(), 64)
	case slog.KindString:
		return sp.appendText(dst, v.String(), "str")
	case slog.KindBool:
		n := integer{}
		if v.Bool() {
			n.magnitude = 1
		}
		return sp.appendInteger(dst, n, "bool")
	}
	x := v.Any()
	if err := r.allow(x); err != nil {
		return nil, err
	}
	if n := bigInt(x); n != nil {
		return sp.appendInteger(dst, fromBig(n), "int")
	}
	if !sp.wantsText() || !hasMethod(reflect.TypeOf(x), plainMethods) {
		switch rv := reflect.ValueOf(x); {
		case rv.CanInt():
			return sp.appendInteger(dst, signed(rv.Int()), "int")
		case rv.CanUint():
			return sp.appendInteger(dst, integer{magnitude: rv.Uint()}, "int")
		case rv.CanFloat():
			return sp.appendFloat(dst, rv.Float(), rv.Type().Bits())
		case rv.Kind() == reflect.Bool:
			return r.printAs(dst, slog.BoolValue(rv.Bool()), sp)
		case rv.Kind() == reflect.String:
			return sp.appendText(dst, rv.String(), "str")
		}
	}
	typeName := fmt.Sprintf("%T", x)
	if v.Kind() == slog.KindGroup {
		typeName = "group"
	}
	if !sp.wantsText() {
		if _, err := sp.check(typeName, 's'); err != nil {
			return nil, err
		}
		return nil, errUnknownCode(sp.code, typeName)
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

// wantsText reports whether s suits any value, as its text. A number with a text
// of its own, such as a time.Duration, is that text unless a type asks for the
// number.
func (s *spec) wantsText() bool {
	return s.code == noCode || s.code == 's'
}

// allow counts the printing of x as work where it is a big integer, by its bits.
func (r *run) allow(x any) error {
	n := bigInt(x)
	if n == nil {
		return nil
	}
	if n.BitLen() > maxBits {
		return errMaxBits
	}
	return r.spend(n.BitLen())
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
