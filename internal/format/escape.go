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
		plain := 0
		for plain < len(s) && s[plain] >= ' ' && s[plain] < 0x7f {
			plain++
		}
		dst = append(dst, s[:plain]...)
		if s = s[plain:]; s == "" {
			return dst
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
		case !isControl(r):
			dst = append(dst, s[:size]...)
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

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 ||
		r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' ||
		r >= '\u2066' && r <= '\u2069'
}

// escapeFrom escapes what dst holds from start on.
func escapeFrom(dst []byte, start int) []byte {
	for i := start; i < len(dst); {
		if c := dst[i]; c >= ' ' && c < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(dst[i:])
		if r == utf8.RuneError && size == 1 || isControl(r) {
			return AppendEscaped(dst[:i], string(dst[i:]))
		}
		i += size
	}
	return dst
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
