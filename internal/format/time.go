package format

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// appendSeconds formats a duration as a number of seconds.
func (s *spec) appendSeconds(dst []byte, d time.Duration) ([]byte, error) {
	if strings.ContainsRune("bcdoxXn", s.code) {
		return s.appendInteger(dst, signed(int64(d/time.Second)), "int")
	}
	return s.appendFloat(dst, d.Seconds(), 64)
}

// directives are strftime's, in the C locale, as layouts of package time.
var directives = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
	'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03",
	'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06",
	'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// appendTime is Python's datetime.__format__, which is strftime. Like that it
// leaves a directive that there is none of as it is.
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
		layout, known := directives[code]
		year, week := t.ISOWeek()
		switch {
		case code == 'f': // not a layout without the point
			dst = fmt.Appendf(dst, "%06d", t.Nanosecond()/1000)
		case known:
			dst = t.AppendFormat(dst, layout)
		case code == 's':
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		case code == 'w':
			dst = strconv.AppendInt(dst, int64(t.Weekday()), 10)
		case code == 'u':
			dst = strconv.AppendInt(dst, int64(t.Weekday()+6)%7+1, 10)
		case code == 'G':
			dst = strconv.AppendInt(dst, int64(year), 10)
		case code == 'V':
			dst = fmt.Appendf(dst, "%02d", week)
		case code == 'U':
			dst = fmt.Appendf(dst, "%02d", (t.YearDay()+6-int(t.Weekday()))/7)
		case code == 'W':
			dst = fmt.Appendf(dst, "%02d", (t.YearDay()+6-int(t.Weekday()+6)%7)/7)
		case code == '%':
			dst = append(dst, '%')
		default:
			dst = append(dst, '%', code)
		}
	}
}
