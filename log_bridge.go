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
	format  logline.Format // does not change once started is set
	sync.Mutex
	out io.Writer
}

// A StartOption is an option of [StartLogging].
type StartOption func(*logline.Format)

// LogJSON makes each line a JSON object with the entry's time, level, msg and
// log_namespace, and its attributes. One that has such a name has
// "fields." before it.
func LogJSON() StartOption { return func(f *logline.Format) { f.JSON = true } }

// LogDetails puts the level and the namespace after the time, a hyphen for an
// entry that has no namespace.
func LogDetails() StartOption { return func(f *logline.Format) { f.Details = true } }

// StartLogging writes what is logged up to level to out, os.Stdout if that is
// nil, a line an entry:
//
//	2016-01-21T01:02:03-0100 message
//
// From then on the standard log package, log/slog's default logger and logrus's
// standard logger write there too, in the same shape and each message once,
// with the attributes that a message of theirs does not show itself at its
// end. The hooks of logrus's standard logger get all these entries. What
// log.Fatal and log.Panic log counts as critical.
//
// Whoever logged it, in what is written control characters are escaped, and the
// lines of a message after its first are indented by two spaces: nothing can
// pass for an entry of its own.
//
// It sets the level of logrus's standard logger, as does [SetGlobalLogLevel];
// logrus.SetLevel changes it afterwards for what is logged with logrus alone.
//
// It returns an error that lists the valid levels if level is not one of
// them. Only the first successful call does something.
//
// An application that sets up logrus or a slog handler itself does not call it,
// and gets the entries of all loggers there: see [SetLogrus] and [SetSlog].
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
	log.SetOutput(logOutput{}) // which slog has set, to a writer that loses log.Fatal's lines
	return nil
}

// toOutput writes the record's line, after the hooks of logrus's standard
// logger have seen the record. They do not see what they log themselves.
//
//go:noinline
func (r *record) toOutput() {
	standard := logrus.StandardLogger()
	if !r.fired {
		if r.asked.of(standard, toLogrus[r.level]).hasHooks() && hooksOnStack() == 0 {
			r.fire(standard, r.asked.hooks)
		}
	}
	writeLine(r.line)
}

// writeLine writes a line. One that cannot be written goes to standard error,
// with the reason.
func writeLine(line []byte) {
	output.Lock()
	defer output.Unlock()
	defer func() {
		if value := recover(); value != nil {
			unwritten(line, value)
		}
	}()
	n, err := output.out.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		unwritten(line, err)
	}
}

func unwritten(line []byte, reason any) {
	fmt.Fprintf(os.Stderr, "txaio: cannot write to the log: %s\n%s", logvalue.Sprint(reason), line)
}

// fire shows the record to hooks. They may change its message, but not keep it
// from being written.
func (r *record) fire(standard *logrus.Logger, hooks []logrus.Hook) {
	defer recoverLogging(&r.text)
	entry := &logrus.Entry{Logger: standard, Data: make(logrus.Fields), Time: r.Time, Level: toLogrus[r.level],
		Message: r.Message, Caller: r.caller(standard), Context: r.ctx}
	r.allFields(entry.Data)
	addEcho(entry)
	for _, hook := range slices.Clone(hooks) {
		if _, is := hook.(echoHook); is {
			continue
		}
		if err := hook.Fire(entry); err != nil {
			fmt.Fprintln(os.Stderr, "Failed to fire hook:", err) // as logrus does
			break
		}
	}
	if entry.Message != r.Message {
		r.Message = entry.Message
		r.line = output.format.Append(r.line[:0], &r.Entry, &r.walk)
	}
}

// hasHooks reports whether the logger has other hooks than the echoHook.
func (p *probe) hasHooks() bool {
	return slices.ContainsFunc(p.hooks, func(hook logrus.Hook) bool { return hook != echoHook{} })
}

// hooksOnStack counts for how many entries hooks are being fired further up the
// stack.
func hooksOnStack() int {
	return onStack("github.com/sirupsen/logrus.(*Entry).fireHooks") + onStack("github.com/txaio-go/txaio.(*record).fire")
}

// echoes are the latest entries that hooks were given. A hook may send them to
// log/slog's default logger: that is here, and has them already.
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

// echoHook is a hook of logrus's standard logger. It keeps hooks from being
// fired for what a hook logs with logrus, which would not end.
type echoHook struct{}

var errInHook = errors.New("txaio: hooks are not fired for what a hook logs")

// Levels implements logrus.Hook. It is called with the logger's lock held, and
// puts the hook before those that are there already.
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
	if !new(probe).of(entry.Logger, entry.Level).hasHooks() {
		return nil
	}
	if hooksOnStack() > 1 {
		return errInHook
	}
	addEcho(entry)
	return nil
}

// lineFormatter sends what is logged with logrus's standard logger to
// StartLogging's output. It does so itself, as logrus holds a lock while it
// writes.
type lineFormatter struct{}

// Format implements logrus.Formatter. Logrus itself gives the entry a buffer for
// what is to be written; without one it is for a hook that asks for the line.
func (lineFormatter) Format(entry *logrus.Entry) ([]byte, error) {
	r := newRecord(outputTarget, entry.Time, max(fromLogrus(entry.Level), LevelCritical))
	defer recoverLogging(&entry.Message)
	r.fired, r.text, r.Message = true, entry.Message, entry.Message
	attrs := make([]slog.Attr, 0, len(entry.Data))
	for _, name := range slices.Sorted(maps.Keys(entry.Data)) {
		attrs = append(attrs, slog.Any(name, entry.Data[name]))
	}
	r.Attrs = r.walk.Attrs(r.Attrs, attrs)
	if entry.Buffer == nil {
		return output.format.Append(nil, &r.Entry, &r.walk), nil
	}
	r.log()
	return nil, nil
}

// formatted is the output of logrus's standard logger: what another formatter
// makes of its entries, if the application sets one after StartLogging.
type formatted struct{}

// Write implements io.Writer.
func (formatted) Write(line []byte) (int, error) {
	if len(line) > 0 {
		writeLine(line)
	}
	return len(line), nil
}

// slogHandler sends log/slog's records to StartLogging's output. Its scopes are
// what WithGroup and WithAttrs have opened.
type slogHandler struct{ scopes []scope }

type scope struct {
	group string
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return fromSlog(level) <= Level(globalLevel.Load())
}

// Handle implements slog.Handler.
func (h slogHandler) Handle(ctx context.Context, from slog.Record) error {
	if isEcho(from) {
		return nil
	}
	r := newRecord(outputTarget, from.Time, fromSlog(from.Level))
	defer recoverLogging(&from.Message)
	r.text, r.Message, r.pc, r.ctx, r.dotted = from.Message, from.Message, from.PC, ctx, true
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
	r.Attrs = r.walk.Attrs(r.Attrs, attrs)
	r.log()
	return nil
}

// WithAttrs implements slog.Handler.
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return slogHandler{append(slices.Clip(h.scopes), scope{attrs: attrs})}
}

// WithGroup implements slog.Handler.
func (h slogHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return slogHandler{append(slices.Clip(h.scopes), scope{group: name})}
}

// logOutput sends what is logged with the log package to StartLogging's output.
type logOutput struct{}

// patience is how long the log package waits for an entry to be written, ten
// times as long when the program ends then. It holds a lock meanwhile: a writer
// or a hook that logs with it would never end.
const patience = 100 * time.Millisecond

// Write implements io.Writer.
func (logOutput) Write(text []byte) (int, error) {
	level, pc := logCaller(text)
	if level > Level(globalLevel.Load()) {
		return len(text), nil
	}
	r := newRecord(outputTarget, time.Now(), level)
	r.Message, r.pc = strings.TrimRight(string(text), "\r\n"), pc
	r.text = r.Message
	hooks := r.asked.of(logrus.StandardLogger(), toLogrus[level]).hasHooks()
	if _, isFile := output.out.(*os.File); isFile && !hooks || r.nested {
		r.log()
		return len(text), nil
	}
	r.fired = hooksOnStack() > 0 // which another goroutine's stack does not show
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

// logCaller returns who called the log package, and the level: critical for
// log.Fatal and log.Panic, the one that a slog logger from before StartLogging
// begins its text with, and info for all else.
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
