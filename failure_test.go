//go:build deferred || future

package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/txaio-go/txaio"
)

//go:noinline
func failHere() *txaio.Failure { return txaio.CreateFailure(errOne) }

func TestCreateFailure(t *testing.T) {
	_, file, line, _ := runtime.Caller(0)
	fail := txaio.CreateFailure(errOne)
	if fail.Value() != errOne || fail.Error() != "one" || !errors.Is(fail, errOne) || errors.Unwrap(fail) != errOne {
		t.Errorf("not a failure of the error: %v", fail)
	}
	if top := txaio.FailureTraceback(fail)[0]; top.File != file || top.Line != line+1 {
		t.Errorf("innermost frame is %s:%d, want the caller of CreateFailure", top.File, top.Line)
	}
	if again := txaio.CreateFailure(fail); again != fail {
		t.Error("a *Failure is not returned as it is")
	}
	var err error = &fs.PathError{Op: "open", Path: "x", Err: io.EOF}
	var path *fs.PathError
	if fail := txaio.CreateFailure(err); !errors.As(fail, &path) || !errors.Is(fail, io.EOF) {
		t.Error("errors.As does not look through a failure")
	}
}

func TestFailureStacks(t *testing.T) {
	newFixture(t)
	stackOf := func(f *txaio.Future[int]) *txaio.Failure { return wantFailure(t, f, errOne) }
	tests := []struct {
		name     string
		fail     *txaio.Failure
		function string // the innermost function
	}{
		{"CreateFailure", failHere(), "failHere"},
		{"Reject", stackOf(rejectHere()), "rejectHere"},
		{"CreateFutureError", stackOf(createHere()), "createHere"},
		{"panic in AsFuture", stackOf(txaio.AsFuture(func() (int, error) { explode(errOne); return 0, nil })), "explode"},
		{"runtime panic", wantNilMap(t), "writeToNilMap"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			frames := txaio.FailureTraceback(test.fail)
			if len(frames) < 2 || !strings.HasSuffix(frames[0].Function, "."+test.function) {
				t.Fatalf("innermost function is not %s:\n%s", test.function, txaio.FailureFormatTraceback(test.fail))
			}
			outermost := frames[len(frames)-1].Function
			if outermost != "testing.tRunner" {
				t.Errorf("outermost function is %s", outermost)
			}
			for _, frame := range frames {
				if strings.HasPrefix(frame.Function, "runtime.") || strings.HasPrefix(frame.Function, "github.com/txaio-go/txaio.") {
					t.Errorf("frame %s is not the user's", frame.Function)
				}
			}
		})
	}
}

//go:noinline
func rejectHere() *txaio.Future[int] {
	f := txaio.CreateFuture[int]()
	txaio.Reject(f, errOne)
	return f
}

//go:noinline
func createHere() *txaio.Future[int] { return txaio.CreateFutureError[int](errOne) }

//go:noinline
func writeToNilMap(m map[int]int) { m[1] = 1 }

func wantNilMap(t *testing.T) *txaio.Failure {
	f := txaio.AsFuture(func() (int, error) { writeToNilMap(nil); return 0, nil })
	_, err := txaio.Await(context.Background(), f)
	fail, ok := err.(*txaio.Failure)
	var runtimeError runtime.Error
	if !ok || !errors.As(fail, &runtimeError) {
		t.Fatalf("got %v, want a failure of a runtime.Error", err)
	}
	return fail
}

type unprintable struct{}

func (*unprintable) Error() string { panic("cannot print") }

type plainError string

func (e plainError) Error() string { return string(e) }

func TestFailureMessage(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{errors.New("it failed"), "errors.errorString: it failed"},
		{plainError("by value"), "txaio_test.plainError: by value"},
		{fmt.Errorf("outer: %w", io.EOF), "fmt.wrapError: outer: EOF"},
		{errors.New("two\nlines\r\nand {braces}\n"), "errors.errorString: two lines and {braces}"},
		{errors.Join(errOne, errTwo), "errors.joinError: one two"},
		{&txaio.CancelledError{Message: "late"}, "txaio.CancelledError: cancelled: late"},
		{&txaio.PanicError{Value: 7}, "txaio.PanicError: 7"},
		{&unprintable{}, "txaio_test.unprintable: (its Error method panicked: cannot print)"},
		{(*fs.PathError)(nil), "fs.PathError: (its Error method panicked: "},
	}
	for _, test := range tests {
		got := txaio.FailureMessage(txaio.CreateFailure(test.err))
		if got != test.want && !(strings.HasSuffix(test.want, ": ") && strings.HasPrefix(got, test.want)) {
			t.Errorf("got %q, want %q", got, test.want)
		}
		if strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q is more than one line", got)
		}
	}
}

func TestFailureFormatTraceback(t *testing.T) {
	fail := failHere()
	lines := strings.Split(txaio.FailureFormatTraceback(fail), "\n")
	frames := txaio.FailureTraceback(fail)
	if len(lines) != len(frames)+2 {
		t.Fatalf("%d lines for %d frames", len(lines), len(frames))
	}
	if lines[0] != "Traceback (most recent call last):" {
		t.Errorf("first line is %q", lines[0])
	}
	if last := lines[len(lines)-1]; last != "errors.errorString: one" {
		t.Errorf("last line is %q", last)
	}
	shape := regexp.MustCompile(`^  \S+\.go:\d+ in \S+$`)
	for i, line := range lines[1 : len(lines)-1] {
		frame := frames[len(frames)-1-i]
		if !shape.MatchString(line) || !strings.Contains(line, fmt.Sprintf("%s:%d in %s", frame.File, frame.Line, frame.Function)) {
			t.Errorf("line %q is not of frame %s", line, frame.Function)
		}
	}
	text := txaio.FailureFormatTraceback(txaio.CreateFailure(errors.New("two\nlines")))
	if !strings.HasSuffix(text, "\nerrors.errorString: two\nlines") {
		t.Errorf("the message is not kept as it is: %q", text)
	}
	text = txaio.FailureFormatTraceback(txaio.CreateFailure(&unprintable{}))
	if !strings.HasSuffix(text, "(its Error method panicked: cannot print)") {
		t.Errorf("got %q", text)
	}
}

func TestFailureFormat(t *testing.T) {
	fail := txaio.CreateFailure(errOne)
	for _, test := range []struct {
		fail         *txaio.Failure
		format, want string
	}{
		{fail, "%v", "one"}, {fail, "%s", "one"}, {fail, "%q", `"one"`}, {fail, "%5s|", "  one|"},
		{fail, "%+v", txaio.FailureFormatTraceback(fail)},
		{nil, "%v", "no failure"}, {nil, "%+v", "no failure"}, {new(txaio.Failure), "%+v", "no failure"}, {new(txaio.Failure), "%s", "no failure"},
	} {
		if got := fmt.Sprintf(test.format, test.fail); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s prints %q, want %q", test.format, got, test.want)
		}
	}
	for _, fail := range []*txaio.Failure{fail, nil, new(txaio.Failure)} {
		var logged strings.Builder
		slog.New(slog.NewTextHandler(&logged, nil)).Info("message", "fail", fail)
		if !strings.Contains(logged.String(), fail.Error()) {
			t.Errorf("logged %s", &logged)
		}
	}
}

func TestNilFailure(t *testing.T) {
	var none *txaio.Failure
	for name, text := range map[string]string{
		"Error":                  none.Error(),
		"FailureMessage":         txaio.FailureMessage(none),
		"FailureFormatTraceback": txaio.FailureFormatTraceback(none),
		"%v":                     fmt.Sprintf("%v", none),
	} {
		if !strings.Contains(text, "no failure") {
			t.Errorf("%s gives %q", name, text)
		}
	}
	if none.Value() != nil || none.Unwrap() != nil || txaio.FailureTraceback(none) != nil {
		t.Error("a nil failure has a value or a stack")
	}
}

func TestErrorTypes(t *testing.T) {
	if !errors.Is(&txaio.PanicError{Value: errOne}, errOne) {
		t.Error("a PanicError does not unwrap to the error it was panicked with")
	}
	if (&txaio.PanicError{Value: "text"}).Unwrap() != nil {
		t.Error("a PanicError with a value that is no error unwraps")
	}
	for _, target := range []error{txaio.ErrCancelled, context.Canceled} {
		if !errors.Is(txaio.CreateFailure(&txaio.CancelledError{}), target) {
			t.Errorf("a failure with a CancelledError is not %v", target)
		}
	}
	if errors.Is(&txaio.CancelledError{}, context.DeadlineExceeded) {
		t.Error("a CancelledError is context.DeadlineExceeded")
	}
	if got := (&txaio.CancelledError{Message: "late"}).Error(); !strings.Contains(got, "late") {
		t.Errorf("Error() = %q", got)
	}
	var usage *txaio.UsageError
	if !errors.As(txaio.ErrNoBackend, &usage) {
		t.Error("ErrNoBackend is no *UsageError")
	}
}
