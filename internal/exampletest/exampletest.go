// Package exampletest helps to test programs: it runs one's main function and
// returns what it printed.
package exampletest

import (
	"io"
	"os"
	"regexp"
	"testing"
)

// Output calls main and returns what that wrote to standard output.
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
		text, _ := io.ReadAll(r) // what cannot be read is missing from the output
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

// Timeless puts TIME for the times at the beginning of the lines of a log.
func Timeless(log string) string { return logTime.ReplaceAllString(log, "TIME ") }
