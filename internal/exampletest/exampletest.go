// Package exampletest helps to test programs: it runs one's main function and
// returns what it printed.
package exampletest

import (
	"io"
	"os"
	"regexp"
	"testing"
)

// Output calls main and returns its standard output.
func Output(t *testing.T, main func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	printed := make(chan string)
	go func() {
		text, _ := io.ReadAll(r) // after an error the output is incomplete
		printed <- string(text)
	}()
	defer func() {
		os.Stdout = stdout
		r.Close()
	}()
	main()
	w.Close()
	return <-printed
}

var logTime = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} `)

// Timeless replaces the time at the beginning of each line of a log with TIME.
func Timeless(log string) string { return logTime.ReplaceAllString(log, "TIME ") }
