package txaio

import (
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio/internal/format"
)

// A scratch is what an event is made and logged with. Logrus makes a copy of an
// entry's fields when it logs it, and hands only that on.
type scratch struct {
	event  event
	fields logrus.Fields
	text   []byte
	args   [1]any // text, as the arguments that logrus gets
}

var scratches = sync.Pool{New: func() any { return &scratch{fields: make(logrus.Fields)} }}

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
