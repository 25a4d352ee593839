package txaio

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/sirupsen/logrus"
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
// log_namespace and, at trace level, txaio_trace.
//
// Nothing is lost by a mistake in a format: what cannot be formatted is logged
// as `Unable to format "FORMAT": reason`, with the attributes. Where there are
// none at all it is logged as it stands, so that a text with braces in it, such
// as a traceback, can be logged by itself.
//
// Logging never panics and never exits the process. Below the level a call
// does nothing: it allocates nothing and loads one atomic variable, or three
// while no level has been set and logrus's own counts.
type Logger struct {
	// level is the level up to which this logger logs, or asLogrus. It is the
	// logger's own copy of the global one, where it is not pinned, so that a
	// disabled call loads nothing else.
	level     atomic.Int32
	pinned    bool // guarded by levels
	namespace string
	boxed     any            // the namespace, as a field
	logrus    *logrus.Logger // nil: the global target
}

// asLogrus stands for the level of the logrus logger that entries go to. As a
// level it allows all of them, which leaves the decision to that logger.
const asLogrus = int32(LevelTrace) + 1

// levels holds the global level, and the loggers that follow it.
var levels struct {
	sync.Mutex
	loggers map[weak.Pointer[Logger]]struct{}
}

// globalLevel is the global level, or asLogrus. It is changed with levels
// locked.
var globalLevel = newLevel(asLogrus)

func newLevel(level int32) *atomic.Int32 {
	l := new(atomic.Int32)
	l.Store(level)
	return l
}

// A LoggerOption is an option of [MakeLogger].
type LoggerOption func(*Logger)

// WithNamespace sets the logger's namespace, which is otherwise the caller's.
func WithNamespace(namespace string) LoggerOption {
	mustHaveBackend()
	return func(l *Logger) { l.namespace = namespace }
}

// WithLevel pins the logger to level, as [Logger.SetLevel] does.
func WithLevel(level Level) LoggerOption {
	mustHaveBackend()
	return func(l *Logger) { l.SetLevel(level) }
}

// WithLogrus makes the logger's entries go to logger instead of where
// [SetLogrus] sends them.
func WithLogrus(logger *logrus.Logger) LoggerOption {
	mustHaveBackend()
	return func(l *Logger) { l.logrus = logger }
}

// MakeLogger returns a logger. Its namespace is the caller's: the path of its
// package, with ".Type" where the caller is a method and ".function" where it
// is another function. Make one for each type or package that logs:
//
//	var log = txaio.MakeLogger()
func MakeLogger(opts ...LoggerOption) *Logger {
	mustHaveBackend()
	return newLogger(callerNamespace(0), opts...)
}

func newLogger(namespace string, opts ...LoggerOption) *Logger {
	l := &Logger{namespace: namespace}
	for _, opt := range opts {
		opt(l)
	}
	l.boxed = l.namespace
	pointer := weak.Make(l)
	runtime.AddCleanup(l, forget, pointer)
	levels.Lock()
	defer levels.Unlock()
	if !l.pinned {
		l.level.Store(globalLevel.Load())
	}
	if levels.loggers == nil {
		levels.loggers = make(map[weak.Pointer[Logger]]struct{})
	}
	levels.loggers[pointer] = struct{}{}
	bridge.followLevel()
	return l
}

// forget is called when a logger has been collected.
func forget(pointer weak.Pointer[Logger]) {
	levels.Lock()
	delete(levels.loggers, pointer)
	levels.Unlock()
}

// SetGlobalLogLevel makes level the one up to which all loggers log that are
// not pinned to another (see [Logger.SetLevel]). It panics with a [*UsageError]
// where level is not one of the constants.
func SetGlobalLogLevel(level Level) {
	mustHaveBackend()
	if err := level.check(); err != nil {
		panic(err)
	}
	levels.Lock()
	defer levels.Unlock()
	setGlobalLevel(level)
}

// setGlobalLevel is SetGlobalLogLevel with levels locked.
func setGlobalLevel(level Level) {
	globalLevel.Store(int32(level))
	for pointer := range levels.loggers {
		if l := pointer.Value(); l != nil && !l.pinned {
			l.level.Store(int32(level))
		}
	}
	bridge.followLevel()
}

// GlobalLogLevel returns the level up to which loggers log that are not pinned
// to another. Until [StartLogging] or [SetGlobalLogLevel] sets one it is that
// of the logrus logger that entries go to.
func GlobalLogLevel() Level {
	mustHaveBackend()
	if level := globalLevel.Load(); level != asLogrus {
		return Level(level)
	}
	return fromLogrus(targetLogrus().GetLevel())
}

// SetLevel pins the logger to level: it no longer follows the global level. It
// panics with a [*UsageError] where level is not one of the constants.
func (l *Logger) SetLevel(level Level) {
	if err := level.check(); err != nil {
		panic(err)
	}
	levels.Lock()
	defer levels.Unlock()
	l.pinned = true
	l.level.Store(int32(level))
	bridge.followLevel()
}

// Namespace returns the logger's namespace.
func (l *Logger) Namespace() string { return l.namespace }

// Enabled reports whether an entry at level is logged: the logger's level and
// that of the logrus logger that its entries go to both allow it. Use it where computing the
// attributes is expensive.
func (l *Logger) Enabled(level Level) bool {
	return LevelNone < level && level <= LevelTrace && int32(level) <= l.level.Load() &&
		l.target().IsLevelEnabled(toLogrus[level])
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
	l.log(level, format, attrs, nil)
}

// Failure logs a failure at error level: the formatted text, which may be
// empty, and the traceback below it. The failure is the attribute log_failure.
func (l *Logger) Failure(fail *Failure, format string, attrs ...slog.Attr) {
	l.log(LevelError, format, attrs, &tracebackOf{fail})
}

// tracebackOf distinguishes a nil failure, which is logged too, from none.
type tracebackOf struct{ *Failure }

// The methods above are small enough for the compiler to put them in the place
// of their calls: a disabled one is a load and a comparison there.

// log logs an entry, where its level is enabled.
func (l *Logger) log(level Level, format string, attrs []slog.Attr, fail *tracebackOf) {
	if l.Enabled(level) {
		l.write(level, format, attrs, fail)
	}
}

// write logs an entry. What goes wrong on the way, in the attributes' methods, in
// hooks or in the writer, is reported on standard error together with the
// message, and goes no further.
func (l *Logger) write(level Level, format string, attrs []slog.Attr, fail *tracebackOf) {
	s := scratches.Get().(*scratch)
	e := &s.event
	e.time, e.level, e.logger, e.text, e.fail = time.Now(), level, l, format, fail
	e.attrs = append(e.attrs, attrs...) // the caller's can stay on its stack
	defer recoverLogging(&e.text)
	s.emit(l.target())
	s.release()
}

// recoverLogging, deferred, reports a panic on standard error.
func recoverLogging(message *string) {
	if value := recover(); value != nil {
		reportPanic(*message, value)
	}
}

func reportPanic(message string, value any) {
	fmt.Fprintf(os.Stderr, "txaio: panic while logging %q: %v\n", message, value)
}

// target returns the logrus logger that entries go to.
func (l *Logger) target() *logrus.Logger {
	if l.logrus != nil {
		return l.logrus
	}
	return targetLogrus()
}
