package txaio

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio/internal/format"
)

// toLogrus are logrus's levels by ours. At LevelNone only what panics is left.
var toLogrus = [...]logrus.Level{
	LevelNone:     logrus.PanicLevel,
	LevelCritical: logrus.FatalLevel,
	LevelError:    logrus.ErrorLevel,
	LevelWarn:     logrus.WarnLevel,
	LevelInfo:     logrus.InfoLevel,
	LevelDebug:    logrus.DebugLevel,
	LevelTrace:    logrus.TraceLevel,
}

// fromLogrus is the inverse of toLogrus.
func fromLogrus(level logrus.Level) Level {
	if i := slices.Index(toLogrus[:], level); i >= 0 {
		return Level(i)
	}
	return LevelTrace // more verbose than any that logrus has a name for
}

// target is what SetLogrus set; nil stands for logrus's standard logger.
var target atomic.Pointer[logrus.Logger]

func targetLogrus() *logrus.Logger {
	if logger := target.Load(); logger != nil {
		return logger
	}
	return logrus.StandardLogger()
}

// SetLogrus makes the entries of all loggers go to logger, but for those made
// with [WithLogrus]. With nil they go to logrus.StandardLogger() again, where
// they go at first.
//
// Entries carry the rendered message, the attributes and log_namespace as
// fields; a logrus logger of the application's own drops those above its
// level, whatever the level here.
func SetLogrus(logger *logrus.Logger) {
	mustHaveBackend()
	target.Store(logger)
}

// bridge is StartLogging's state. It is guarded by the lock of levels.
var bridge logBridge

type logBridge struct{ started bool }

// StartLogging writes what is logged up to level to out, os.Stdout where that
// is nil, a line an entry:
//
//	2016-01-21T01:02:03-0100 message
//
// From then on the standard log package, log/slog's default logger and logrus's
// standard logger write there too, in the same shape and each message once,
// with the attributes that a message of theirs does not show itself at its
// end. In values that a format puts into a line, control characters are
// escaped, so that no value can look like a line of its own. Where a message
// of the other loggers has several lines, or a failure's has, all but the
// first are indented, for the same reason.
//
// As with a writer for the log package, lines are written one at a time: out
// must not log, or it waits for itself.
//
// It returns an error that lists the valid levels where level is not one of
// them. Only the first successful call does something.
//
// An application that sets up logrus itself does not call it, and gets the
// entries of all loggers through logrus.
func StartLogging(out io.Writer, level Level) error {
	mustHaveBackend()
	if err := level.check(); err != nil {
		return err
	}
	if out == nil {
		out = os.Stdout
	}
	levels.Lock()
	again := bridge.started
	bridge.started = true
	if !again {
		setGlobalLevel(level)
	}
	levels.Unlock()
	if again {
		return nil
	}
	standard := logrus.StandardLogger()
	standard.SetFormatter(lineFormatter{})
	standard.SetOutput(lineWriter{out})
	slog.SetDefault(slog.New(slogHandler{})) // which also routes the log package
	return nil
}

// followLevel makes logrus's standard logger let through what the loggers do,
// once it is the bridge's. levels is locked.
func (b *logBridge) followLevel() {
	if !b.started {
		return
	}
	verbose := Level(globalLevel.Load())
	for pointer := range levels.loggers {
		if l := pointer.Value(); l != nil && l.pinned && l.logrus == nil {
			verbose = max(verbose, Level(l.level.Load()))
		}
	}
	logrus.StandardLogger().SetLevel(toLogrus[verbose])
}

// lineFormatter makes the lines of StartLogging's output.
type lineFormatter struct{}

// Format implements logrus.Formatter.
func (lineFormatter) Format(entry *logrus.Entry) ([]byte, error) {
	var line []byte
	if entry.Buffer != nil {
		entry.Buffer.Grow(len(entry.Message) + 128)
		line = entry.Buffer.AvailableBuffer()
	}
	line = appendTimestamp(line, entry.Time)
	switch from := entry.Context.(type) {
	case *origin:
		if from != nil && from.message == entry.Message {
			line = from.event.append(line, true) // to escape only what was substituted
		} else {
			line = format.AppendEscaped(line, entry.Message) // plain, or a hook has changed it
		}
	case slogContext:
		line = appendForeign(line, entry.Message)
		line = append(line, from.attrs...)
	default:
		if entry.Level > toLogrus[globalLevel.Load()] {
			return nil, nil // only let through for a logger pinned to a more verbose level
		}
		line = appendForeign(line, entry.Message)
		line = appendFields(line, entry.Data)
	}
	return append(line, '\n'), nil
}

// appendForeign appends a text of which nobody knows any more what in it was
// substituted. It may be a traceback, so its lines stay lines, but all except
// the first are indented: none can pass for another entry.
func appendForeign(line []byte, text string) []byte {
	for i, part := range strings.Split(strings.TrimRight(text, "\r\n"), "\n") {
		if i > 0 {
			line = append(line, "\n  "...)
		}
		indented := strings.TrimLeft(part, "\t") // as in Go's own tracebacks
		line = append(line, part[:len(part)-len(indented)]...)
		line = format.AppendEscaped(line, indented)
	}
	return line
}

// appendFields appends the fields of an entry that shows them nowhere else, in
// the order of their names.
func appendFields(line []byte, fields logrus.Fields) []byte {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line = appendField(line, name, fields[name])
	}
	return line
}

func appendField(line []byte, name string, value any) []byte {
	line = append(line, ' ')
	line = format.AppendEscaped(line, name)
	line = append(line, '=')
	return format.AppendEscaped(line, fmt.Sprint(value))
}

// lineWriter is StartLogging's output. A line that cannot be written goes to
// standard error, with the reason.
type lineWriter struct{ out io.Writer }

// Write implements io.Writer. It never fails: logrus could do no more about
// it.
func (w lineWriter) Write(line []byte) (int, error) {
	if len(line) == 0 {
		return 0, nil
	}
	defer func() {
		if value := recover(); value != nil {
			unwritten(line, value)
		}
	}()
	if _, err := w.out.Write(line); err != nil {
		unwritten(line, err)
	}
	return len(line), nil
}

func unwritten(line []byte, reason any) {
	fmt.Fprintf(os.Stderr, "txaio: cannot write to the log: %v\n%s", reason, line)
}

// slogHandler sends log/slog's records, and the log package's lines that slog
// hands on, to logrus's standard logger.
type slogHandler struct {
	attrs  []byte        // those of WithAttrs, as they stand in a line
	fields logrus.Fields // likewise, as they stand in an entry
	group  string        // that of WithGroup, with a dot at its end
}

// Enabled implements slog.Handler.
func (slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return fromSlog(level) <= Level(globalLevel.Load())
}

// fromSlog maps slog's levels to ours; trace is the first level that slog's
// documentation leaves room for below debug.
func fromSlog(level slog.Level) Level {
	switch {
	case level >= slog.LevelError:
		return LevelError
	case level >= slog.LevelWarn:
		return LevelWarn
	case level >= slog.LevelInfo:
		return LevelInfo
	case level >= slog.LevelDebug:
		return LevelDebug
	}
	return LevelTrace
}

// slogContext hands a record's attributes, as they stand in a line, through
// logrus to StartLogging's formatter.
type slogContext struct {
	context.Context
	attrs []byte
}

// Handle implements slog.Handler. A panic in a hook or in a value's method is
// reported on standard error.
func (h slogHandler) Handle(ctx context.Context, record slog.Record) error {
	defer recoverLogging(&record.Message)
	record.Attrs(func(attr slog.Attr) bool {
		h = h.with(attr)
		return true
	})
	if h.fields == nil {
		h.fields = logrus.Fields{} // hooks may add to it
	}
	entry := logrus.Entry{Logger: logrus.StandardLogger(), Data: h.fields, Time: record.Time, Context: slogContext{ctx, h.attrs}}
	entry.Log(toLogrus[fromSlog(record.Level)], record.Message)
	return nil
}

// WithAttrs implements slog.Handler.
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, attr := range attrs {
		h = h.with(attr)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h slogHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.group += name + "."
	}
	return h
}

// with adds an attribute, and leaves h as it is.
func (h slogHandler) with(attr slog.Attr) slogHandler {
	value, err := format.Resolve(attr.Value)
	if err != nil {
		reportPanic(attr.Key, err)
		value = slog.AnyValue(err)
	}
	switch {
	case value.Kind() != slog.KindGroup:
	case strings.Count(h.group, ".") == maxGroups:
		value = slog.StringValue(tooDeep)
	default:
		in := h
		if attr.Key != "" {
			in.group += attr.Key + "."
		}
		for _, member := range value.Group() {
			in = in.with(member)
		}
		in.group = h.group
		return in
	}
	if attr.Equal(slog.Attr{}) {
		return h // as slog says of handlers
	}
	name := h.group + attr.Key
	fields := make(logrus.Fields, len(h.fields)+1)
	for name, value := range h.fields {
		fields[name] = value
	}
	fields[name] = fieldValue(name, value, 0)
	h.attrs = appendField(slices.Clip(h.attrs), name, value.Any())
	h.fields = fields
	return h
}
