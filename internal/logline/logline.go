// Package logline writes log entries as lines.
//
// There is one rule for all of them, so that none can pass for another entry:
// control characters are escaped, and the lines of a message after its first
// are indented.
package logline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/txaio-go/txaio/internal/format"
	"github.com/txaio-go/txaio/internal/logvalue"
)

// An Entry is what a line is made of. Its attributes are as [logvalue.Walk.Attrs]
// leaves them.
type Entry struct {
	Time             time.Time // none in JSON when it is zero
	Level, Namespace string
	Message          string
	Attrs            []slog.Attr
	Shown            bool // the message shows what is in the attributes
}

// A Format is how lines look.
type Format struct {
	JSON    bool // an object a line, with all attributes
	Details bool // the level and the namespace after the time
}

// Append appends the entry as a line.
func (f Format) Append(line []byte, e *Entry, walk *logvalue.Walk) []byte {
	if f.JSON {
		return appendJSON(line, e, walk)
	}
	line = appendTimestamp(line, e.Time)
	if f.Details {
		line = append(append(line, e.Level...), ' ')
		if e.Namespace == "" {
			line = append(line, '-')
		}
		line = append(AppendEscaped(line, e.Namespace), ' ')
	}
	line = appendMessage(line, e.Message)
	if !e.Shown {
		line = appendAttrs(line, "", e.Attrs, walk)
	}
	return append(line, '\n')
}

func appendMessage(line []byte, text string) []byte {
	text = strings.TrimRight(text, "\r\n")
	for {
		first, rest, more := strings.Cut(text, "\n")
		line = AppendEscaped(line, strings.TrimSuffix(first, "\r"))
		if !more {
			return line
		}
		line = append(line, "\n  "...)
		text = strings.TrimLeft(rest, "\t") // as in Go's own tracebacks
		line = append(line, rest[:len(rest)-len(text)]...)
	}
}

// appendAttrs appends attributes as log/slog's TextHandler does, but for the
// quotes.
func appendAttrs(line []byte, prefix string, attrs []slog.Attr, walk *logvalue.Walk) []byte {
	for _, a := range attrs {
		v, _ := walk.Resolve(a.Value, true)
		if v.Kind() == slog.KindGroup {
			members := v.Group()
			if a.Value.Kind() != slog.KindGroup {
				members = walk.Attrs(nil, members)
			}
			line = appendAttrs(line, prefix+a.Key+".", members, walk)
			continue
		}
		line = append(line, ' ')
		line = AppendEscaped(line, prefix)
		line = append(AppendEscaped(line, a.Key), '=')
		start := len(line)
		line = format.Print(line, v, walk)
		if v.Kind() == slog.KindString || v.Kind() == slog.KindAny || v.Kind() == slog.KindTime {
			if text := line[start:]; plainPrefix(text) < len(text) {
				line = AppendEscaped(line[:start], string(text))
			}
		}
	}
	return line
}

func appendJSON(line []byte, e *Entry, walk *logvalue.Walk) []byte {
	line = append(line, '{')
	if !e.Time.IsZero() {
		line = append(append(line, `"time":`...), '"')
		line = append(e.Time.AppendFormat(line, time.RFC3339Nano), `",`...)
	}
	line = appendString(append(line, `"level":`...), e.Level)
	if e.Namespace != "" {
		line = appendString(append(line, `,"log_namespace":`...), e.Namespace)
	}
	line = appendString(append(line, `,"msg":`...), e.Message)
	for _, a := range e.Attrs {
		switch a.Key {
		case "time", "level", "log_namespace", "msg":
			a.Key = "fields." + a.Key // as logrus names them
		}
		line = appendMember(append(line, ','), a, walk)
	}
	return append(line, '}', '\n')
}

func appendMember(line []byte, a slog.Attr, walk *logvalue.Walk) []byte {
	line = append(appendString(line, a.Key), ':')
	switch v := walk.Value(a.Value); v.Kind() {
	case slog.KindGroup:
		line = append(line, '{')
		for i, a := range v.Group() {
			if i > 0 {
				line = append(line, ',')
			}
			line = appendMember(line, a, walk)
		}
		return append(line, '}')
	case slog.KindString:
		return appendString(line, v.String())
	case slog.KindInt64, slog.KindUint64, slog.KindBool:
		return format.Print(line, v, walk)
	default:
		x := v.Any()
		if err, is := x.(error); is {
			return appendString(line, err.Error())
		}
		return appendAny(line, x)
	}
}

func appendString(line []byte, s string) []byte {
	if IsPlain(s) && !strings.ContainsAny(s, `"\`) {
		return append(append(append(line, '"'), s...), '"')
	}
	return appendAny(line, s)
}

// appendAny appends x as encoding/json encodes it, with those control characters
// escaped that JSON allows in strings.
func appendAny(line []byte, x any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(x); err != nil {
		return appendString(line, fmt.Sprintf("(%v)", err))
	}
	text := strings.TrimSuffix(out.String(), "\n")
	for {
		plain := plainPrefix(text)
		line = append(line, text[:plain]...)
		if text = text[plain:]; text == "" {
			return line
		}
		for _, r := range text {
			line = fmt.Appendf(line, `\u%04x`, r)
			text = text[len(string(r)):]
			break
		}
	}
}

// appendTimestamp appends the time, now when it is zero, and a space.
func appendTimestamp(line []byte, t time.Time) []byte {
	if t.IsZero() {
		t = time.Now()
	}
	return t.AppendFormat(line, "2006-01-02T15:04:05-0700 ")
}
