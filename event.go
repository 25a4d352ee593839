package txaio

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
