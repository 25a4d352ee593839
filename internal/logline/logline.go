// Package logline writes log entries as lines.
//
// In every line control characters are escaped, and the lines of a message after the
// first are indented. So no message can forge another entry.
package logline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/txaio-go/txaio/internal/format"
	"github.com/txaio-go/txaio/internal/logvalue"
)

// An Entry is a log entry. Its attributes come from [logvalue.Walk.Attrs].
type Entry struct {
	Time             time.Time // if zero, JSON has no time, and text the current one
	Level, Namespace string
	Message          string
	Attrs            []slog.Attr
	Shown            bool // the message shows the attributes
}

// A Format is the format of lines.
type Format struct {
	JSON    bool // each line is an object with all attributes
	Details bool // the level and the namespace after the time
}

// Append appends the entry as a line.
func (f Format) Append(line []byte, e *Entry, walk *logvalue.Walk) []byte {
	if f.JSON {
		return appendJSON(line, e, walk)
	}
	at := e.Time
	if at.IsZero() {
		at = time.Now()
	}
	line = at.AppendFormat(line, "2006-01-02T15:04:05-0700 ")
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
		text = strings.TrimLeft(rest, "\t") // Go's tracebacks have tabs
		line = append(line, rest[:len(rest)-len(text)]...)
	}
}

// appendAttrs appends attributes like slog's TextHandler, but without quotes.
func appendAttrs(line []byte, prefix string, attrs []slog.Attr, walk *logvalue.Walk) []byte {
	for _, a := range attrs {
		v, _ := walk.Resolve(a.Value, true)
		if v.Kind() == slog.KindGroup {
			line = appendAttrs(line, prefix+a.Key+".", v.Group(), walk)
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

// appendJSON appends the entry like slog's JSONHandler, and also escapes the control
// characters that JSON allows in strings.
func appendJSON(line []byte, e *Entry, walk *logvalue.Walk) []byte {
	record := slog.NewRecord(e.Time, slog.LevelInfo, e.Message, 0)
	if e.Namespace != "" {
		record.AddAttrs(slog.String("log_namespace", e.Namespace))
	}
	for _, a := range e.Attrs {
		switch a.Key {
		case "time", "level", "log_namespace", "msg":
			a.Key = "fields." + a.Key // logrus's names
		}
		record.AddAttrs(slog.Attr{Key: a.Key, Value: walk.Value(a.Value, false)})
	}
	var out bytes.Buffer
	level := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.LevelKey {
			a.Value = slog.StringValue(e.Level)
		}
		return a
	}
	handler := slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: level})
	_ = handler.Handle(context.Background(), record) // a buffer does not fail
	for text := out.Bytes(); ; {
		plain := plainPrefix(bytes.TrimSuffix(text, []byte("\n")))
		line = append(line, text[:plain]...)
		if text = text[plain:]; len(text) <= 1 {
			return append(line, '\n')
		}
		r, size := utf8.DecodeRune(text)
		line = fmt.Appendf(line, `\u%04x`, r)
		text = text[size:]
	}
}
