package txaio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/txaio-go/txaio"
)

func ExampleCreateFailure() {
	open := func() error { return fmt.Errorf("open: %w", fs.ErrNotExist) }
	fail := txaio.CreateFailure(open())
	fmt.Println(fail)
	fmt.Println(errors.Is(fail, fs.ErrNotExist))
	fmt.Println(txaio.FailureTraceback(fail)[0].Function)
	// Output:
	// open: file does not exist
	// true
	// github.com/txaio-go/txaio_test.ExampleCreateFailure
}

func ExampleFailureMessage() {
	fail := txaio.CreateFailure(errors.New("it failed"))
	fmt.Println(txaio.FailureMessage(fail))
	// Output: errors.errorString: it failed
}

func ExampleFailureTraceback() {
	fail := txaio.CreateFailure(errors.New("it failed"))
	innermost := txaio.FailureTraceback(fail)[0]
	fmt.Println(filepath.Base(innermost.File), innermost.Function)
	// Output: example_failure_test.go github.com/txaio-go/txaio_test.ExampleFailureTraceback
}

func ExampleFailureFormatTraceback() {
	fail := txaio.CreateFailure(errors.New("it failed"))
	lines := strings.Split(txaio.FailureFormatTraceback(fail), "\n")
	fmt.Println(lines[0])
	fmt.Println(lines[len(lines)-1])
	// Output:
	// Traceback (most recent call last):
	// errors.errorString: it failed
}

func ExamplePanicError() {
	f := txaio.AsFuture(func() (int, error) {
		var numbers []int
		return numbers[3], nil
	})
	_, err := txaio.Await(context.Background(), f)
	panicked, is := errors.AsType[*txaio.PanicError](err)
	fmt.Println(is, panicked.Value)
	// Output: true runtime error: index out of range [3] with length 0
}
