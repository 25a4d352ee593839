package txaio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio/internal/format"
	"github.com/txaio-go/txaio/internal/logline"
	"github.com/txaio-go/txaio/internal/logvalue"
)

// A record is a log entry from any source. The goroutine that logs makes it, and it
// goes to one target.
type record struct {
	logline.Entry
	level  Level
	text   string      // the format, for error reports
	all    []slog.Attr // Attrs, then the attributes that every entry of a Logger has
	fired  bool        // the hooks have been fired, or must not be
	dotted bool        // logrus fields of group members are named group.member
	pc     uintptr
	ctx    context.Context
	target *target
	toLine bool // target is StartLogging's output
	nested bool // a target logged it while handling another entry

	walk   logvalue.Walk
	fields logrus.Fields
	line   []byte
	args   [1]any // the message, as logrus's arguments
	asked  probe
}

// records are reused, except large ones. They would hold much memory, and clearing a
// map that was once large stays slow.
var records = sync.Pool{New: func() any { return &record{fields: make(logrus.Fields)} }}

const (
	maxKeptText  = 64 << 10
	maxKeptAttrs = 64
)

func newRecord(t *target, at time.Time, level Level, text string) *record {
	r := records.Get().(*record)
	r.text, r.Message = text, text
	r.target, r.toLine, r.Time, r.level, r.Level = t, t.toOutput(), at, level, level.String()
	r.nested = r.isNested()
	return r
}

// release drops references to the logged values and returns the record to the pool.
func (r *record) release() {
	all, fields, line := r.all, r.fields, r.line
	if cap(line) > maxKeptText || len(fields) > maxKeptAttrs || cap(all) > maxKeptAttrs {
		return
	}
	clear(all[:cap(all)])
	clear(fields)
	*r = record{} // a literal with fields would be copied
	r.all, r.fields, r.line = all[:0], fields, line[:0]
	records.Put(r)
}

// setAttrs sets the attributes: those given, and those that every entry has, which
// replace given ones with the same name.
func (r *record) setAttrs(given []slog.Attr, own ...slog.Attr) {
	r.all = r.walk.Attrs(r.all, given, own...)
	r.Attrs = r.all[:len(r.all)-len(own)]
}

// Lookup implements [format.Values].
func (r *record) Lookup(name string) (slog.Value, bool) {
	switch name {
	case "log_time":
		return slog.TimeValue(r.Time), true
	case "log_level":
		return slog.StringValue(r.Level), true
	}
	return logvalue.Find(r.all, name)
}

// render formats the message, and adds the tracebacks of fails.
func (r *record) render(fails []*Failure) {
	text := r.text
	if formats := categories.formats.Load(); formats != nil {
		if value, ok := logvalue.Find(r.Attrs, "log_category"); ok {
			if own, ok := (*formats)[string(format.Print(nil, value, &r.walk))]; ok {
				text = own
			}
		}
	}
	message := r.line[:0]
	if len(r.Attrs) == 0 {
		r.Message = text
	} else {
		template, err := format.Cached(text)
		if err == nil {
			message, err = template.Append(message, r, &r.walk)
		}
		if err != nil {
			message = fmt.Appendf(message, `Unable to format "%s": %s`, text, err)
			if _, panicked := errors.AsType[*logvalue.PanicError](err); panicked && r.walk.Err == nil {
				r.walk.Err = err
			}
		}
		r.Message, r.line = string(message), message
	}
	for _, fail := range fails {
		if r.Message != "" {
			r.Message += "\n"
		}
		r.Message += formatTraceback(fail)
	}
}

// categories holds the formats by log category. The map is replaced, never changed.
var categories struct {
	sync.Mutex
	formats atomic.Pointer[map[string]string]
}

// AddLogCategories adds formats by log category. An entry whose attribute
// log_category is one of the keys is logged with that key's format instead of its
// own. A later call replaces earlier formats of the same category.
func AddLogCategories(formats map[string]string) {
	mustHaveBackend()
	categories.Lock()
	defer categories.Unlock()
	merged := maps.Clone(formats)
	if before := categories.formats.Load(); before != nil {
		merged = maps.Clone(*before)
		maps.Copy(merged, formats)
	}
	categories.formats.Store(&merged)
}

// log sends the record to its target. It calls the methods of values first, so that
// entries that they log come first.
func (r *record) log() {
	switch t := r.target; {
	case t.slog != nil:
		for i, a := range r.Attrs {
			r.Attrs[i].Value = r.walk.Value(a.Value, false)
		}
	case r.toLine:
		r.line = output.format.Append(r.line[:0], &r.Entry, &r.walk)
	default:
		r.allFields(r.fields)
	}
	if r.walk.Err != nil {
		reportPanic(r.text, r.walk.Err)
	}
	if r.nested {
		r.toStderr()
	} else {
		r.deliver()
	}
	r.release()
}

// toStderr writes a nested entry: one that was logged by a hook, handler or writer
// while that handled another entry. Sending it to the target as well might recurse
// forever, or deadlock on a lock held further up the stack.
func (r *record) toStderr() {
	format := logline.Format{Details: true}
	line := format.Append([]byte("txaio: logged by what entries go through: "), &r.Entry, &r.walk)
	_, _ = os.Stderr.Write(line)
}

// delivering counts the entries that targets are handling, on all goroutines.
var delivering atomic.Int64

// isNested reports whether the entry was logged by a target. It searches the
// goroutine's stack, since Go has no goroutine-local storage, but only while a
// target is handling an entry. An entry that a target forwards to StartLogging's
// output is not nested there.
func (r *record) isNested() bool {
	within := "github.com/txaio-go/txaio.(*record).deliver"
	if r.toLine {
		within = "github.com/txaio-go/txaio.(*record).toOutput"
	}
	return delivering.Load() > 0 && onStack(within) > 0
}

// onStack returns how often a function is on the goroutine's stack.
func onStack(function string) (count int) {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); frame.Function == function {
				count++
			}
		}
		if n < len(pcs) {
			return count
		}
	}
}

// deliver hands the record to its target. It reports an error or a panic there on
// standard error, with the message.
//
//go:noinline
func (r *record) deliver() {
	delivering.Add(1)
	defer delivering.Add(-1)
	defer recoverLogging(&r.text)
	switch t := r.target; {
	case t.slog != nil:
		out := slog.NewRecord(r.Time, toSlog[r.level], r.Message, r.pc)
		out.AddAttrs(r.all...)
		if err := t.slog.Handle(context.Background(), out); err != nil {
			fmt.Fprintf(os.Stderr, "txaio: cannot log %q: %v\n", r.Message, err)
		}
	case r.toLine:
		r.toOutput()
	default:
		r.args[0] = r.Message
		entry := logrus.Entry{Logger: t.logrus, Data: r.fields, Time: r.Time, Caller: r.caller()}
		entry.Log(toLogrus[r.level], r.args[:]...)
	}
}

// recoverLogging, deferred, reports a panic on standard error.
func recoverLogging(message *string) {
	if value := recover(); value != nil {
		reportPanic(*message, value)
	}
}

func reportPanic(message string, value any) {
	reason := logline.AppendEscaped(nil, logvalue.Sprint(value))
	fmt.Fprintf(os.Stderr, "txaio: panic while logging %q: %s\n", message, reason)
}

// setFields turns attributes into logrus fields. Logrus prints field names
// unchanged, so control characters in them are escaped here.
func (r *record) setFields(fields map[string]any, prefix string, attrs []slog.Attr, inGroup bool) {
	for _, a := range attrs {
		name := prefix + a.Key
		if !logline.IsPlain(name) {
			name = string(logline.AppendEscaped(nil, name))
		}
		value := a.Value
		if value.Kind() != slog.KindGroup {
			value = r.walk.Value(value, inGroup)
		}
		switch {
		case value.Kind() == slog.KindGroup && r.dotted:
			r.setFields(fields, name+".", value.Group(), false)
		case value.Kind() == slog.KindGroup:
			group := make(map[string]any)
			r.setFields(group, "", value.Group(), true)
			fields[name] = group
		default:
			fields[name] = value.Any()
		}
	}
}

// allFields sets the fields for all attributes.
func (r *record) allFields(fields map[string]any) {
	r.setFields(fields, "", r.Attrs, false)
	for _, a := range r.all[len(r.Attrs):] {
		fields[a.Key] = a.Value.Any()
	}
}

// needsCaller reports whether the target may show the position of the call. It also
// finds out whether the target prints values with fmt, so that pointers in them need
// not be followed as in JSON.
func (r *record) needsCaller() bool {
	if r.target.slog != nil {
		_, r.walk.Text = r.target.slog.(*slog.TextHandler)
		return true
	}
	if r.nested {
		return true // the logger may be locked further up the stack
	}
	asked := r.asked.of(r.target.logrus, toLogrus[r.level])
	r.walk.Text = asked.text && !r.toLine
	return asked.caller
}

// caller returns the position of the call, or nil if it is not known.
func (r *record) caller() *runtime.Frame {
	if r.pc == 0 {
		return nil
	}
	frame, _ := runtime.CallersFrames([]uintptr{r.pc}).Next()
	return &frame
}

// A probe reads the settings of a logrus logger that need the logger's lock. It is a
// hook without levels: AddHook calls its Levels method while holding the lock, and
// keeps nothing.
type probe struct {
	logger *logrus.Logger
	level  logrus.Level
	caller bool          // the logger reports callers
	text   bool          // the logger writes text and has no hooks
	hooks  []logrus.Hook // the hooks for level, without echoHook
}

func (p *probe) of(logger *logrus.Logger, level logrus.Level) *probe {
	p.logger, p.level = logger, level
	logger.AddHook(p)
	return p
}

// Levels implements logrus.Hook.
func (p *probe) Levels() []logrus.Level {
	p.caller = p.logger.ReportCaller
	p.hooks = nil
	for _, hook := range p.logger.Hooks[p.level] {
		if hook != (echoHook{}) {
			p.hooks = append(p.hooks, hook)
		}
	}
	_, p.text = p.logger.Formatter.(*logrus.TextFormatter)
	p.text = p.text && len(p.hooks) == 0
	return nil
}

// Fire implements logrus.Hook.
func (p *probe) Fire(*logrus.Entry) error { return nil }

// ownLog is the logger of this package.
var ownLog = newLogger("github.com/txaio-go/txaio")

// reportUnhandled logs a failure that no callback will see.
func reportUnhandled(message string, fail *Failure) {
	ownLog.Failure(fail, message)
}

// toLogrus and toSlog map our levels to logrus's and slog's. At LevelNone, logrus
// and slog log almost nothing.
var (
	toLogrus = [...]logrus.Level{
		LevelNone:     logrus.PanicLevel,
		LevelCritical: logrus.FatalLevel,
		LevelError:    logrus.ErrorLevel,
		LevelWarn:     logrus.WarnLevel,
		LevelInfo:     logrus.InfoLevel,
		LevelDebug:    logrus.DebugLevel,
		LevelTrace:    logrus.TraceLevel,
	}
	toSlog = [...]slog.Level{
		LevelNone:     slog.LevelError + 8,
		LevelCritical: slog.LevelError + 4,
		LevelError:    slog.LevelError,
		LevelWarn:     slog.LevelWarn,
		LevelInfo:     slog.LevelInfo,
		LevelDebug:    slog.LevelDebug,
		LevelTrace:    slog.LevelDebug - 4,
	}
)

// fromLogrus is the inverse of toLogrus.
func fromLogrus(level logrus.Level) Level {
	if i := slices.Index(toLogrus[:], level); i >= 0 {
		return Level(i)
	}
	return LevelTrace // above logrus.TraceLevel
}

// fromSlog rounds a level between two of ours to the less important one.
func fromSlog(level slog.Level) Level {
	for ours := LevelError; ours < LevelTrace; ours++ {
		if level >= toSlog[ours] {
			return ours
		}
	}
	return LevelTrace
}
