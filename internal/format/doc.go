// Package format is the language of log formats: Python's str.format, as its
// documentation describes it under "Format String Syntax" (the replacement
// fields) and "Format Specification Mini-Language" (what follows the colon).
//
// A field names a value and may go into it:
//
//	{times}  {nouns[2]}  {what.config[foo]}  {n:05d}  {x:.{digits}f}  {v!r}
//
// When Go has its own way, Go's is taken: without a specification a value
// prints as fmt's %v, !s is %v, !r is %#v, and !a is %#v with everything
// outside ASCII escaped. Bytes that are valid UTF-8 print as text. With a
// specification numbers (also those that a pointer leads to, a json.Number and
// a big one), booleans and text print as Python prints them, a time.Time by
// strftime's directives, a time.Duration as seconds if the specification is a
// number's, and any other value as the text of its %v.
//
// A part of a field, .name or [name], is a map key, an index, an exported field
// or a method without arguments that returns one result, or a result and an
// error. A name that matches nothing is tried once more with its first letter
// in upper case, and then as that of a field or method in any case. Pointers
// and interfaces are followed, and a slog.LogValuer stands for what it resolves
// to, unless it is an error.
//
// # Differences from Python
//
// There are no positional arguments, so {} and {0} are errors. A whole format
// is parsed before any value is looked up, so a mistake in its syntax is
// reported rather than a missing value to the left of it. Only ASCII digits are
// digits. The n type knows no locale: it groups nothing. A map key is found by
// .name too, and a field or method by [name]. Complex numbers have no
// specifications of their own.
//
// # Limits
//
// Formats and values come from the whole program, so both are kept in bounds:
// widths and precisions to 10,000, a format to 1,000 fields, its output to
// 1 MiB. Beyond them is an error. Values are bounded by a walk over them (see
// package logvalue), which cuts what is too large or contains itself. A panic in
// a method called for a value (Error, String, Format, GoString, LogValue or one
// named in the format) is an error that says so. What cannot be contained is a
// method that never returns or recurses without end.
package format
