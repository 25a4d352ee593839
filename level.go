package txaio

import (
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Level is the importance of an entry or, for a logger, the least important level
// that it logs. Levels later in the list below are less important. Level implements
// [encoding.TextMarshaler] and [encoding.TextUnmarshaler], so it works with
// flag.TextVar and in JSON, YAML and TOML.
type Level int8

// The levels of Python's txaio. LevelNone, the zero value, logs nothing.
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

// check returns an error that lists the levels if l is invalid.
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

// String returns the level's name in lower case, such as "info". For an invalid level
// it returns "Level(n)".
func (l Level) String() string {
	if !l.valid() {
		return "Level(" + strconv.Itoa(int(l)) + ")"
	}
	return levelNames[l]
}

// ParseLevel returns the level with the given name, ignoring case. "warning" means
// warn and "fatal" means critical. For any other name it returns a [*UsageError]
// that lists the names.
func ParseLevel(name string) (Level, error) {
	mustHaveBackend()
	return parseLevel(name)
}

func parseLevel(name string) (Level, error) {
	lower := strings.ToLower(name)
	switch lower { // logrus's names
	case "warning":
		lower = "warn"
	case "fatal":
		lower = "critical"
	}
	if i := slices.Index(levelNames[:], lower); i >= 0 {
		return Level(i), nil
	}
	return LevelNone, invalidLevel(name)
}

// MarshalText implements [encoding.TextMarshaler]. It returns a [*UsageError] if the
// level is invalid.
func (l Level) MarshalText() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return []byte(l.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts what [ParseLevel]
// accepts.
func (l *Level) UnmarshalText(text []byte) error {
	level, err := parseLevel(string(text))
	if err == nil {
		*l = level
	}
	return err
}

// callerNamespace returns the namespace of its caller's caller: the import path, followed by ".Type" for a method or a constructor NewType,
// and by ".function" for any other function. The initialisation of package variables
// belongs to the package itself.
func callerNamespace() string {
	pc := make([]uintptr, 1)
	runtime.Callers(3, pc)
	frame, _ := runtime.CallersFrames(pc).Next()
	return namespaceOf(frame.Function)
}

// namespaceOf derives a namespace from a function name as the runtime reports it,
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
	if strings.HasPrefix(name, "glob..") { // a function literal in a variable declaration
		return pkg
	}
	// A function literal that is inlined into other functions has their names
	// before its own. Only a pointer receiver shows where its own name starts.
	// Otherwise the outermost function determines the namespace.
	if i := strings.LastIndex(name, ".(*"); i >= 0 {
		name = name[i+1:]
	}
	// The rest is a method's name, the number of a function literal or, after a
	// hyphen, the body of a range over a function.
	first, _, _ := strings.Cut(name, ".")
	first, _, _ = strings.Cut(first, "-")
	switch first {
	case "", "init": // package variables
		return pkg
	}
	if made, is := strings.CutPrefix(first, "New"); is && made != "" && made[0] >= 'A' && made[0] <= 'Z' {
		first = made // a constructor
	}
	return pkg + "." + strings.Trim(first, "(*)") // (*Type) with a pointer receiver
}
