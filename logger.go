package txaio

import (
	"context"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio/internal/logcapture"
)

// A Logger logs entries under a namespace. Its methods are safe for concurrent
// use.
//
// A message is a format string as for Python's str.format. Its fields refer to the
// attributes: "{times}", "{nouns[2]}", "{what.config[foo]}", "{n:05d}", "{x:.2f}".
// "{{" is a brace. A part of a field is a map key, an index, an exported struct
// field, or a method without arguments. A name that matches nothing is tried again
// with its first letter in upper case, and then in any case. Without a format
// specification a value prints as with %v in package fmt, with one as in Python.
// !s is %v, and !r is %#v. Besides the given attributes there are log_time,
// log_level, log_namespace and, at trace level, txaio_trace.
//
// If a call has no attributes, its text is not a format. It is logged unchanged,
// braces included, so a traceback can be logged by itself.
//
// A mistake in a format loses nothing: the entry is logged with its attributes and
// the message `Unable to format "FORMAT": reason`. Attributes follow the rules of
// [slog.Handler]. A value that contains itself or is too large is cut, and a value
// that cannot be encoded is logged as its text.
//
// With a backend, logging never panics. It never exits the process. A call below the level
// allocates nothing and loads one atomic variable. Until a level is set, it also
// asks the target for its level.
type Logger struct {
	// level is the logger's level, or asTarget. If the logger follows another
	// level, this is a copy, so that a disabled call loads nothing else.
	level     atomic.Int32
	pinned    bool                   // guarded by levels, like the children
	parent    *Logger                // root, except for a logger of With
	children  []weak.Pointer[Logger] // those that are in use, and some that were
	full      int                    // the number of children at which to remove those
	namespace string
	attrs     []slog.Attr // of With
	own       *target     // nil: the global one
}

// asTarget means that the target decides. It is above all levels, so the logger
// itself drops nothing.
const asTarget = int32(LevelTrace) + 1

// levels guards what loggers follow.
var levels struct {
	sync.Mutex
	byPrefix map[string]Level
}

// root is the logger whose level is the global one. It logs nothing itself.
var root = new(Logger).register()

// A target is where entries go: to a slog handler or a logrus logger. If
// StartLogging has been called, the standard logrus logger stands for its output.
type target struct {
	slog   slog.Handler
	logrus *logrus.Logger
}

var outputTarget = &target{logrus: logrus.StandardLogger()}

// targets holds the global target, and the one that replaces all targets during a
// test.
var targets struct {
	sync.Mutex
	global, captured atomic.Pointer[target]
}

func init() {
	targets.global.Store(outputTarget)
	logcapture.Swap = func(handler slog.Handler) (restore func()) {
		previous := targets.captured.Swap(&target{slog: handler})
		return func() { targets.captured.Store(previous) }
	}
}

// questionForLevel is the message to report if a handler's Enabled panics.
var questionForLevel = "(asked whether a level is enabled)"

// toOutput reports whether entries go to StartLogging's output.
func (t *target) toOutput() bool {
	return t.slog == nil && t.logrus == outputTarget.logrus && output.started.Load()
}

// enabled reports whether the target logs entries at a level.
func (t *target) enabled(level Level) (enabled bool) {
	switch {
	case level <= LevelNone || level > LevelTrace:
		return false
	case t.slog != nil:
		defer recoverLogging(&questionForLevel)
		return t.slog.Enabled(context.Background(), toSlog[level])
	case t.toOutput():
		return true
	}
	return t.logrus.IsLevelEnabled(toLogrus[level])
}

func changeTarget(change func(*target)) {
	mustHaveBackend()
	targets.Lock()
	defer targets.Unlock()
	changed := *targets.global.Load()
	change(&changed)
	targets.global.Store(&changed)
}

// SetLogrus sends the entries of all loggers to logger, except those of loggers made
// with [WithLogrus] or [WithSlog]. If logger is nil, entries go to
// logrus.StandardLogger(), which is the default. [SetSlog] takes precedence.
//
// The rendered message is the entry's message; the attributes and log_namespace
// are its fields. Critical becomes logrus.FatalLevel without exiting. The logrus
// logger drops entries that are less important than its own level, whatever the
// level of the Logger.
func SetLogrus(logger *logrus.Logger) {
	if logger == nil {
		logger = outputTarget.logrus
	}
	changeTarget(func(t *target) { t.logrus = logger })
}

// SetSlog sends the entries of all loggers to handler instead of logrus, except
// those of loggers made with [WithLogrus] or [WithSlog]. If handler is nil, entries
// go to logrus again.
//
// A record has the rendered message, the attributes, log_namespace, and the source
// position of the call. Critical is slog.LevelError+4 and trace is
// slog.LevelDebug-4. The handler drops records for which it is not enabled,
// whatever the level of the Logger.
func SetSlog(handler slog.Handler) {
	changeTarget(func(t *target) { t.slog = handler })
}

// A LoggerOption configures a logger that [MakeLogger] makes.
type LoggerOption func(*Logger)

// WithNamespace sets the logger's namespace. The default is derived from the caller.
func WithNamespace(namespace string) LoggerOption {
	return func(l *Logger) { l.namespace = namespace }
}

// WithLevel sets the logger's own level, as [Logger.SetLevel] does.
func WithLevel(level Level) LoggerOption { return func(l *Logger) { l.pin(level) } }

// WithLogrus sends the logger's entries to logger, whatever [SetLogrus] and
// [SetSlog] say. If logger is nil, those decide.
func WithLogrus(logger *logrus.Logger) LoggerOption {
	return withTarget(target{logrus: logger})
}

// WithSlog sends the logger's entries to handler, whatever [SetLogrus] and
// [SetSlog] say. If handler is nil, those decide.
func WithSlog(handler slog.Handler) LoggerOption {
	return withTarget(target{slog: handler})
}

func withTarget(t target) LoggerOption {
	return func(l *Logger) {
		if l.own = nil; t != (target{}) {
			l.own = &t
		}
	}
}

// MakeLogger returns a new logger. Its default namespace is the import path of the
// calling package, which for package main is "main". In a method of Type, or in a constructor NewType, ".Type" is
// added; in any other function, ".function". Make a logger for each package or type
// that logs:
//
//	var log = txaio.MakeLogger()
//
// In a build without a backend MakeLogger works, but the logger's methods panic
// with [ErrNoBackend].
func MakeLogger(opts ...LoggerOption) *Logger {
	return newLogger(callerNamespace(), opts...)
}

func newLogger(namespace string, opts ...LoggerOption) *Logger {
	l := &Logger{parent: root, namespace: namespace}
	for _, opt := range opts {
		opt(l)
	}
	return l.register()
}

// register makes l follow its parent.
func (l *Logger) register() *Logger {
	levels.Lock()
	defer levels.Unlock()
	if p := l.parent; p != nil {
		if len(p.children) >= p.full {
			p.children = slices.DeleteFunc(p.children, func(c weak.Pointer[Logger]) bool { return c.Value() == nil })
			p.full = max(64, 2*len(p.children))
		}
		p.children = append(p.children, weak.Make(l))
	}
	l.follow()
	return l
}

// follow updates the logger's own copy of its level, unless it is pinned, and those
// of its children. The caller has locked levels.
func (l *Logger) follow() {
	level, longest := asTarget, -1
	if p := l.parent; p != nil {
		level = p.level.Load()
		for prefix, own := range levels.byPrefix {
			if p.parent == nil && len(prefix) > longest && strings.HasPrefix(l.namespace, prefix) {
				longest, level = len(prefix), int32(own)
			}
		}
	}
	if !l.pinned {
		l.level.Store(level)
	}
	for _, child := range l.children {
		if c := child.Value(); c != nil {
			c.follow()
		}
	}
}

// With returns a logger with the same namespace and target that adds attrs to each
// entry, before the attributes of the call. It follows the level of l until
// [Logger.SetLevel] gives it its own.
func (l *Logger) With(attrs ...slog.Attr) *Logger {
	mustHaveBackend()
	with := &Logger{parent: l, namespace: l.namespace, own: l.own, attrs: slices.Concat(l.attrs, attrs)}
	return with.register()
}

// SetGlobalLogLevel sets the level of every logger without its own (see
// [Logger.SetLevel] and [SetLogLevels]). It panics with a [*UsageError] if level is
// invalid.
func SetGlobalLogLevel(level Level) {
	mustHaveBackend()
	levels.Lock()
	defer levels.Unlock()
	setGlobalLevel(level)
}

// setGlobalLevel is SetGlobalLogLevel with levels locked.
func setGlobalLevel(level Level) {
	root.pin(level)
	root.follow()
	if output.started.Load() {
		logrus.SetLevel(toLogrus[level])
	}
}

// GlobalLogLevel returns the level of every logger without its own. Until
// [StartLogging] or [SetGlobalLogLevel] sets it, it is the level of the logrus
// logger or slog handler that entries go to.
func GlobalLogLevel() Level {
	mustHaveBackend()
	if level := root.level.Load(); level != asTarget {
		return Level(level)
	}
	level := LevelTrace
	for level > LevelNone && !targets.global.Load().enabled(level) {
		level--
	}
	return level
}

// SetLogLevels sets levels by namespace prefix. The longest key that is a prefix of
// a logger's namespace determines its level, in place of the global level. The
// change applies to existing loggers too, and replaces that of an earlier call; nil
// removes all. A logrus logger or slog handler still drops entries that are less
// important than its own level. SetLogLevels panics with a [*UsageError] if a level is invalid.
func SetLogLevels(byPrefix map[string]Level) {
	mustHaveBackend()
	for _, level := range byPrefix {
		mustBeLevel(level)
	}
	levels.Lock()
	defer levels.Unlock()
	levels.byPrefix = maps.Clone(byPrefix)
	root.follow()
}

// SetLevel gives the logger its own level, so it no longer follows the global one.
// It panics with a [*UsageError] if level is invalid.
func (l *Logger) SetLevel(level Level) {
	mustHaveBackend()
	levels.Lock()
	defer levels.Unlock()
	l.pin(level)
	l.follow()
}

// ResetLevel undoes SetLevel and [WithLevel]: the logger follows its parent, or the
// global level, again.
func (l *Logger) ResetLevel() {
	mustHaveBackend()
	levels.Lock()
	defer levels.Unlock()
	l.pinned = false
	l.follow()
}

// pin gives the logger its own level. Without a backend the level stays asTarget, so
// that every call gets far enough to panic.
func (l *Logger) pin(level Level) {
	if UsingDeferred || UsingFuture {
		mustBeLevel(level)
		l.pinned = true
		l.level.Store(int32(level))
	}
}

// Namespace returns the logger's namespace.
func (l *Logger) Namespace() string {
	mustHaveBackend()
	return l.namespace
}

// Enabled reports whether both the logger and its target log entries at level. Use
// it to avoid computing expensive attributes.
func (l *Logger) Enabled(level Level) bool {
	mustHaveBackend()
	return int32(level) <= l.level.Load() && l.target().enabled(level)
}

// target returns where the logger's entries go.
func (l *Logger) target() *target {
	if captured := targets.captured.Load(); captured != nil {
		return captured
	}
	if l.own != nil {
		return l.own
	}
	return targets.global.Load()
}

// Critical logs at critical level. It does not exit.
func (l *Logger) Critical(format string, attrs ...slog.Attr) {
	if int32(LevelCritical) <= l.level.Load() {
		l.log(LevelCritical, format, attrs)
	}
}

// Error logs at error level.
func (l *Logger) Error(format string, attrs ...slog.Attr) {
	if int32(LevelError) <= l.level.Load() {
		l.log(LevelError, format, attrs)
	}
}

// Warn logs at warn level.
func (l *Logger) Warn(format string, attrs ...slog.Attr) {
	if int32(LevelWarn) <= l.level.Load() {
		l.log(LevelWarn, format, attrs)
	}
}

// Info logs at info level.
func (l *Logger) Info(format string, attrs ...slog.Attr) {
	if int32(LevelInfo) <= l.level.Load() {
		l.log(LevelInfo, format, attrs)
	}
}

// Debug logs at debug level.
func (l *Logger) Debug(format string, attrs ...slog.Attr) {
	if int32(LevelDebug) <= l.level.Load() {
		l.log(LevelDebug, format, attrs)
	}
}

// Trace logs at trace level, and sets the attribute txaio_trace to true.
func (l *Logger) Trace(format string, attrs ...slog.Attr) {
	if int32(LevelTrace) <= l.level.Load() {
		l.log(LevelTrace, format, attrs)
	}
}

// Emit logs at the given level. If level is LevelNone or invalid, it does nothing.
func (l *Logger) Emit(level Level, format string, attrs ...slog.Attr) {
	if int32(level) <= l.level.Load() {
		l.log(level, format, attrs)
	}
}

// Failure logs fail at error level. The message is the formatted text, if any,
// followed by the traceback. The attribute log_failure is fail. A nil fail is
// logged as such.
func (l *Logger) Failure(fail *Failure, format string, attrs ...slog.Attr) {
	if int32(LevelError) <= l.level.Load() {
		l.log(LevelError, format, attrs, fail)
	}
}

// The methods above are small enough to be inlined. A disabled call is then a load
// and a comparison.

// log logs an entry, if its level is enabled. A nil failure is logged too.
func (l *Logger) log(level Level, format string, attrs []slog.Attr, fails ...*Failure) {
	mustHaveBackend()
	t := l.target()
	if !t.enabled(level) {
		return
	}
	r := newRecord(t, time.Now(), level, format)
	defer recoverLogging(&format)
	r.Namespace, r.Shown = l.namespace, true
	own := append(make([]slog.Attr, 0, 3), slog.String("log_namespace", l.namespace))
	if level == LevelTrace {
		own = append(own, slog.Bool("txaio_trace", true))
	}
	for _, fail := range fails {
		own = append(own, slog.Any("log_failure", fail))
	}
	if r.needsCaller() {
		var pcs [1]uintptr
		runtime.Callers(3, pcs[:]) // of Callers, this function and the method above
		r.pc = pcs[0]
	}
	if len(l.attrs) > 0 {
		attrs = slices.Concat(l.attrs, attrs)
	}
	r.setAttrs(attrs, own...)
	r.render(fails)
	r.log()
}
