package format

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFields limits the fields of one format, including those in specifications.
const maxFields = 1000

// maxLevels is how deep fields nest: a field, and a field in its specification.
const maxLevels = 2

var errMaxFields = fmt.Errorf("the format has more than %d fields", maxFields)

// A field is a replacement field.
type field struct {
	name   string
	parts  []part
	conv   byte      // 's', 'r', 'a', or 0 for none
	spec   spec      // the specification, if it contains no fields
	nested *Template // the specification, if it contains fields
}

// A part is a step into a value: .name or [name].
type part struct {
	name  string
	upper string // name with its first letter in upper case, or "" if it is the same
	index int    // the number in [number], or -1
	item  bool   // [name] rather than .name
}

// Parse parses a format. It returns an error if the format is malformed or refers to a
// positional argument, in Python's words if Python has the same error. A mistake in a
// format specification is found when the template is used, because it depends on the
// value.
func Parse(format string) (*Template, error) {
	return parse(format, maxLevels, new(int))
}

func parse(text string, levels int, fields *int) (*Template, error) {
	if levels == 0 {
		return nil, pythonError("Max string recursion exceeded")
	}
	t := &Template{}
	var literal strings.Builder
	for {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			literal.WriteString(text)
			t.tail = literal.String()
			return t, nil
		}
		literal.WriteString(text[:i])
		brace := text[i]
		text = text[i+1:]
		if text != "" && text[0] == brace {
			literal.WriteByte(brace)
			text = text[1:]
			continue
		}
		if brace == '}' || text == "" {
			return nil, pythonErrorf("Single '%c' encountered in format string", brace)
		}
		if *fields++; *fields > maxFields {
			return nil, errMaxFields
		}
		f, rest, err := parseField(text, levels, fields)
		if err != nil {
			return nil, err
		}
		t.pieces = append(t.pieces, piece{literal.String(), f})
		literal.Reset()
		text = rest
	}
}

// parseField parses a field after its opening brace. It returns the text after its
// closing brace.
func parseField(text string, levels int, fields *int) (f field, rest string, err error) {
	end, err := nameEnd(text)
	if err != nil {
		return f, "", err
	}
	if f.name, f.parts, err = parseName(text[:end]); err != nil {
		return f, "", err
	}
	stop := text[end]
	text = text[end+1:]
	if stop == '!' {
		if f.conv, stop, text, err = parseConversion(text); err != nil {
			return f, "", err
		}
	}
	if stop == '}' {
		return f, text, nil
	}
	end = specEnd(text)
	if end < 0 {
		return f, "", pythonError("unmatched '{' in format spec")
	}
	if source := text[:end]; strings.Contains(source, "{") {
		f.nested, err = parse(source, levels-1, fields)
	} else {
		f.spec = parseSpec(source)
	}
	return f, text[end+1:], err
}

// nameEnd finds the '}', ':' or '!' that ends the name. Between brackets, these are
// ordinary characters.
func nameEnd(text string) (int, error) {
	bracket := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case bracket:
			bracket = c != ']'
		case c == '[':
			bracket = true
		case c == '{':
			return 0, pythonError("unexpected '{' in field name")
		case c == '}' || c == ':' || c == '!':
			return i, nil
		}
	}
	return 0, pythonError("expected '}' before end of string")
}

// specEnd returns the index of the brace that closes the field, or -1.
func specEnd(text string) int {
	open := 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// parseConversion parses the text after '!': the conversion, and the '}' or ':' after
// it.
func parseConversion(text string) (conv, stop byte, rest string, err error) {
	if text == "" {
		return 0, 0, "", pythonError("end of string while looking for conversion specifier")
	}
	r, size := utf8.DecodeRuneInString(text)
	rest = text[size:]
	if rest == "" {
		return 0, 0, "", pythonError("unmatched '{' in format spec")
	}
	if rest[0] != '}' && rest[0] != ':' {
		return 0, 0, "", pythonError("expected ':' after conversion specifier")
	}
	if r != 's' && r != 'r' && r != 'a' {
		if r > ' ' && r < 0x7f {
			return 0, 0, "", pythonErrorf("Unknown conversion specifier %c", r)
		}
		return 0, 0, "", pythonErrorf(`Unknown conversion specifier \x%x`, r)
	}
	return byte(r), rest[0], rest[1:], nil
}

// parseName splits a field's name into the name of the value and its parts.
func parseName(text string) (name string, parts []part, err error) {
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	name, text = text[:end], text[end:]
	index, err := parseIndex(name)
	if err != nil {
		return "", nil, err
	}
	if name == "" || index >= 0 {
		return "", nil, pythonErrorf("Replacement index %d out of range: there are no positional arguments", max(index, 0))
	}
	for text != "" {
		p := part{index: -1}
		switch text[0] {
		case '.':
			text = text[1:]
			if end = strings.IndexAny(text, ".["); end < 0 {
				end = len(text)
			}
			p.name, text = text[:end], text[end:]
		case '[':
			var closed bool
			if p.name, text, closed = strings.Cut(text[1:], "]"); !closed {
				return "", nil, pythonError("Missing ']' in format string")
			}
			p.item = true
			if p.index, err = parseIndex(p.name); err != nil {
				return "", nil, err
			}
		default:
			return "", nil, pythonError("Only '.' or '[' may follow ']' in format field specifier")
		}
		if p.name == "" {
			return "", nil, pythonError("Empty attribute in format string")
		}
		p.upper = upperFirst(p.name)
		parts = append(parts, p)
	}
	return name, parts, nil
}

// parseIndex returns the number in text, or -1 if text is not a number.
func parseIndex(text string) (int, error) {
	n, rest, err := leadingNumber(text, math.MaxInt, errTooManyDigits)
	if rest != "" {
		n = -1
	}
	return n, err
}

const errTooManyDigits = pythonError("Too many decimal digits in format string")

// leadingNumber reads the digits that text starts with. It returns -1 if there are
// none, and tooLarge if their number is over limit.
func leadingNumber(text string, limit int, tooLarge error) (n int, rest string, err error) {
	rest = strings.TrimLeft(text, "0123456789")
	if len(rest) == len(text) {
		return -1, rest, nil
	}
	n, err = strconv.Atoi(text[:len(text)-len(rest)])
	if err != nil || n > limit {
		return n, rest, tooLarge
	}
	return n, rest, nil
}

func upperFirst(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	if upper := unicode.ToUpper(r); upper != r {
		return string(upper) + name[size:]
	}
	return ""
}
