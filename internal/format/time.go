package format

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// appendSeconds formats a duration as a number of seconds.
func (s *spec) appendSeconds(dst []byte, d time.Duration) ([]byte, error) {
	if strings.ContainsRune("bcdoxXn", s.code) {
		return s.appendInteger(dst, big.NewInt(int64(d/time.Second)), "int")
	}
	return s.appendFloat(dst, d.Seconds(), 64)
}

// directives are strftime's in the C locale, as layouts of package time.
var directives = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
	'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03",
	'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06",
	'%': "%", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// computed are the directives without a layout: the least number of digits, and the
// value.
var computed = map[byte]struct {
	width int
	of    func(time.Time) int64
}{
	'f': {6, func(t time.Time) int64 { return int64(t.Nanosecond() / 1000) }},
	'G': {1, func(t time.Time) int64 { year, _ := t.ISOWeek(); return int64(year) }},
	's': {1, time.Time.Unix},
	'u': {1, func(t time.Time) int64 { return int64(t.Weekday()+6)%7 + 1 }},
	'U': {2, func(t time.Time) int64 { return int64(t.YearDay()+6-int(t.Weekday())) / 7 }},
	'V': {2, func(t time.Time) int64 { _, week := t.ISOWeek(); return int64(week) }},
	'w': {1, func(t time.Time) int64 { return int64(t.Weekday()) }},
	'W': {2, func(t time.Time) int64 { return int64(t.YearDay()+6-int(t.Weekday()+6)%7) / 7 }},
}

// appendTime is Python's datetime.__format__, that is, strftime. Unknown directives
// stay as they are.
func appendTime(dst []byte, spec string, t time.Time) ([]byte, error) {
	for {
		literal, rest, found := strings.Cut(spec, "%")
		if dst = append(dst, literal...); !found {
			return dst, nil
		}
		if rest == "" {
			return append(dst, '%'), nil
		}
		code := rest[0]
		spec = rest[1:]
		layout, isLayout := directives[code]
		number, isNumber := computed[code]
		switch {
		case isLayout:
			dst = t.AppendFormat(dst, layout)
		case isNumber:
			dst = fmt.Appendf(dst, "%0*d", number.width, number.of(t))
		default:
			dst = append(dst, '%', code)
		}
	}
}
