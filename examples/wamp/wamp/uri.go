package wamp

import (
	"fmt"
	"strings"
	"unicode"
)

// matching says how a procedure or topic is matched, in WAMP's words.
const (
	exact    = "exact"
	prefix   = "prefix"
	wildcard = "wildcard"
)

// checkURI checks a URI by the protocol's loose rules: components without whitespace
// and '#', separated by dots. Only a wildcard or prefix pattern may have empty ones. A
// router would refuse the request or, worse, end the session.
func checkURI(uri, match string) error {
	switch match {
	case "", exact, prefix, wildcard:
	default:
		return invalidURI(uri, fmt.Sprintf("there is no matching %q: it is %s, %s or %s", match, exact, prefix, wildcard))
	}
	if uri == "" {
		return invalidURI(uri, "it is empty")
	}
	if strings.ContainsFunc(uri, func(r rune) bool { return r == '#' || r == unicode.ReplacementChar || unicode.IsSpace(r) }) {
		return invalidURI(uri, "whitespace and # are not allowed")
	}
	parts := uri
	if match == prefix {
		parts = strings.TrimSuffix(uri, ".")
	}
	if match != wildcard && (parts == "" || parts[0] == '.' || parts[len(parts)-1] == '.' || strings.Contains(parts, "..")) {
		return invalidURI(uri, "two dots in a row, or one at an end")
	}
	return nil
}

func invalidURI(uri, why string) error {
	return &Error{URI: InvalidURI, Payload: Args(fmt.Sprintf("%q: %s", uri, why))}
}
