// Command txaiovet finds mistakes that the compiler cannot see in code for both
// backends of txaio. It works alone and as a tool of go vet:
//
//	go run github.com/txaio-go/txaio/cmd/txaiovet -tags deferred ./...
//	go vet -vettool=$(which txaiovet) -tags deferred ./...
package main

import (
	"os"
	"strings"

	"golang.org/x/tools/go/analysis/singlechecker"

	"github.com/txaio-go/txaio/cmd/txaiovet/txaiovet"
)

func main() {
	// The driver ignores -tags, but runs the go command to list the packages, and
	// that reads GOFLAGS.
	if tags, given := tagsOf(os.Args[1:]); given {
		os.Setenv("GOFLAGS", strings.TrimSpace(os.Getenv("GOFLAGS")+" -tags="+tags))
	}
	singlechecker.Main(txaiovet.Analyzer)
}

// tagsOf returns the build tags among the arguments, separated by commas.
func tagsOf(args []string) (tags string, given bool) {
	for i, arg := range args {
		name, value, inline := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if name != "-tags" && name != "tags" || !strings.HasPrefix(arg, "-") {
			continue
		}
		if !inline && i+1 < len(args) {
			value = args[i+1]
		}
		tags, given = strings.Join(strings.Fields(value), ","), true
	}
	return tags, given
}
