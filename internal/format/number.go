package format

import "unicode/utf8"

// number is the text of a number, in the pieces that padding and grouping treat
// differently.
type number struct {
	negative bool
	prefix   string // 0x and the like
	digits   []byte // before the decimal point; none for a character, inf and nan
	rest     []byte // everything after them
	group    int    // digits to a group
}

// appendNumber lays n out as
//
//	padding sign prefix padding digits rest padding
//
// Zeros that fill the width are digits: they are grouped like the others, which
// can make the result one wider than asked, since a separator never comes first.
func (s *spec) appendNumber(dst []byte, n number) []byte {
	fill, align := s.layout('>')
	sign := ""
	switch {
	case n.negative:
		sign = "-"
	case s.sign == '+':
		sign = "+"
	case s.sign == ' ':
		sign = " "
	}
	taken := len(sign) + len(n.prefix) + utf8.RuneCount(n.rest)
	digits := len(n.digits)
	if fill == "0" && align == '=' && digits > 0 {
		digits = max(digits, s.fitting(n.group, s.width-taken))
	}
	before, inside, after := pads(align, s.width-taken-s.grouped(n.group, digits))

	dst = appendFill(dst, fill, before)
	dst = append(dst, sign...)
	dst = append(dst, n.prefix...)
	dst = appendFill(dst, fill, inside)
	for left := digits; left > 0; left-- {
		if left > len(n.digits) {
			dst = append(dst, '0')
		} else {
			dst = append(dst, n.digits[len(n.digits)-left])
		}
		if s.group != 0 && left > 1 && (left-1)%n.group == 0 {
			dst = append(dst, s.group)
		}
	}
	dst = append(dst, n.rest...)
	return appendFill(dst, fill, after)
}

// grouped is how wide digits are with their separators.
func (s *spec) grouped(group, digits int) int {
	if s.group == 0 || digits == 0 {
		return digits
	}
	return digits + (digits-1)/group
}

// fitting is the least number of digits that fill width with their separators.
func (s *spec) fitting(group, width int) int {
	if s.group == 0 || width <= 0 {
		return width
	}
	digits := width * group / (group + 1)
	for s.grouped(group, digits) < width {
		digits++
	}
	return digits
}
