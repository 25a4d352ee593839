package format

import (
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// integer is a whole number of any size.
type integer struct {
	negative  bool
	magnitude uint64
	large     *big.Int // the value, if magnitude cannot hold it
}

func signed(n int64) integer {
	if n < 0 {
		return integer{negative: true, magnitude: -uint64(n)}
	}
	return integer{magnitude: uint64(n)}
}

func fromBig(n *big.Int) integer {
	if n.BitLen() <= 64 {
		return integer{negative: n.Sign() < 0, magnitude: new(big.Int).Abs(n).Uint64()}
	}
	return integer{negative: n.Sign() < 0, large: n}
}

func (n integer) digits(buf []byte, base int) []byte {
	if n.large == nil {
		return strconv.AppendUint(buf, n.magnitude, base)
	}
	return new(big.Int).Abs(n.large).Append(buf, base)
}

func (n integer) float() (float64, error) {
	f := float64(n.magnitude)
	if n.large != nil {
		f, _ = new(big.Float).SetInt(n.large).Float64()
		f = math.Abs(f)
	}
	if math.IsInf(f, 0) {
		return 0, pythonError("int too large to convert to float")
	}
	if n.negative {
		f = -f
	}
	return f, nil
}

// appendInteger is Python's int.__format__.
func (s *spec) appendInteger(dst []byte, n integer, typeName string) ([]byte, error) {
	code, err := s.check(typeName, 'd')
	if err != nil {
		return nil, err
	}
	base, group, prefix := 10, 3, ""
	switch code {
	case 'd', 'n':
	case 'b':
		base, group, prefix = 2, 4, "0b"
	case 'o':
		base, group, prefix = 8, 4, "0o"
	case 'x':
		base, group, prefix = 16, 4, "0x"
	case 'X':
		base, group, prefix = 16, 4, "0X"
	case 'c':
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		f, err := n.float()
		if err != nil {
			return nil, err
		}
		return s.appendFloat(dst, f, 64)
	default:
		return nil, errUnknownCode(code, typeName)
	}
	if s.precision >= 0 {
		return nil, pythonError("Precision not allowed in integer format specifier")
	}
	if s.positive {
		return nil, pythonError("Negative zero coercion (z) not allowed in integer format specifier")
	}
	if code == 'c' {
		return s.appendCharacter(dst, n)
	}
	var buf [64]byte
	digits := n.digits(buf[:0], base)
	if code == 'X' {
		upper(digits)
	}
	if !s.alternate {
		prefix = ""
	}
	return s.appendNumber(dst, number{negative: n.negative, prefix: prefix, digits: digits, group: group}), nil
}

// appendCharacter formats the character whose code point n is.
func (s *spec) appendCharacter(dst []byte, n integer) ([]byte, error) {
	if s.sign != 0 {
		return nil, pythonError("Sign not allowed with integer format specifier 'c'")
	}
	if s.alternate {
		return nil, pythonError("Alternate form (#) not allowed with integer format specifier 'c'")
	}
	if n.negative && n.magnitude != 0 || n.large != nil || n.magnitude > utf8.MaxRune {
		return nil, pythonError("%c arg not in range(0x110000)")
	}
	var buf [utf8.UTFMax]byte
	return s.appendNumber(dst, number{rest: utf8.AppendRune(buf[:0], rune(n.magnitude)), group: 3}), nil
}

func upper(b []byte) {
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
}
