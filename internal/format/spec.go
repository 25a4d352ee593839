package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxSize bounds widths and precisions.
const maxSize = 10_000

var (
	errWidth         = fmt.Errorf("the width is larger than %d", maxSize)
	errPrecision     = fmt.Errorf("the precision is larger than %d", maxSize)
	errNoPrecision   = pythonError("Format specifier missing precision")
	errBothGroupings = pythonError("Cannot specify both ',' and '_'.")
)

// spec is a parsed format specification:
//
//	[[fill]align][sign]["z"]["#"]["0"][width][grouping]["." precision][type]
//
// What it means depends on the value, so that is decided when it is applied.
type spec struct {
	text      string // the whole specification
	fill      string // one character, "" if none is given
	align     byte   // one of < > = ^, 0 if none is given
	sign      byte   // one of + - and space, 0 if none is given
	positive  bool   // z: a negative zero loses its sign
	alternate bool   // #
	zero      bool   // 0 before the width
	width     int    // -1 if none is given
	group     byte   // ',' or '_', 0 if none is given
	precision int    // -1 if none is given
	code      rune   // the type, noCode if none is given
	excess    bool   // more than one character stands where the type should
	err       error  // what is wrong with it for any value
}

// noCode is not a character, as any character can stand where the type should.
const noCode rune = -1

func parseSpec(text string) spec {
	s := spec{text: text, width: -1, precision: -1, code: noCode}
	rest := text
	_, size := utf8.DecodeRuneInString(rest)
	if isAlign(rest[size:]) {
		s.fill, s.align, rest = rest[:size], rest[size], rest[size+1:]
	} else if isAlign(rest) {
		s.align, rest = rest[0], rest[1:]
	}
	if rest != "" && strings.IndexByte("+- ", rest[0]) >= 0 {
		s.sign, rest = rest[0], rest[1:]
	}
	rest, s.positive = strings.CutPrefix(rest, "z")
	rest, s.alternate = strings.CutPrefix(rest, "#")
	if s.fill == "" {
		rest, s.zero = strings.CutPrefix(rest, "0")
	}
	if s.width, rest, s.err = parseSize(rest, errWidth); s.err != nil {
		return s
	}
	rest, comma := strings.CutPrefix(rest, ",")
	rest, underscore := strings.CutPrefix(rest, "_")
	switch {
	case underscore && (comma || strings.HasPrefix(rest, ",")):
		s.err = errBothGroupings
		return s
	case underscore:
		s.group = '_'
	case comma:
		s.group = ','
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		if s.precision, rest, s.err = parseSize(after, errPrecision); s.err == nil && s.precision < 0 {
			s.err = errNoPrecision
		}
		if s.err != nil {
			return s
		}
	}
	if rest != "" {
		s.code, size = utf8.DecodeRuneInString(rest)
		s.excess = size < len(rest)
	}
	return s
}

func isAlign(text string) bool {
	return text != "" && strings.IndexByte("<>=^", text[0]) >= 0
}

func parseSize(text string, tooLarge error) (int, string, error) {
	n, rest, err := leadingNumber(text, maxSize, tooLarge)
	if len(rest) == len(text) {
		n = -1
	}
	return n, rest, err
}

// check says what is wrong with s for a value of the named type, whose type
// code is preset if s has none.
func (s *spec) check(typeName string, preset rune) (code rune, err error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.excess {
		return 0, pythonErrorf("Invalid format specifier '%s' for object of type '%s'", s.text, typeName)
	}
	if code = s.code; code == noCode {
		code = preset
	}
	if s.group != 0 && !allowsGroup(code, s.group) {
		return 0, pythonErrorf("Cannot specify '%c' with %s.", s.group, quoteCode(code))
	}
	return code, nil
}

func allowsGroup(code rune, group byte) bool {
	switch code {
	case 'd', 'e', 'f', 'g', 'E', 'F', 'G', '%', 0:
		return true
	case 'b', 'o', 'x', 'X':
		return group == '_'
	}
	return false
}

func errUnknownCode(code rune, typeName string) error {
	return pythonErrorf("Unknown format code %s for object of type '%s'", quoteCode(code), typeName)
}

func quoteCode(code rune) string {
	if code > ' ' && code < 0x80 {
		return fmt.Sprintf("'%c'", code)
	}
	return fmt.Sprintf(`'\x%x'`, code)
}

// layout returns the fill and the alignment for a value that is aligned to the
// given side of its own accord.
func (s *spec) layout(side byte) (fill string, align byte) {
	fill, align = s.fill, s.align
	if fill == "" {
		fill = " "
	}
	if s.zero {
		fill = "0"
		if align == 0 && side == '>' {
			align = '='
		}
	}
	if align == 0 {
		align = side
	}
	return fill, align
}

// pads divides n characters of padding between the places it can have.
func pads(align byte, n int) (before, inside, after int) {
	switch {
	case n <= 0:
		return 0, 0, 0
	case align == '<':
		return 0, 0, n
	case align == '^':
		return n / 2, 0, n - n/2
	case align == '=':
		return 0, n, 0
	}
	return n, 0, 0
}

func appendFill(dst []byte, fill string, n int) []byte {
	for range n {
		dst = append(dst, fill...)
	}
	return dst
}
