package txaio

import (
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

// check returns an error that lists the levels where l is none of them.
func (l Level) check() error {
	if !l.valid() {
		return invalidLevel(l.String())
	}
	return nil
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
// error that lists the names.
func ParseLevel(name string) (Level, error) {
	mustHaveBackend()
	return parseLevel(name)
}

func parseLevel(name string) (Level, error) {
	for i, known := range levelNames {
		if strings.EqualFold(name, known) {
			return Level(i), nil
		}
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
