package format

import (
	"errors"
	"fmt"
	"log/slog"
)

// maxOutput bounds what one call of Append adds, in bytes.
const maxOutput = 1 << 20

// maxWork bounds the values one call of Append looks at, each counted once and
// a text by its length: a small value can refer to one list many times over.
const maxWork = 1 << 20

var (
	errOutput = fmt.Errorf("the formatted text is longer than %d bytes", maxOutput)
	errWork   = errors.New("the values are too large to print")
)

// Values are what a format refers to.
type Values interface {
	// Lookup returns the value of the given name, and whether there is one.
	Lookup(name string) (slog.Value, bool)
}

// LookupFunc is a function as Values.
type LookupFunc func(name string) (slog.Value, bool)

// Lookup implements [Values].
func (f LookupFunc) Lookup(name string) (slog.Value, bool) { return f(name) }

// Template is a parsed format. It does not change and may be used by any number
// of goroutines at once.
type Template struct {
	pieces []piece
	tail   string // the literal text after the last field
	fields int    // how many there are, those in specifications included
}

// piece is literal text and the field that follows it.
type piece struct {
	literal string
	field   field
}

// run is one use of a template.
type run struct {
	values Values
	escape bool
	limit  int // the length dst must not exceed
	work   int // what is left of maxWork
}

// Append appends the template's text with the values that it refers to, and
// returns the extended slice. With escape the substituted text, but not the
// template's own, goes through AppendEscaped.
//
// On an error dst is returned as it was. The error is a sentence, in Python's
// words where it is one of Python's: a value or a part of one that does not
// exist, a specification that does not suit its value, a method that failed or
// panicked, a limit exceeded. It may quote the values' own text, unescaped.
func (t *Template) Append(dst []byte, values Values, escape bool) ([]byte, error) {
	r := run{values: values, escape: escape, limit: len(dst) + maxOutput, work: maxWork}
	out, err := r.template(dst, t)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (r *run) template(dst []byte, t *Template) ([]byte, error) {
	for i := range t.pieces {
		p := &t.pieces[i]
		dst = append(dst, p.literal...)
		start := len(dst)
		var err error
		if dst, err = r.field(dst, &p.field); err != nil {
			return nil, err
		}
		if r.escape {
			dst = escapeFrom(dst, start)
		}
		if len(dst) > r.limit {
			return nil, errOutput
		}
	}
	dst = append(dst, t.tail...)
	if len(dst) > r.limit {
		return nil, errOutput
	}
	return dst, nil
}

func (r *run) field(dst []byte, f *field) ([]byte, error) {
	v, ok := r.values.Lookup(f.name)
	if !ok {
		return nil, fmt.Errorf("there is no value named %q", f.name)
	}
	v, err := r.follow(v, f.parts)
	if err != nil {
		return nil, err
	}
	sp := &f.spec
	if f.nested != nil {
		if sp, err = r.nestedSpec(f.nested); err != nil {
			return nil, err
		}
	}
	switch {
	case f.conv != 0 && sp.text == "":
		return r.convert(dst, v, f.conv)
	case f.conv != 0:
		text, err := r.convert(nil, v, f.conv)
		if err == nil {
			err = r.spend(len(text))
		}
		if err != nil {
			return nil, err
		}
		return sp.appendText(dst, string(text), "str")
	case sp.text == "":
		return r.print(dst, v)
	default:
		return r.printAs(dst, v, sp)
	}
}

// spend takes n off what is left of the work.
func (r *run) spend(n int) error {
	if r.work -= n; r.work < 0 {
		return errWork
	}
	return nil
}

// nestedSpec formats a specification that holds fields. Its text is not output,
// so it is escaped only as part of what it helps to format.
func (r *run) nestedSpec(t *Template) (*spec, error) {
	inner := run{values: r.values, limit: maxOutput, work: r.work}
	text, err := inner.template(nil, t)
	if err != nil {
		return nil, err
	}
	r.work = inner.work
	sp := parseSpec(string(text))
	return &sp, nil
}
