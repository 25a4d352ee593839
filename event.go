package txaio

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio/internal/format"
)

// An event is what a call of a logger's method becomes.
type event struct {
	time   time.Time
	level  Level
	logger *Logger
	attrs  []slog.Attr
	text   string // the format
	fail   *tracebackOf
}

// categories are the formats by log category. The map is replaced, never
// changed.
var categories struct {
	sync.Mutex
	formats atomic.Pointer[map[string]string]
}

// AddLogCategories sets the formats of log categories: an entry with an
// attribute log_category is logged with the format of that category, where
// there is one, instead of its own. Later calls win.
func AddLogCategories(formats map[string]string) {
	mustHaveBackend()
	categories.Lock()
	defer categories.Unlock()
	merged := make(map[string]string)
	for _, from := range []*map[string]string{categories.formats.Load(), &formats} {
		if from != nil {
			for category, text := range *from {
				merged[category] = text
			}
		}
	}
	categories.formats.Store(&merged)
}

// pickFormat makes the format that of the event's category, where it has one.
func (e *event) pickFormat() {
	formats := categories.formats.Load()
	if formats == nil {
		return
	}
	if category, ok := e.attr("log_category"); ok {
		if own, ok := (*formats)[category.Resolve().String()]; ok {
			e.text = own
		}
	}
}

// append renders the event. With escape, control characters in what is
// substituted are escaped; those in the format and in a traceback stay.
func (e *event) append(dst []byte, escape bool) []byte {
	start := len(dst)
	template, err := format.Cached(e.text)
	if err == nil {
		dst, err = template.Append(dst, e, escape)
	}
	if err != nil && !escape { // once, and not when the event is rendered again
		if _, panicked := errors.AsType[*format.PanicError](err); panicked {
			reportPanic(e.text, err)
		}
	}
	switch {
	case err == nil:
	case len(e.attrs) == 0:
		dst = append(dst, e.text...)
	default:
		dst = append(dst, `Unable to format "`...)
		dst = append(dst, e.text...)
		dst = append(dst, `": `...)
		if reason := err.Error(); escape {
			dst = format.AppendEscaped(dst, reason)
		} else {
			dst = append(dst, reason...)
		}
	}
	if e.fail != nil {
		if len(dst) > start {
			dst = append(dst, '\n')
		}
		dst = appendTraceback(dst, e.fail.Failure, escape)
	}
	return dst
}

// appendTraceback appends the lines of a failure. With escape the message at
// their end, which is a value, is made safe.
func appendTraceback(dst []byte, fail *Failure, escape bool) []byte {
	text := formatTraceback(fail)
	if escape {
		if frames, ok := strings.CutSuffix(text, failureText(fail)); ok {
			return appendForeign(append(dst, frames...), text[len(frames):])
		}
		return appendForeign(dst, text) // more follows the message
	}
	return append(dst, text...)
}

// Lookup implements [format.Values]. It finds the value of an attribute, those
// that are always there first.
func (e *event) Lookup(name string) (slog.Value, bool) {
	switch name {
	case "log_time":
		return slog.TimeValue(e.time), true
	case "log_level":
		return slog.StringValue(e.level.String()), true
	case "log_namespace":
		return slog.StringValue(e.logger.namespace), true
	case "log_failure":
		if e.fail != nil {
			return slog.AnyValue(e.fail.Failure), true
		}
	case "txaio_trace":
		if e.level == LevelTrace {
			return slog.BoolValue(true), true
		}
	}
	return e.attr(name)
}

// attr finds the value of an attribute that was given. The last one wins.
func (e *event) attr(name string) (slog.Value, bool) {
	for i := len(e.attrs) - 1; i >= 0; i-- {
		if e.attrs[i].Key == name {
			return e.attrs[i].Value, true
		}
	}
	return slog.Value{}, false
}

// emit hands the event to logrus.
func (s *scratch) emit(target *logrus.Logger) {
	e := &s.event
	e.pickFormat()
	for i := range e.attrs {
		attr := &e.attrs[i]
		if attr.Value.Kind() == slog.KindLogValuer {
			// Once for the field and the message, so that they agree.
			if value, err := format.Resolve(attr.Value); err == nil {
				attr.Value = value
			}
		}
		s.fields[attr.Key] = fieldValue(e.text, attr.Value, 0)
	}
	s.fields["log_namespace"] = e.logger.boxed
	if e.level == LevelTrace {
		s.fields["txaio_trace"] = true
	}
	if e.fail != nil {
		s.fields["log_failure"] = e.fail.Failure
	}
	s.text = e.append(s.text[:0], false)
	message := string(s.text)
	var from *origin
	if !format.IsPlain(message) {
		from = &origin{message, *e}
		from.event.attrs = slices.Clone(e.attrs)
	}
	s.args[0] = message
	entry := logrus.Entry{Logger: target, Data: s.fields, Time: e.time, Context: from}
	entry.Log(toLogrus[e.level], s.args[:]...)
}

// An origin is the context of the logrus entry of an event, which so carries to
// StartLogging's formatter what that needs to escape the message. Where there is
// nothing to escape it is a nil *origin, which spares nearly every entry an
// allocation, and is a context like the others.
type origin struct {
	message string
	event   event
}

// The context is never done, and has no values.
func (*origin) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*origin) Done() <-chan struct{}                   { return nil }
func (*origin) Err() error                              { return nil }
func (*origin) Value(any) any                           { return nil }

// A scratch is what an event is made and logged with. Logrus makes a copy of an
// entry's fields when it logs it, and hands only that on.
type scratch struct {
	event  event
	fields logrus.Fields
	text   []byte
	args   [1]any // text, as the arguments that logrus gets
}

var scratches = sync.Pool{New: func() any { return &scratch{fields: make(logrus.Fields)} }}

// release lets go of the event, and has the memory used again.
func (s *scratch) release() {
	attrs := s.event.attrs
	if cap(s.text) > maxKeptText || len(s.fields) > maxKeptFields || cap(attrs) > maxKeptFields {
		return
	}
	clear(s.fields)
	clear(attrs)
	s.event, s.args[0] = event{attrs: attrs[:0]}, nil
	scratches.Put(s)
}

// A scratch that was larger was for an exception, and is not kept. To clear a
// map takes as long as it once was large.
const (
	maxKeptText   = 64 << 10
	maxKeptFields = 32
)

// maxGroups bounds the groups in groups: a LogValuer can make a group that has
// itself in it.
const maxGroups = 100

// tooDeep stands for what is in more groups than that.
const tooDeep = "groups nested too deep"

// fieldValue makes a logrus field of the value of an attribute of message: a
// group becomes a map, what no formatter can print its text, and what cannot be
// resolved the reason.
func fieldValue(message string, value slog.Value, depth int) any {
	value, err := format.Resolve(value)
	if err != nil {
		reportPanic(message, err)
		return err
	}
	switch value.Kind() {
	case slog.KindGroup:
		if depth == maxGroups {
			return tooDeep
		}
		group := make(map[string]any)
		for _, attr := range value.Group() {
			group[attr.Key] = fieldValue(message, attr.Value, depth+1)
		}
		return group
	case slog.KindFloat64:
		if x := value.Float64(); math.IsNaN(x) || math.IsInf(x, 0) {
			return value.String() // JSON has no such number
		}
	case slog.KindAny:
		switch reflect.ValueOf(value.Any()).Kind() {
		case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128:
			return fmt.Sprint(value.Any())
		}
	}
	return value.Any()
}
