package txaio

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio/internal/logline"
	"github.com/txaio-go/txaio/internal/logvalue"
)

// output is where StartLogging writes.
var output struct {
	started atomic.Bool
	format  logline.Format // constant once started is set
	sync.Mutex
	out io.Writer
}

// A StartOption configures [StartLogging]: [LogDetails] or [LogJSON].
type StartOption func(*logline.Format)

// LogJSON makes each line a JSON object with the keys time, level, msg and
// log_namespace, and one for each attribute. If an attribute has one of those names,
// "fields." is put before it.
func LogJSON() StartOption { return func(f *logline.Format) { f.JSON = true } }

// LogDetails adds the level and the namespace after the time. An entry without a
// namespace has a hyphen there.
func LogDetails() StartOption { return func(f *logline.Format) { f.Details = true } }

// StartLogging writes log entries up to level to out, one line per entry. If out is
// nil, it writes to os.Stdout:
//
//	2016-01-21T01:02:03-0100 message
//
// From then on, the standard log package, the default logger of log/slog and
// logrus's standard logger write there too, in the same format, each message once.
// For entries of these, attributes follow the message. The hooks of logrus's
// standard logger receive all entries. Entries of log.Fatal and log.Panic have
// critical level.
//
// In every line, control characters are escaped, and the lines of a message after
// the first are indented by two spaces. So no message can forge another entry.
//
// StartLogging also sets the level of logrus's standard logger, as
// [SetGlobalLogLevel] does from then on. A later logrus.SetLevel affects only
// entries logged with logrus itself.
//
// If level is invalid, StartLogging returns a [*UsageError] that lists the levels.
// After a successful call, further calls do nothing and return nil.
//
// An application that configures logrus or a slog handler itself doesn't call
// StartLogging; the entries of all loggers go there. See [SetLogrus] and [SetSlog].
func StartLogging(out io.Writer, level Level, opts ...StartOption) error {
	mustHaveBackend()
	if err := level.check(); err != nil {
		return err
	}
	levels.Lock()
	defer levels.Unlock()
	if output.started.Load() {
		return nil
	}
	if output.out = out; out == nil {
		output.out = os.Stdout
	}
	for _, opt := range opts {
		opt(&output.format)
	}
	output.started.Store(true)
	setGlobalLevel(level)
	standard := logrus.StandardLogger()
	standard.SetFormatter(lineFormatter{})
	standard.SetOutput(formatted{})
	standard.AddHook(echoHook{})

	slog.SetDefault(slog.New(slogHandler{}))
	log.SetOutput(logOutput{}) // replaces slog's writer, which loses the lines of log.Fatal
	return nil
}

// toOutput calls the hooks of logrus's standard logger with the record, and writes
// its line. Hooks are not called for entries that they log themselves.
//
//go:noinline
func (r *record) toOutput() {
	standard, level := outputTarget.logrus, toLogrus[r.level]
	if !r.fired && len(r.asked.of(standard, level).hooks) > 0 && hooksOnStack() == 0 {
		r.fire(&logrus.Entry{Logger: standard, Data: make(logrus.Fields), Time: r.Time, Level: level,
			Message: r.Message, Caller: r.caller(), Context: r.ctx})
	}
	writeLine(r.line)
}

// writeLine writes a line to the output. If that fails, it writes the line and the
// reason to standard error.
func writeLine(line []byte) {
	output.Lock()
	defer output.Unlock()
	if err := write(line); err != nil {
		fmt.Fprintf(os.Stderr, "txaio: cannot write to the log: %s\n%s", logvalue.Sprint(err), line)
	}
}

func write(line []byte) (err error) {
	defer logvalue.Recovered("Write", &err)
	n, err := output.out.Write(line)
	if err == nil && n < len(line) {
		return io.ErrShortWrite
	}
	return err
}

// fire calls hooks with the record as an entry. They may change its message, but
// cannot keep it from being written.
func (r *record) fire(entry *logrus.Entry) {
	defer recoverLogging(&r.text)
	r.allFields(entry.Data)
	addEcho(entry)
	for _, hook := range r.asked.hooks {
		if err := hook.Fire(entry); err != nil {
			fmt.Fprintln(os.Stderr, "Failed to fire hook:", err) // logrus's text
			break
		}
	}
	if entry.Message != r.Message {
		r.Message = entry.Message
		r.line = output.format.Append(r.line[:0], &r.Entry, &r.walk)
	}
}

// hooksOnStack returns for how many entries hooks are being called further up the
// stack.
func hooksOnStack() int {
	return onStack("github.com/sirupsen/logrus.(*Entry).fireHooks") + onStack("github.com/txaio-go/txaio.(*record).fire")
}

// echoes are the latest entries that hooks received. A hook may send an entry to the
// default logger of log/slog, which writes it here again. Such an echo is dropped.
var echoes struct {
	sync.Mutex
	latest [64]echo
	next   int
}

type echo struct {
	nanos   int64
	message uint64  // its hash
	pc      uintptr // the caller's, as a hook has it
}

var echoSeed = maphash.MakeSeed()

func echoOf(at time.Time, message string, pc uintptr) echo {
	return echo{at.UnixNano(), maphash.String(echoSeed, message), pc}
}

func addEcho(entry *logrus.Entry) {
	var pc uintptr
	if entry.Caller != nil {
		pc = entry.Caller.PC
	}
	echoes.Lock()
	defer echoes.Unlock()
	echoes.latest[echoes.next] = echoOf(entry.Time, entry.Message, pc)
	echoes.next = (echoes.next + 1) % len(echoes.latest)
}

// isEcho reports whether a hook made the record of an entry. It has the entry's
// time and its caller, if any. What a program logs itself has the address that
// the call returns to, which no entry has: two of its messages are both written,
// also if they are equal and the clock has not moved on between them.
func isEcho(record slog.Record) bool {
	made := echoOf(record.Time, record.Message, record.PC)
	echoes.Lock()
	defer echoes.Unlock()
	return slices.ContainsFunc(echoes.latest[:], func(e echo) bool {
		return e == made || made.pc == 0 && e.nanos == made.nanos && e.message == made.message
	})
}

// echoHook is a hook of logrus's standard logger. If a hook logs with logrus, it stops
// logrus from calling the hooks again, which would recurse forever.
type echoHook struct{}

var errInHook = errors.New("txaio: a hook logged this entry, so hooks are not called for it")

// Levels implements logrus.Hook. Logrus calls it while holding the logger's lock. It
// puts echoHook before the existing hooks.
func (h echoHook) Levels() []logrus.Level {
	hooks := make(logrus.LevelHooks)
	for _, level := range logrus.AllLevels {
		hooks[level] = append([]logrus.Hook{h}, logrus.StandardLogger().Hooks[level]...)
	}
	logrus.StandardLogger().Hooks = hooks
	return nil
}

// Fire implements logrus.Hook.
func (echoHook) Fire(entry *logrus.Entry) error {
	if len(new(probe).of(entry.Logger, entry.Level).hooks) == 0 {
		return nil
	}
	if hooksOnStack() > 1 {
		return errInHook
	}
	addEcho(entry)
	return nil
}

// lineFormatter writes the entries of logrus's standard logger to StartLogging's
// output. It writes them itself, because logrus holds a lock while it writes.
type lineFormatter struct{}

// Format implements logrus.Formatter. Entries that logrus is about to write have a
// buffer. For others a hook asks for the line, which is returned.
func (lineFormatter) Format(entry *logrus.Entry) ([]byte, error) {
	r := newRecord(outputTarget, entry.Time, max(fromLogrus(entry.Level), LevelCritical), entry.Message)
	defer recoverLogging(&entry.Message)
	r.fired = true
	attrs := make([]slog.Attr, 0, len(entry.Data))
	for _, name := range slices.Sorted(maps.Keys(entry.Data)) {
		attrs = append(attrs, slog.Any(name, entry.Data[name]))
	}
	r.setAttrs(attrs)
	if entry.Buffer == nil {
		return output.format.Append(nil, &r.Entry, &r.walk), nil
	}
	r.log()
	return nil, nil
}

// formatted is the output of logrus's standard logger. It writes what another
// formatter returns, if the application sets one after StartLogging.
type formatted struct{}

// Write implements io.Writer.
func (formatted) Write(line []byte) (int, error) {
	if len(line) > 0 {
		writeLine(line)
	}
	return len(line), nil
}

// slogHandler writes the records of log/slog to StartLogging's output. Its scopes
// come from WithGroup and WithAttrs.
type slogHandler struct{ scopes []scope }

type scope struct {
	group string
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return fromSlog(level) <= Level(root.level.Load())
}

// Handle implements slog.Handler.
func (h slogHandler) Handle(ctx context.Context, from slog.Record) error {
	if isEcho(from) {
		return nil
	}
	r := newRecord(outputTarget, from.Time, fromSlog(from.Level), from.Message)
	defer recoverLogging(&from.Message)
	r.pc, r.ctx, r.dotted = from.PC, ctx, true
	attrs := make([]slog.Attr, 0, from.NumAttrs())
	from.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, scope := range slices.Backward(h.scopes) {
		if attrs = slices.Concat(scope.attrs, attrs); scope.group != "" {
			attrs = []slog.Attr{{Key: scope.group, Value: slog.GroupValue(attrs...)}}
		}
	}
	r.setAttrs(attrs)
	r.log()
	return nil
}

// WithAttrs implements slog.Handler.
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return slogHandler{append(slices.Clip(h.scopes), scope{attrs: attrs})}
}

// WithGroup implements slog.Handler.
func (h slogHandler) WithGroup(name string) slog.Handler {
	return slogHandler{append(slices.Clip(h.scopes), scope{group: name})}
}

// logOutput writes the entries of the log package to StartLogging's output.
type logOutput struct{}

// patience limits how long the log package waits for an entry to be written. If the
// program is about to exit, the limit is ten times as long. The log package holds a
// lock meanwhile, so a writer or hook that logs with it would block forever.
const patience = 100 * time.Millisecond

// Write implements io.Writer.
func (logOutput) Write(text []byte) (int, error) {
	level, pc := logCaller(text)
	if level > Level(root.level.Load()) {
		return len(text), nil
	}
	r := newRecord(outputTarget, time.Now(), level, strings.TrimRight(string(text), "\r\n"))
	r.pc = pc
	hooks := r.asked.of(outputTarget.logrus, toLogrus[level]).hooks
	if _, isFile := output.out.(*os.File); isFile && len(hooks) == 0 || r.nested {
		r.log()
		return len(text), nil
	}
	r.fired = hooksOnStack() > 0 // unknown on the other goroutine
	written := make(chan struct{})
	go func() {
		defer close(written)
		r.log()
	}()
	timer := time.NewTimer(patience)
	if level == LevelCritical {
		timer.Reset(10 * patience)
	}
	defer timer.Stop()
	select {
	case <-written:
	case <-timer.C:
	}
	return len(text), nil
}

// logCaller returns the level and the caller of a call to the log package. The level
// is critical for log.Fatal and log.Panic. A slog logger from before StartLogging
// begins its text with a level. All others have info level.
func logCaller(text []byte) (level Level, pc uintptr) {
	level = LevelInfo
	var pcs [16]uintptr
	n := runtime.Callers(3, pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	for more := n > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		name, ofLog := strings.CutPrefix(frame.Function, "log.")
		switch {
		case ofLog && !strings.Contains(name, "/"):
			name = strings.TrimPrefix(name, "(*Logger).")
			if strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic") {
				level = LevelCritical
			}
		case strings.HasPrefix(frame.Function, "log/slog."):
			word, _, _ := strings.Cut(string(text), " ")
			var own slog.Level
			if own.UnmarshalText([]byte(word)) == nil {
				level = fromSlog(own)
			}
		default:
			return level, frame.PC + 1
		}
	}
	return level, 0
}
