package format

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/txaio-go/txaio/internal/logvalue"
)

// maxOutput limits what one call of Append adds, in bytes.
const maxOutput = 1 << 20

var (
	errOutput = fmt.Errorf("the formatted text is longer than %d bytes", maxOutput)
	errWork   = errors.New("the values are too large to print")
)

// Values are the values that a format refers to.
type Values interface {
	// Lookup returns the value with the given name, and whether it exists.
	Lookup(name string) (slog.Value, bool)
}

// A Template is a parsed format. It is immutable and safe for concurrent use.
type Template struct {
	pieces []piece
	tail   string // the literal text after the last field
}

// A piece is literal text and the field after it.
type piece struct {
	literal string
	field   field
}

// A run is one use of a template.
type run struct {
	values Values
	walk   *logvalue.Walk
	limit  int // the length dst must not exceed
}

// Append appends the template's text with the given values, and returns the extended
// slice.
//
// If it fails, it returns dst unchanged and an error: a value or a part of one does
// not exist, a specification does not suit its value, a method failed or panicked, or
// a limit was exceeded. If Python has the same error, the text is Python's.
func (t *Template) Append(dst []byte, values Values, walk *logvalue.Walk) ([]byte, error) {
	r := run{values, walk, len(dst) + maxOutput}
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
		var err error
		if dst, err = r.field(dst, &p.field); err != nil {
			return nil, err
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
	if f.conv != 0 {
		text, err := r.convert(v, f.conv)
		if err == nil && sp.text != "" {
			err = r.spend(len(text))
		}
		if err != nil {
			return nil, err
		}
		v = slog.StringValue(text)
	}
	if sp.text == "" {
		return r.print(dst, v)
	}
	return r.printAs(dst, v, sp)
}

// spend counts n bytes of text that are read but not written.
func (r *run) spend(n int) error {
	if !r.walk.Spend(n) {
		return errWork
	}
	return nil
}

// nestedSpec formats a specification that contains fields.
func (r *run) nestedSpec(t *Template) (*spec, error) {
	text, err := (&run{r.values, r.walk, maxOutput}).template(nil, t)
	if err != nil {
		return nil, err
	}
	sp := parseSpec(string(text))
	return &sp, nil
}

// A pythonError is an error in Python's words, which users of the language search
// for. They do not follow Go's rules for error strings.
type pythonError string

func (e pythonError) Error() string { return string(e) }

func pythonErrorf(format string, args ...any) error {
	return pythonError(fmt.Sprintf(format, args...))
}
