package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxSize limits widths and precisions.
const maxSize = 10_000

var (
	errWidth     = fmt.Errorf("the width is larger than %d", maxSize)
	errPrecision = fmt.Errorf("the precision is larger than %d", maxSize)
)

// A spec is a parsed format specification:
//
//	[[fill]align][sign]["z"]["#"]["0"][width][grouping]["." precision][type]
//
// Its meaning depends on the value it is applied to.
type spec struct {
	text      string // the source
	fill      string // a character, or "" for none
	align     byte   // < > = ^, or 0 for none
	sign      byte   // + - space, or 0 for none
	positive  bool   // z: a negative zero loses its sign
	alternate bool   // #
	zero      bool   // 0 before the width
	width     int    // -1 for none
	group     byte   // ',' '_', or 0 for none
	precision int    // -1 for none
	code      rune   // the type, or noCode
	excess    bool   // the type is longer than a character
	err       error  // an error that does not depend on the value
}

// noCode is the absent type. It is not a character, since the type can be any.
const noCode rune = -1

func parseSpec(text string) spec {
	s := spec{text: text, width: -1, precision: -1, code: noCode}
	rest := text
	_, size := utf8.DecodeRuneInString(rest)
	if startsWith(rest[size:], "<>=^") {
		s.fill, s.align, rest = rest[:size], rest[size], rest[size+1:]
	} else if startsWith(rest, "<>=^") {
		s.align, rest = rest[0], rest[1:]
	}
	if startsWith(rest, "+- ") {
		s.sign, rest = rest[0], rest[1:]
	}
	rest, s.positive = strings.CutPrefix(rest, "z")
	rest, s.alternate = strings.CutPrefix(rest, "#")
	if s.fill == "" {
		rest, s.zero = strings.CutPrefix(rest, "0")
	}
	if s.width, rest, s.err = leadingNumber(rest, maxSize, errWidth); s.err != nil {
		return s
	}
	if startsWith(rest, ",_") {
		s.group, rest = rest[0], rest[1:]
		if startsWith(rest, ",_") && rest[0] != s.group {
			s.err = pythonError("Cannot specify both ',' and '_'.")
			return s
		}
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		if s.precision, rest, s.err = leadingNumber(after, maxSize, errPrecision); s.err == nil && s.precision < 0 {
			s.err = pythonError("Format specifier missing precision")
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

// startsWith reports whether text starts with one of chars.
func startsWith(text, chars string) bool {
	return text != "" && strings.IndexByte(chars, text[0]) >= 0
}

// check returns s's type, or preset if it has none. It returns an error if s does not
// suit a value of the named type.
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
	return code == 0 || code == 'd' || isFloatCode(code) || group == '_' && strings.ContainsRune("boxX", code)
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

// layout returns the fill and the alignment, given the value's default alignment.
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

// pad appends head and body with the padding that makes them as wide as asked. A
// value without an alignment of its own is aligned to the given side. With the
// alignment =, the padding goes between head and body.
func (s *spec) pad(dst []byte, head, body string, side byte) []byte {
	fill, align := s.layout(side)
	after := max(s.width-utf8.RuneCountInString(head)-utf8.RuneCountInString(body), 0)
	before, inside := 0, 0
	switch align {
	case '>':
		before, after = after, 0
	case '^':
		before, after = after/2, after-after/2
	case '=':
		inside, after = after, 0
	}
	dst = appendFill(dst, fill, before)
	dst = append(dst, head...)
	dst = appendFill(dst, fill, inside)
	dst = append(dst, body...)
	return appendFill(dst, fill, after)
}

func appendFill(dst []byte, fill string, n int) []byte {
	for range n {
		dst = append(dst, fill...)
	}
	return dst
}
