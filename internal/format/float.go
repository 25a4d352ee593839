package format

import (
	"bytes"
	"math"
	"strconv"
)

// appendFloat is Python's float.__format__. bits is the size of the type x came
// from, which decides how many digits tell it from its neighbours.
func (s *spec) appendFloat(dst []byte, x float64, bits int) ([]byte, error) {
	code, err := s.check("float", 0)
	if err != nil {
		return nil, err
	}
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	if code == '%' {
		x *= 100
	}
	n := number{negative: math.Signbit(x) && !math.IsNaN(x), group: 3}
	x = math.Abs(x)
	var buf [64]byte
	text := buf[:0]
	switch code {
	case 'f', 'F', '%':
		text = strconv.AppendFloat(text, x, 'f', precision, 64)
	case 'e', 'E':
		text = strconv.AppendFloat(text, x, 'e', precision, 64)
	case 'g', 'G', 'n':
		text = appendGeneral(text, x, precision, s.alternate, false)
	case 0:
		// Like repr, or like g but with a digit after the point.
		if s.precision < 0 {
			text = appendShortest(text, x, bits)
		} else {
			text = appendGeneral(text, x, precision, s.alternate, true)
		}
	default:
		return nil, errUnknownCode(code, "float")
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		text = append(buf[:0], "inf"...)
		if math.IsNaN(x) {
			text = append(buf[:0], "nan"...)
		}
	} else {
		if s.positive && isZero(text) {
			n.negative = false
		}
		if s.alternate {
			text = withPoint(text)
		}
	}
	if code == 'E' || code == 'F' || code == 'G' {
		upper(text)
	}
	if code == '%' {
		text = append(text, '%')
	}
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	n.digits, n.rest = text[:i], text[i:]
	return s.appendNumber(dst, n), nil
}

// appendGeneral appends x with precision significant digits, in exponent form
// if its magnitude calls for it. Zeros at the end go unless keepZeros;
// fraction makes sure of a digit after the point, which counts as one of them.
func appendGeneral(dst []byte, x float64, precision int, keepZeros, fraction bool) []byte {
	precision = max(precision, 1)
	largest := precision
	if fraction {
		largest--
	}
	return appendDecimal(dst, strconv.AppendFloat(nil, x, 'e', precision-1, 64), largest, keepZeros, fraction)
}

// appendShortest appends x as Python's repr does.
func appendShortest(dst []byte, x float64, bits int) []byte {
	return appendDecimal(dst, strconv.AppendFloat(nil, x, 'e', -1, bits), 16, false, true)
}

// appendDecimal rewrites scientific, a number in exponent form, without an
// exponent if that lies from -4 to below largest.
func appendDecimal(dst, scientific []byte, largest int, keepZeros, fraction bool) []byte {
	mantissa, exponent, _ := bytes.Cut(scientific, []byte("e"))
	exp, err := strconv.Atoi(string(exponent))
	if err != nil {
		return dst // infinite or not a number: its caller has words for those
	}
	digits := make([]byte, 0, len(mantissa))
	for _, c := range mantissa {
		if c != '.' {
			digits = append(digits, c)
		}
	}
	if !keepZeros {
		digits = append(digits[:1], bytes.TrimRight(digits[1:], "0")...)
	}
	if exp < -4 || exp >= largest {
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(dst, '.')
			dst = append(dst, digits[1:]...)
		}
		dst = append(dst, 'e')
		return append(dst, exponent...)
	}
	if exp < 0 {
		dst = append(dst, "0."...)
		dst = appendFill(dst, "0", -exp-1)
		return append(dst, digits...)
	}
	whole := min(exp+1, len(digits))
	dst = append(dst, digits[:whole]...)
	dst = appendFill(dst, "0", exp+1-whole)
	switch {
	case whole < len(digits):
		dst = append(dst, '.')
		dst = append(dst, digits[whole:]...)
	case fraction:
		dst = append(dst, ".0"...)
	}
	return dst
}

// withPoint puts a decimal point after the digits of a number without one.
func withPoint(text []byte) []byte {
	if bytes.IndexByte(text, '.') >= 0 {
		return text
	}
	end := bytes.IndexByte(text, 'e')
	if end < 0 {
		return append(text, '.')
	}
	text = append(text, 0)
	copy(text[end+1:], text[end:])
	text[end] = '.'
	return text
}

func isZero(text []byte) bool {
	mantissa, _, _ := bytes.Cut(text, []byte("e"))
	return len(bytes.Trim(mantissa, "0.")) == 0
}
