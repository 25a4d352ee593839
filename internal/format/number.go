package format

import (
	"bytes"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// bases are the bases of the integer types.
var bases = map[rune]int{'d': 10, 'n': 10, 'c': 10, 'b': 2, 'o': 8, 'x': 16, 'X': 16}

// appendInteger is Python's int.__format__.
func (s *spec) appendInteger(dst []byte, n *big.Int, typeName string) ([]byte, error) {
	code, err := s.check(typeName, 'd')
	if err != nil {
		return nil, err
	}
	base, known := bases[code]
	switch {
	case isFloatCode(code):
		f, _ := n.Float64()
		if math.IsInf(f, 0) {
			return nil, pythonError("int too large to convert to float")
		}
		return s.appendFloat(dst, f, 64)
	case !known:
		return nil, errUnknownCode(code, typeName)
	case s.precision >= 0:
		return nil, pythonError("Precision not allowed in integer format specifier")
	case s.positive:
		return nil, pythonError("Negative zero coercion (z) not allowed in integer format specifier")
	case code == 'c':
		return s.appendCharacter(dst, n)
	}
	var buf [65]byte
	digits := buf[:0]
	if n.IsInt64() {
		digits = strconv.AppendInt(digits, n.Int64(), base) // allocates nothing
	} else {
		digits = n.Append(digits, base)
	}
	out := number{negative: n.Sign() < 0, digits: bytes.TrimPrefix(digits, []byte("-")), group: 3}
	if base != 10 {
		out.group = 4
		if s.alternate {
			out.prefix = "0" + string(code)
		}
	}
	if code == 'X' {
		upper(out.digits)
	}
	return s.appendNumber(dst, out), nil
}

// appendCharacter formats the character whose code point is n.
func (s *spec) appendCharacter(dst []byte, n *big.Int) ([]byte, error) {
	switch {
	case s.sign != 0:
		return nil, pythonError("Sign not allowed with integer format specifier 'c'")
	case s.alternate:
		return nil, pythonError("Alternate form (#) not allowed with integer format specifier 'c'")
	case !n.IsInt64() || n.Int64() < 0 || n.Int64() > utf8.MaxRune:
		return nil, pythonError("%c arg not in range(0x110000)")
	}
	var buf [utf8.UTFMax]byte
	return s.appendNumber(dst, number{rest: utf8.AppendRune(buf[:0], rune(n.Int64()))}), nil
}

// number is the text of a number, in the pieces that padding and grouping treat
// differently.
type number struct {
	negative bool
	prefix   string // 0x and the like
	digits   []byte // before the decimal point; none for a character, inf and nan
	rest     []byte // everything after the digits
	group    int    // the number of digits in a group
}

// appendNumber appends n with its sign, its separators and its padding.
func (s *spec) appendNumber(dst []byte, n number) []byte {
	sign := ""
	switch {
	case n.negative:
		sign = "-"
	case s.sign == '+':
		sign = "+"
	case s.sign == ' ':
		sign = " "
	}
	head := sign + n.prefix
	zeros := 0
	if fill, align := s.layout('>'); fill == "0" && align == '=' && len(n.digits) > 0 {
		zeros = s.width - len(head) - len(n.rest)
	}
	var buf [64]byte
	body := append(s.appendDigits(buf[:0], n, zeros), n.rest...)
	return s.pad(dst, head, string(body), '>')
}

// appendDigits appends the digits of n, grouped, with leading zeros up to a
// width. The zeros are grouped as well. The result can be one wider, because it
// never starts with a separator.
func (s *spec) appendDigits(dst []byte, n number, width int) []byte {
	for i := 0; i < len(n.digits) || len(dst) < width; i++ { // from the last digit to the first
		if s.group != 0 && i > 0 && i%n.group == 0 {
			dst = append(dst, s.group)
		}
		digit := byte('0')
		if i < len(n.digits) {
			digit = n.digits[len(n.digits)-1-i]
		}
		dst = append(dst, digit)
	}
	slices.Reverse(dst)
	return dst
}

func upper(text []byte) {
	for i, c := range text {
		if c >= 'a' && c <= 'z' {
			text[i] = c - 'a' + 'A'
		}
	}
}
