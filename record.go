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

// A record is a log entry, wherever it was logged. It is made once, by the
// goroutine that logs, and then sent to one target.
type record struct {
	logline.Entry
	level   Level
	text    string      // the format, for reports of what goes wrong
	own     []slog.Attr // of a Logger's entry, beside those that are given
	failure *Failure    // of Logger.Failure
	failed  bool        // the failure counts, even when it is nil
	fired   bool        // the hooks have been fired, or are not to be
	dotted  bool        // groups are parts of their members' names in logrus's fields
	pc      uintptr
	ctx     context.Context
	target  *target
	toLine  bool // that is StartLogging's output
	nested  bool // it was logged by what another entry goes through

	walk   logvalue.Walk
	fields logrus.Fields
	line   []byte
	args   [1]any // the message, as the arguments that logrus gets
	asked  probe
}

// Records are used again, unless they were so large that it must have been an
// exception. To clear a map takes as long as it once was large.
var records = sync.Pool{New: func() any { return &record{fields: make(logrus.Fields)} }}

const (
	maxKeptText  = 64 << 10
	maxKeptAttrs = 64
)

func newRecord(t *target, at time.Time, level Level) *record {
	r := records.Get().(*record)
	r.target, r.toLine, r.Time, r.level, r.Level = t, t.toOutput(), at, level, level.String()
	r.nested = r.isNested()
	return r
}

// release lets go of what was logged.
func (r *record) release() {
	attrs, own, fields, line, hooks := r.Attrs, r.own, r.fields, r.line, r.asked.hooks
	if cap(line) > maxKeptText || len(fields) > maxKeptAttrs || cap(attrs) > maxKeptAttrs {
		return
	}
	clear(attrs[:cap(attrs)])
	clear(own)
	clear(fields)
	clear(hooks)
	*r = record{own: own[:0], fields: fields, line: line[:0], asked: probe{hooks: hooks[:0]}}
	r.Attrs = attrs[:0]
	records.Put(r)
}

// addOwn adds what is always there beside the attributes that are given.
func (r *record) addOwn() {
	r.own = append(r.own, slog.String("log_namespace", r.Namespace))
	if r.level == LevelTrace {
		r.own = append(r.own, slog.Bool("txaio_trace", true))
	}
	if r.failed {
		r.own = append(r.own, slog.Any("log_failure", r.failure))
	}
}

// isOwn reports whether an attribute that is given has the name of one of these.
func (r *record) isOwn(given slog.Attr) bool {
	_, is := logvalue.Find(r.own, given.Key)
	return is
}

// Lookup implements [format.Values]. It finds the value of an attribute, those
// that are always there first.
func (r *record) Lookup(name string) (slog.Value, bool) {
	switch name {
	case "log_time":
		return slog.TimeValue(r.Time), true
	case "log_level":
		return slog.StringValue(r.Level), true
	}
	if v, ok := logvalue.Find(r.own, name); ok {
		return v, true
	}
	return logvalue.Find(r.Attrs, name)
}

// render makes the message of the format and the attributes.
func (r *record) render() {
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
	if r.failed {
		if r.Message != "" {
			r.Message += "\n"
		}
		r.Message += formatTraceback(r.failure)
	}
}

// categories are the formats by log category. The map is replaced, never
// changed.
var categories struct {
	sync.Mutex
	formats atomic.Pointer[map[string]string]
}

// AddLogCategories sets the formats of log categories: an entry with an
// attribute log_category is logged with the format of that category, if there
// is one, instead of its own. Later calls win.
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

// log sends the record on its way. All that calls methods of values is done
// before: what they log comes first.
func (r *record) log() {
	switch t := r.target; {
	case t.slog != nil:
		for i, a := range r.Attrs {
			r.Attrs[i].Value = r.walk.Value(a.Value)
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

// toStderr writes an entry that is nested: that was logged by a hook, a handler
// or a writer which another entry goes through. Sent there as well it might never
// end, or wait for a lock that is held further up.
func (r *record) toStderr() {
	format := logline.Format{Details: true}
	line := format.Append([]byte("txaio: logged by what entries go through: "), &r.Entry, &r.walk)
	_, _ = os.Stderr.Write(line)
}

// delivering is how many entries are on their way, on all goroutines.
var delivering atomic.Int64

// isNested finds out on the goroutine's stack, since nothing else is one
// goroutine's own. While nobody logs that is not needed. What a target forwards to
// StartLogging's output is not nested there.
func (r *record) isNested() bool {
	within := "github.com/txaio-go/txaio.(*record).deliver"
	if r.toLine {
		within = "github.com/txaio-go/txaio.(*record).toOutput"
	}
	return delivering.Load() > 0 && onStack(within) > 0
}

// onStack counts the calls of a function that the goroutine is inside of.
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

// deliver hands the record to its target. What goes wrong there is reported on
// standard error together with the message, and goes no further.
//
//go:noinline
func (r *record) deliver() {
	delivering.Add(1)
	defer delivering.Add(-1)
	defer recoverLogging(&r.text)
	switch t := r.target; {
	case t.slog != nil:
		r.toSlog(t.slog)
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

func (r *record) toSlog(handler slog.Handler) {
	out := slog.NewRecord(r.Time, toSlog[r.level], r.Message, r.pc)
	out.AddAttrs(r.Attrs...)
	out.AddAttrs(r.own...)
	if err := handler.Handle(context.Background(), out); err != nil {
		fmt.Fprintf(os.Stderr, "txaio: cannot log %q: %v\n", r.Message, err)
	}
}

// setFields makes logrus's fields of attributes. Logrus's text has the names of
// fields as they are, so control characters in them are escaped.
func (r *record) setFields(fields map[string]any, prefix string, attrs []slog.Attr, inGroup bool) {
	for _, a := range attrs {
		name := prefix + a.Key
		if !logline.IsPlain(name) {
			name = string(logline.AppendEscaped(nil, name))
		}
		value := a.Value
		if value.Kind() != slog.KindGroup {
			value = r.walk.Value(value)
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
			if err, is := fields[name].(error); is && inGroup {
				fields[name] = err.Error() // which JSON would not find
			}
		}
	}
}

// allFields are setFields's, and those that are always there.
func (r *record) allFields(fields map[string]any) {
	r.setFields(fields, "", r.Attrs, false)
	for _, a := range r.own {
		fields[a.Key] = a.Value.Any()
	}
}

// needsCaller reports whether the target shows, or may show, where the record
// was logged. It also finds out whether the target writes text: then values need
// not be gone through as JSON does, pointer by pointer.
func (r *record) needsCaller() bool {
	if r.target.slog != nil {
		_, r.walk.Text = r.target.slog.(*slog.TextHandler)
		return true
	}
	if r.nested {
		return true // the logger may be locked further up
	}
	asked := r.asked.of(r.target.logrus, toLogrus[r.level])
	r.walk.Text = asked.text && !r.toLine
	return asked.caller
}

// caller returns where the record was logged, if that is known.
func (r *record) caller() *runtime.Frame {
	if r.pc == 0 {
		return nil
	}
	frame, _ := runtime.CallersFrames([]uintptr{r.pc}).Next()
	return &frame
}

// A probe reads what a logrus logger lets be read only under its lock. It is a
// hook for no level: AddHook keeps nothing of it, but asks it for its levels
// with the lock held.
type probe struct {
	logger *logrus.Logger
	level  logrus.Level
	caller bool          // it reports callers
	text   bool          // it writes text, and no hook makes anything else of it
	hooks  []logrus.Hook // of the level
}

func (p *probe) of(logger *logrus.Logger, level logrus.Level) *probe {
	p.logger, p.level = logger, level
	logger.AddHook(p)
	return p
}

// Levels implements logrus.Hook.
func (p *probe) Levels() []logrus.Level {
	p.caller = p.logger.ReportCaller
	p.hooks = append(p.hooks[:0], p.logger.Hooks[p.level]...)
	_, p.text = p.logger.Formatter.(*logrus.TextFormatter)
	p.text = p.text && len(p.hooks) == 0
	return nil
}

// Fire implements logrus.Hook.
func (p *probe) Fire(*logrus.Entry) error { return nil }

// ownLog is where the package itself logs.
var ownLog = newLogger("github.com/txaio-go/txaio")

// reportUnhandled logs a failure that nobody else will see.
func reportUnhandled(message string, fail *Failure) {
	ownLog.Failure(fail, message)
}

// toLogrus and toSlog are logrus's and slog's levels by ours. At LevelNone only
// what panics is left.
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
	return LevelTrace // more verbose than any that logrus has a name for
}

// fromSlog takes levels between ours for the less important one.
func fromSlog(level slog.Level) Level {
	for ours := LevelError; ours < LevelTrace; ours++ {
		if level >= toSlog[ours] {
			return ours
		}
	}
	return LevelTrace
}
