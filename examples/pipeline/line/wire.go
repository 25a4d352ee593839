package line

import (
	"fmt"
	"strconv"
	"strings"
)

// maxLine is the length of the longest line that the client accepts.
const maxLine = 64 << 10

// check returns an error if a request does not fit into one line.
func check(command, argument string) error {
	switch {
	case command == "" || strings.ContainsAny(command, " \r\n"):
		return fmt.Errorf("line: the command %q is not one word", command)
	case strings.ContainsAny(argument, "\r\n"):
		return fmt.Errorf("line: the argument %q is not one line", argument)
	}
	return nil
}

// appendTo appends the request's line.
func (r *request) appendTo(lines []byte) []byte {
	return fmt.Appendf(lines, "%d %s %s\n", r.id, r.command, r.argument)
}

// An answer is a line from the server.
type answer struct {
	id   uint64
	text string
	err  error // a *ServerError, or nil
}

// A ServerError is the server's answer if it refuses a request.
type ServerError struct{ Text string }

// Error returns the server's text.
func (e *ServerError) Error() string { return "the server: " + e.Text }

func parse(line []byte) (answer, error) {
	number, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	status, text, _ := strings.Cut(rest, " ")
	id, err := strconv.ParseUint(number, 10, 64)
	switch {
	case err != nil || id == 0:
	case status == "OK":
		return answer{id: id, text: text}, nil
	case status == "ERR":
		return answer{id: id, err: &ServerError{text}}, nil
	}
	return answer{}, fmt.Errorf("malformed line %.100q", line)
}
