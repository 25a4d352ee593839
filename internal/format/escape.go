package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// AppendEscaped appends s with every character that could change how the rest of
// a log is read written as a Go escape sequence: the control characters of ASCII
// and ISO 6429 (line feed is \n, escape \x1b, next line \u0085), the line and
// paragraph separators U+2028 and U+2029, the bidirectional embeddings,
// overrides and isolates (U+202A to U+202E, U+2066 to U+2069), and bytes that
// are not part of valid UTF-8 (\xff). Backslashes stay as they are.
func AppendEscaped(dst []byte, s string) []byte {
	for {
		plain := plainPrefix(s)
		dst = append(dst, s[:plain]...)
		if s = s[plain:]; s == "" {
			return dst
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < utf8.RuneSelf:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		s = s[size:]
	}
}

// IsPlain reports whether AppendEscaped would append s as it is.
func IsPlain(s string) bool { return plainPrefix(s) == len(s) }

// plainPrefix returns how much of s comes before the first character that has to
// be escaped.
func plainPrefix[text string | []byte](s text) int {
	for i := 0; i < len(s); {
		for i+8 <= len(s) && printable(s[i:i+8]) {
			i += 8
		}
		for i < len(s) && s[i] >= ' ' && s[i] < 0x7f {
			i++
		}
		for i < len(s) && (s[i] < ' ' || s[i] >= 0x7f) {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 || isControl(r) {
				return i
			}
			i += size
		}
	}
	return len(s)
}

// printable reports whether the eight bytes of s are characters of ASCII that can
// be printed, as those of most texts are. It looks at all of them at once: what is
// below ' ' sets its highest bit when that is subtracted, what is above '~' when one
// is added, and 0xff when ' ' is subtracted. Only a byte that is found in this way
// carries into the next one, or borrows from it.
func printable[text string | []byte](s text) bool {
	const each = 0x01_01_01_01_01_01_01_01
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	return ((x+each)|(x-' '*each))&(0x80*each) == 0
}

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 ||
		r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' ||
		r >= '\u2066' && r <= '\u2069'
}

// escapeFrom escapes what dst holds from start on.
func escapeFrom(dst []byte, start int) []byte {
	plain := start + plainPrefix(dst[start:])
	if plain == len(dst) {
		return dst
	}
	return AppendEscaped(dst[:plain], string(dst[plain:]))
}

// appendASCII appends s with everything outside ASCII as a Go escape sequence.
func appendASCII(dst []byte, s string) []byte {
	if i := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }); i < 0 {
		return append(dst, s...)
	}
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
		case r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		s = s[size:]
	}
	return dst
}
