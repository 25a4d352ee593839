// Package format implements the language of log formats: Python's str.format, as
// described in Python's documentation under "Format String Syntax" and "Format
// Specification Mini-Language".
//
// A field names a value and possibly a part of it:
//
//	{times}  {nouns[2]}  {what.config[foo]}  {n:05d}  {x:.{digits}f}  {v!r}
//
// Without a specification a value prints as with fmt's %v. !s is %v, !r is %#v, and
// !a is %#v with every character outside ASCII escaped. Bytes of valid UTF-8 print
// as text. With a specification, numbers, booleans and text print as in Python;
// numbers include json.Number, package math/big's, and those behind a pointer. A
// time.Time takes strftime's directives. A time.Duration prints as seconds if the
// specification is for a number. Any other value prints as the text of its %v.
//
// A part of a field, .name or [name], is a map key, an index, an exported struct
// field, or a method without arguments that returns one result, or a result and an
// error. If the name matches nothing, it is tried again with its first letter in
// upper case, and then as a field or method in any case. Pointers and interfaces are
// followed. A slog.LogValuer stands for the value it resolves to, unless it is an
// error.
//
// # Differences from Python
//
// There are no positional arguments, so {} and {0} are errors. A format is parsed
// completely before any value is looked up, so an error in its syntax takes
// precedence over a missing value. Only ASCII digits are digits. The type n knows no
// locale and does not group. .name finds map keys too, and [name] finds fields and
// methods. Complex numbers have no specifications of their own.
//
// # Limits
//
// Formats and values come from the whole program, so both are limited: widths and
// precisions to 10,000, the fields of a format to 1,000, its output to 1 MiB.
// Exceeding a limit is an error. Package logvalue limits values: it cuts what is too
// large or contains itself. If a method called for a value panics (Error, String,
// Format, GoString, LogValue or one named in the format), that is an error. A method
// that never returns or recurses forever cannot be contained.
package format
