package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The command sees files that need a tag, alone and as go vet's tool.
func TestCommand(t *testing.T) {
	gopath, err := filepath.Abs("txaiovet/testdata")
	if err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(t.TempDir(), "txaiovet.exe")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, test := range map[string]struct {
		args       []string
		flags      string
		seesEither bool
	}{
		"alone":                 {[]string{tool, "-tags", "deferred", "portable"}, "", true},
		"alone, other spelling": {[]string{tool, "--tags=future x", "portable"}, "", true},
		"alone, not GOFLAGS":    {[]string{tool, "-tags=none", "portable"}, "-tags=deferred", false},
		"alone, GOFLAGS":        {[]string{tool, "portable"}, "-tags=deferred", true},
		"alone, no tag":         {[]string{tool, "portable"}, "", false},
		"vettool":               {[]string{"go", "vet", "-vettool=" + tool, "-tags", "future", "portable"}, "", true},
		"vettool, no tag":       {[]string{"go", "vet", "-vettool=" + tool, "portable"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(test.args[0], test.args[1:]...)
			cmd.Dir = filepath.Join(gopath, "src")
			cmd.Env = append(os.Environ(), "GOPATH="+gopath, "GO111MODULE=off", "GOFLAGS="+test.flags)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("it reports nothing")
			}
			for file, want := range map[string]bool{"untagged.go:17:": true, "portable_test.go:11:": true, "either.go:12:": test.seesEither, "onlyDeferred.go": false} {
				if strings.Contains(string(out), file) != want {
					t.Errorf("a report of %s: want %t, got\n%s", file, want, out)
				}
			}
		})
	}
}
