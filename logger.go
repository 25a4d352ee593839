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

// A Logger logs under one namespace. Its methods are safe from any goroutine.
//
// The message is a format string in the style of Python's str.format, with
// references to the attributes: "{times}", "{nouns[2]}", "{what.config[foo]}",
// "{n:05d}", "{x:.2f}", "{{". A part of a reference is a map key, an index, an
// exported field or a method without arguments; a name that matches nothing is
// tried with its first letter in upper case. Without a format specification a
// value prints as Go's %v, with one as Python prints it; !s is %v and !r is
// %#v. Beside the attributes that are given there are log_time, log_level,
// log_namespace and, at trace level, txaio_trace. Called with no attributes at
// all, a text is not a format: it is logged as it stands, braces and all, so
// that a traceback can be logged by itself.
//
// Nothing is lost by a mistake in a format: what cannot be formatted is logged
// as `Unable to format "FORMAT": reason`, with the attributes. These follow
// log/slog's rules; of a value that contains itself, or is too large, a part is
// logged, and of one that cannot be encoded its text.
//
// Logging never panics and never exits the process. Below the level a call
// does nothing: it allocates nothing and loads one atomic variable, or a few
// while no level has been set and the target's own counts.
type Logger struct {
	// level is the level up to which this logger logs, or asTarget. It is the
	// logger's own copy, also of a level that it follows, so that a disabled
	// call loads nothing else.
	level     atomic.Int32
	pinned    bool    // guarded by levels, like the children
	parent    *Logger // of With
	children  followers
	namespace string
	attrs     []slog.Attr // of With
	own       *target     // nil: the global one
}

// asTarget stands for the level of what entries go to. As a level it allows
// all of them, which leaves the decision to the target.
const asTarget = int32(LevelTrace) + 1

// levels holds what loggers follow, and the loggers.
var levels struct {
	sync.Mutex
	byPrefix map[string]Level
	loggers  followers // all but those of With
}

// followers are loggers that follow the same level, as long as they are in use.
type followers struct {
	loggers []weak.Pointer[Logger]
	full    int // how many there may be until those that are gone are looked for
}

func (f *followers) add(l *Logger) {
	if len(f.loggers) >= f.full {
		f.loggers = slices.DeleteFunc(f.loggers, func(p weak.Pointer[Logger]) bool { return p.Value() == nil })
		f.full = max(64, 2*len(f.loggers))
	}
	f.loggers = append(f.loggers, weak.Make(l))
}

func (f *followers) follow() {
	for _, pointer := range f.loggers {
		if l := pointer.Value(); l != nil {
			l.follow()
		}
	}
}

// globalLevel is the global level, or asTarget. It is changed with levels
// locked.
var globalLevel = func() *atomic.Int32 {
	l := new(atomic.Int32)
	l.Store(asTarget)
	return l
}()

// A target is where entries go: a slog handler, a logrus logger, or, when
// StartLogging has been called and logrus's own is the standard logger, its output.
type target struct {
	slog   slog.Handler
	logrus *logrus.Logger
}

var outputTarget = &target{logrus: logrus.StandardLogger()}

// targets are the global one, and what takes the place of all, for tests.
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

// questionForLevel is what a panic of a handler's Enabled is reported for.
var questionForLevel = "(asked whether a level is enabled)"

// toOutput reports whether entries go to StartLogging's output.
func (t *target) toOutput() bool {
	return t.slog == nil && t.logrus == outputTarget.logrus && output.started.Load()
}

// enabled reports whether the target logs entries at a level.
func (t *target) enabled(level Level) (enabled bool) {
	switch {
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

// SetLogrus makes the entries of all loggers go to logger, but for those made
// with [WithLogrus] or [WithSlog]. With nil they go to logrus.StandardLogger()
// again, where they go at first.
//
// Entries carry the rendered message, the attributes and log_namespace as
// fields; a logrus logger of the application's own drops those above its
// level, whatever the level here.
func SetLogrus(logger *logrus.Logger) {
	if logger == nil {
		logger = outputTarget.logrus
	}
	changeTarget(func(t *target) { t.logrus = logger })
}

// SetSlog makes the entries of all loggers go to handler instead of logrus, but
// for those made with [WithLogrus] or [WithSlog]. With nil they go to logrus
// again.
//
// Records carry the rendered message, the attributes and log_namespace, and
// the line that logged. Critical is four above slog.LevelError, trace four
// below slog.LevelDebug. A handler drops what it is not enabled for, whatever
// the level here.
func SetSlog(handler slog.Handler) {
	changeTarget(func(t *target) { t.slog = handler })
}

// A LoggerOption is an option of [MakeLogger].
type LoggerOption func(*Logger)

// WithNamespace sets the logger's namespace, which is otherwise the caller's.
func WithNamespace(namespace string) LoggerOption {
	return func(l *Logger) { l.namespace = namespace }
}

// WithLevel pins the logger to level, as [Logger.SetLevel] does.
func WithLevel(level Level) LoggerOption { return func(l *Logger) { l.pin(level) } }

// WithLogrus makes the logger's entries go to logger instead of where
// [SetLogrus] and [SetSlog] send them.
func WithLogrus(logger *logrus.Logger) LoggerOption {
	return func(l *Logger) {
		if l.own = nil; logger != nil {
			l.own = &target{logrus: logger}
		}
	}
}

// WithSlog makes the logger's entries go to handler instead of where
// [SetLogrus] and [SetSlog] send them.
func WithSlog(handler slog.Handler) LoggerOption {
	return func(l *Logger) {
		if l.own = nil; handler != nil {
			l.own = &target{slog: handler}
		}
	}
}

// MakeLogger returns a logger. Its namespace is the caller's: the path of its
// package, with ".Type" if the caller is a method, or a constructor NewType,
// and ".function" if it is another function. Make one for each type or package
// that logs:
//
//	var log = txaio.MakeLogger()
//
// In a build with neither tag it makes one, whose methods panic with
// [ErrNoBackend].
func MakeLogger(opts ...LoggerOption) *Logger {
	return newLogger(callerNamespace(0), opts...)
}

func newLogger(namespace string, opts ...LoggerOption) *Logger {
	l := &Logger{namespace: namespace}
	for _, opt := range opts {
		opt(l)
	}
	l.register()
	return l
}

// register makes l one of those that follow changes of levels.
func (l *Logger) register() {
	levels.Lock()
	defer levels.Unlock()
	if l.parent != nil {
		l.parent.children.add(l)
	} else {
		levels.loggers.add(l)
	}
	l.follow()
}

// follow sets the logger's own copy of its level, unless it is pinned, and
// those of its children. levels is locked.
func (l *Logger) follow() {
	defer l.children.follow()
	if l.pinned {
		return
	}
	level := globalLevel.Load()
	if l.parent != nil {
		level = l.parent.level.Load()
	} else {
		longest := -1
		for prefix, own := range levels.byPrefix {
			if len(prefix) > longest && strings.HasPrefix(l.namespace, prefix) {
				longest, level = len(prefix), int32(own)
			}
		}
	}
	l.level.Store(level)
}

// With returns the same logger with attributes of its own, which are logged
// before those of a call. It follows this logger's level.
func (l *Logger) With(attrs ...slog.Attr) *Logger {
	mustHaveBackend()
	with := &Logger{parent: l, namespace: l.namespace, own: l.own, attrs: slices.Concat(l.attrs, attrs)}
	with.register()
	return with
}

// SetGlobalLogLevel makes level the one up to which all loggers log that are
// not pinned to another (see [Logger.SetLevel]) and have no other by their
// namespace (see [SetLogLevels]). It panics with a [*UsageError] if level is not
// one of the constants.
func SetGlobalLogLevel(level Level) {
	mustHaveBackend()
	mustBeLevel(level)
	levels.Lock()
	defer levels.Unlock()
	setGlobalLevel(level)
}

// setGlobalLevel is SetGlobalLogLevel with levels locked.
func setGlobalLevel(level Level) {
	globalLevel.Store(int32(level))
	levels.loggers.follow()
	if output.started.Load() {
		logrus.SetLevel(toLogrus[level])
	}
}

// GlobalLogLevel returns the level up to which loggers log that are not pinned
// to another. Until [StartLogging] or [SetGlobalLogLevel] sets one it is that
// of the logrus logger or slog handler that entries go to.
func GlobalLogLevel() Level {
	mustHaveBackend()
	if level := globalLevel.Load(); level != asTarget {
		return Level(level)
	}
	level := LevelTrace
	for level > LevelNone && !targets.global.Load().enabled(level) {
		level--
	}
	return level
}

// SetLogLevels gives loggers a level by their namespaces: of the keys that
// their namespace begins with, the longest has it. It wins over the global
// level, and takes the place of what an earlier call set. With nil there are
// none. A logrus logger or slog handler of the application's own still drops
// what is above its level. It panics with a [*UsageError] if a level is not one of the constants.
func SetLogLevels(byPrefix map[string]Level) {
	mustHaveBackend()
	for _, level := range byPrefix {
		mustBeLevel(level)
	}
	levels.Lock()
	defer levels.Unlock()
	levels.byPrefix = maps.Clone(byPrefix)
	levels.loggers.follow()
}

// SetLevel pins the logger to level: it no longer follows another one. It
// panics with a [*UsageError] if level is not one of the constants.
func (l *Logger) SetLevel(level Level) {
	mustHaveBackend()
	levels.Lock()
	defer levels.Unlock()
	l.pin(level)
	l.follow()
}

// ResetLevel takes SetLevel and [WithLevel] back.
func (l *Logger) ResetLevel() {
	mustHaveBackend()
	levels.Lock()
	defer levels.Unlock()
	l.pinned = false
	l.follow()
}

// pin pins the logger. Without a backend its level stays asTarget, so that no
// call counts as disabled before it can panic.
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

// Enabled reports whether an entry at level is logged: the logger's level and
// the target's both allow it. Use it if computing the attributes is expensive.
func (l *Logger) Enabled(level Level) bool {
	mustHaveBackend()
	return LevelNone < level && level <= LevelTrace && int32(level) <= l.level.Load() && l.target().enabled(level)
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

// Critical logs at critical level, which is logrus's FatalLevel; it does not
// exit.
func (l *Logger) Critical(format string, attrs ...slog.Attr) {
	if int32(LevelCritical) <= l.level.Load() {
		l.log(LevelCritical, format, attrs, nil)
	}
}

// Error logs at error level.
func (l *Logger) Error(format string, attrs ...slog.Attr) {
	if int32(LevelError) <= l.level.Load() {
		l.log(LevelError, format, attrs, nil)
	}
}

// Warn logs at warn level.
func (l *Logger) Warn(format string, attrs ...slog.Attr) {
	if int32(LevelWarn) <= l.level.Load() {
		l.log(LevelWarn, format, attrs, nil)
	}
}

// Info logs at info level.
func (l *Logger) Info(format string, attrs ...slog.Attr) {
	if int32(LevelInfo) <= l.level.Load() {
		l.log(LevelInfo, format, attrs, nil)
	}
}

// Debug logs at debug level.
func (l *Logger) Debug(format string, attrs ...slog.Attr) {
	if int32(LevelDebug) <= l.level.Load() {
		l.log(LevelDebug, format, attrs, nil)
	}
}

// Trace logs at trace level, with an attribute txaio_trace that is true.
func (l *Logger) Trace(format string, attrs ...slog.Attr) {
	if int32(LevelTrace) <= l.level.Load() {
		l.log(LevelTrace, format, attrs, nil)
	}
}

// Emit logs at the given level. At a level that is none, LevelNone among them,
// it does nothing.
func (l *Logger) Emit(level Level, format string, attrs ...slog.Attr) {
	if int32(level) <= l.level.Load() {
		l.log(level, format, attrs, nil)
	}
}

// Failure logs a failure at error level: the formatted text, which may be
// empty, and the traceback below it. The failure is the attribute log_failure.
func (l *Logger) Failure(fail *Failure, format string, attrs ...slog.Attr) {
	if int32(LevelError) <= l.level.Load() {
		l.log(LevelError, format, attrs, &tracebackOf{fail})
	}
}

// tracebackOf distinguishes a nil failure, which is logged too, from none.
type tracebackOf struct{ *Failure }

// The methods above are small enough for the compiler to put them in the place
// of their calls: a disabled one is a load and a comparison there.

// log logs an entry, if its level is enabled.
func (l *Logger) log(level Level, format string, attrs []slog.Attr, fail *tracebackOf) {
	if !l.Enabled(level) {
		return
	}
	t := l.target()
	r := newRecord(t, time.Now(), level)
	defer recoverLogging(&format)
	r.Namespace, r.Shown = l.namespace, true
	if fail != nil {
		r.failure, r.failed = fail.Failure, true
	}
	r.addOwn()
	if r.needsCaller() {
		var pcs [1]uintptr
		runtime.Callers(3, pcs[:]) // of Callers, this function and the method above
		r.pc = pcs[0]
	}
	if len(l.attrs) > 0 {
		attrs = slices.Concat(l.attrs, attrs)
	}
	r.Attrs = slices.DeleteFunc(r.walk.Attrs(r.Attrs, attrs), r.isOwn)
	r.text = format
	r.render()
	r.log()
}
