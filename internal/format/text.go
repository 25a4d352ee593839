package format

import (
	"strconv"
	"unicode/utf8"
)

// appendText is Python's str.__format__. Characters are code points. A byte of invalid
// UTF-8 counts as one.
func (s *spec) appendText(dst []byte, text, typeName string) ([]byte, error) {
	code, err := s.check(typeName, 's')
	if err != nil {
		return nil, err
	}
	switch {
	case code != 's':
		return nil, errUnknownCode(code, typeName)
	case s.sign == ' ':
		return nil, pythonError("Space not allowed in string format specifier")
	case s.sign != 0:
		return nil, pythonError("Sign not allowed in string format specifier")
	case s.positive:
		return nil, pythonError("Negative zero coercion (z) not allowed in string format specifier")
	case s.alternate:
		return nil, pythonError("Alternate form (#) not allowed in string format specifier")
	case s.align == '=':
		return nil, pythonError("'=' alignment not allowed in string format specifier")
	}
	if s.precision >= 0 {
		text = firstRunes(text, s.precision)
	}
	if len(text) > maxOutput {
		return nil, errOutput
	}
	return s.pad(dst, "", text, '<'), nil
}

// firstRunes returns the first n characters of text without reading the rest.
func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// appendASCII appends s with each character outside ASCII as a Go escape sequence.
func appendASCII(dst []byte, s string) []byte {
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else {
			quoted := strconv.QuoteToASCII(s[:size])
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
		s = s[size:]
	}
	return dst
}
