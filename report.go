package txaio

import (
	"fmt"
	"os"
)

// reportUnhandled makes a failure visible that nobody else will see.
func reportUnhandled(message string, fail *Failure) {
	fmt.Fprintf(os.Stderr, "%s\n%s\n", message, formatTraceback(fail))
}
