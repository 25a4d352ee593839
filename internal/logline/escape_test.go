package logline

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendEscaped(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{`plain \n "text" 日本語 😀 ` + "\u00a0\u200b\ufffd", `plain \n "text" 日本語 😀 ` + "\u00a0\u200b\ufffd"},
		{"a\nb\rc\td", `a\nb\rc\td`},
		{"\x00\x1b[31m\x7f", `\x00\x1b[31m\x7f`},
		{"\u0080\u0085\u009b\u009f", `\u0080\u0085\u009b\u009f`},
		{"\u2028\u2029", `\u2028\u2029`},
		{"\u202a\u202e\u2066\u2069", `\u202a\u202e\u2066\u2069`},
		{"\u2027\u202f\u2065\u206a", "\u2027\u202f\u2065\u206a"},
		{"\xff\x85a\xe2\x80", `\xff\x85a\xe2\x80`},
	} {
		if got := string(AppendEscaped([]byte(">"), c.in)); got != ">"+c.want {
			t.Errorf("AppendEscaped(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestIsPlain(t *testing.T) {
	for first := range 256 {
		for second := range 256 {
			for before := range 8 {
				s := strings.Repeat("~", before) + string([]byte{byte(first), byte(second)}) + strings.Repeat(" ", 8)
				want := !strings.ContainsFunc(s, isControl) && utf8.ValidString(s)
				if got := IsPlain(s); got != want {
					t.Fatalf("IsPlain(%q) = %v", s, got)
				}
			}
		}
	}
}
