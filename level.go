package txaio

import (
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Level says how much a log entry matters or, of a logger, up to which level
// it logs: the later in the list below, the more is logged. It can be a flag
// (flag.TextVar) and a value in JSON, YAML and TOML.
type Level int8

// The levels of Python's txaio. The zero value logs nothing.
const (
	LevelNone Level = iota
	LevelCritical
	LevelError
	LevelWarn
	LevelInfo
	LevelDebug
	LevelTrace
)

var levelNames = [...]string{"none", "critical", "error", "warn", "info", "debug", "trace"}

func (l Level) valid() bool { return LevelNone <= l && l <= LevelTrace }

// check returns an error that lists the levels if l is none of them.
func (l Level) check() error {
	if !l.valid() {
		return invalidLevel(l.String())
	}
	return nil
}

func mustBeLevel(level Level) {
	if err := level.check(); err != nil {
		panic(err)
	}
}

func invalidLevel(text string) error {
	return usageErrorf("invalid log level %q; valid are: %s", text, strings.Join(levelNames[:], ", "))
}

// String returns the level's name in lower case, as in "info", and for what is
// not a level "Level(n)".
func (l Level) String() string {
	if !l.valid() {
		return "Level(" + strconv.Itoa(int(l)) + ")"
	}
	return levelNames[l]
}

// ParseLevel returns the level with the given name, whatever its case, or an
// error that lists the names. "warning" and "fatal" are other names of warn and
// critical.
func ParseLevel(name string) (Level, error) {
	mustHaveBackend()
	return parseLevel(name)
}

func parseLevel(name string) (Level, error) {
	lower := strings.ToLower(name)
	if i := slices.Index(levelNames[:], lower); i >= 0 {
		return Level(i), nil
	}
	switch lower { // as logrus has them
	case "warning":
		return LevelWarn, nil
	case "fatal":
		return LevelCritical, nil
	}
	return LevelNone, invalidLevel(name)
}

// MarshalText implements [encoding.TextMarshaler]. It fails for what is not a
// level.
func (l Level) MarshalText() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return []byte(l.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler] as [ParseLevel]
// reads it.
func (l *Level) UnmarshalText(text []byte) error {
	level, err := parseLevel(string(text))
	if err == nil {
		*l = level
	}
	return err
}

// callerNamespace returns the namespace of the function that called the
// function that calls it, skip levels further up: its package path, with
// ".Type" for a method and for a constructor NewType, and ".function" for another
// function. Initialising a
// package's variables is done by the package itself.
func callerNamespace(skip int) string {
	pc := make([]uintptr, 1)
	if runtime.Callers(skip+3, pc) == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames(pc).Next()
	return namespaceOf(frame.Function)
}

// namespaceOf makes a namespace of a function's name as the runtime gives it,
// such as "example.com/pkg.(*Type[...]).Method.func1".
func namespaceOf(function string) string {
	dir, base := "", function
	if slash := strings.LastIndexByte(function, '/'); slash >= 0 {
		dir, base = function[:slash+1], function[slash+1:]
	}
	pkg, name, _ := strings.Cut(base, ".")
	pkg = dir + pkg
	if plain, err := url.PathUnescape(pkg); err == nil {
		pkg = plain // dots after the last slash are escaped
	}
	name = strings.ReplaceAll(name, "[...]", "")
	if strings.HasPrefix(name, "glob..") { // a function literal of a variable
		return pkg
	}
	// A function literal that is inlined into other functions has their names
	// before its own. Which those are can be told by a pointer receiver alone;
	// otherwise the namespace is the outermost's.
	if i := strings.LastIndex(name, ".(*"); i >= 0 {
		name = name[i+1:]
	}
	// What follows is a method's name, or numbers a function literal or, after
	// the hyphen, the body of a range over a function.
	first, _, _ := strings.Cut(name, ".")
	first, _, _ = strings.Cut(first, "-")
	switch first {
	case "", "init": // of variables
		return pkg
	}
	if made, is := strings.CutPrefix(first, "New"); is && made != "" && made[0] >= 'A' && made[0] <= 'Z' {
		first = made // a constructor
	}
	return pkg + "." + strings.Trim(first, "(*)") // (*Type) with a pointer receiver
}
