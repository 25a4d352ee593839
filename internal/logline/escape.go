package logline

import (
	"strconv"
	"unicode/utf8"
)

// AppendEscaped appends s, and writes each character that could change how the rest of
// a log displays as a Go escape sequence. These are the control characters of ASCII and
// ISO 6429 (line feed is \n, escape \x1b, next line \u0085), the line and paragraph
// separators U+2028 and U+2029, the bidirectional embeddings, overrides and isolates
// (U+202A to U+202E, U+2066 to U+2069), and bytes of invalid UTF-8 (\xff). Backslashes
// are not escaped.
func AppendEscaped(dst []byte, s string) []byte {
	for {
		plain := plainPrefix(s)
		dst = append(dst, s[:plain]...)
		if s = s[plain:]; s == "" {
			return dst
		}
		_, size := utf8.DecodeRuneInString(s)
		quoted := strconv.Quote(s[:size])
		dst = append(dst, quoted[1:len(quoted)-1]...)
		s = s[size:]
	}
}

// IsPlain reports whether AppendEscaped appends s unchanged.
func IsPlain(s string) bool { return plainPrefix(s) == len(s) }

// plainPrefix returns the length of the text before the first character to escape.
func plainPrefix[text string | []byte](s text) int {
	for i := 0; i < len(s); {
		if s[i] >= ' ' && s[i] < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 || isControl(r) {
			return i
		}
		i += size
	}
	return len(s)
}

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 ||
		r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' ||
		r >= '\u2066' && r <= '\u2069'
}
