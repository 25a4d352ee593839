package format

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

func isFloatCode(code rune) bool { return strings.ContainsRune("eEfFgG%", code) }

// appendFloat is Python's float.__format__. bits is the size of x's original
// type. It decides how many digits distinguish x from its neighbours.
func (s *spec) appendFloat(dst []byte, x float64, bits int) ([]byte, error) {
	code, err := s.check("float", 0)
	if err != nil {
		return nil, err
	}
	if code != 0 && code != 'n' && !isFloatCode(code) {
		return nil, errUnknownCode(code, "float")
	}
	if code == '%' {
		x *= 100
	}
	n := number{negative: math.Signbit(x) && !math.IsNaN(x), group: 3}
	x = math.Abs(x)
	var buf [64]byte
	text := buf[:0]
	switch {
	case math.IsInf(x, 0):
		text = append(text, "inf"...)
	case math.IsNaN(x):
		text = append(text, "nan"...)
	case code == 0:
		text = s.appendRepr(text, x, bits)
	default:
		text = s.appendVerb(text, x, code)
	}
	mantissa, _, _ := bytes.Cut(text, []byte("e"))
	if s.positive && len(bytes.Trim(mantissa, "0.")) == 0 {
		n.negative = false
	}
	switch code {
	case 'E', 'F', 'G':
		upper(text)
	case '%':
		text = append(text, '%')
	}
	n.rest = bytes.TrimLeft(text, "0123456789")
	n.digits = text[:len(text)-len(n.rest)]
	return s.appendNumber(dst, n), nil
}

// appendVerb appends x as fmt's verb of the same name prints it, in lower case.
func (s *spec) appendVerb(dst []byte, x float64, code rune) []byte {
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	verb := byte('f')
	switch code {
	case 'e', 'E':
		verb = 'e'
	case 'g', 'G', 'n':
		verb = 'g'
	}
	if s.alternate {
		return fmt.Appendf(dst, "%#.*"+string(verb), precision, x)
	}
	return strconv.AppendFloat(dst, x, verb, precision, 64)
}

// appendRepr appends x as Python's repr does or, with a precision, as g does but
// with at least one digit after the point, which counts as one of its digits.
func (s *spec) appendRepr(dst []byte, x float64, bits int) []byte {
	decimals, limit := -1, 16
	if s.precision >= 0 {
		decimals = max(s.precision-1, 0)
		limit, bits = decimals, 64
	}
	mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(nil, x, 'e', decimals, bits), []byte("e"))
	exp, _ := strconv.Atoi(string(exponent))
	fixed := exp >= -4 && exp < limit
	if fixed {
		if decimals >= 0 {
			decimals -= exp
		}
		mantissa = strconv.AppendFloat(nil, x, 'f', decimals, bits)
	}
	if !s.alternate && bytes.IndexByte(mantissa, '.') >= 0 {
		mantissa = bytes.TrimSuffix(bytes.TrimRight(mantissa, "0"), []byte("."))
	}
	dst = append(dst, mantissa...)
	switch {
	case bytes.IndexByte(mantissa, '.') >= 0:
	case fixed:
		dst = append(dst, ".0"...)
	case s.alternate:
		dst = append(dst, '.')
	}
	if !fixed {
		dst = append(append(dst, 'e'), exponent...)
	}
	return dst
}
