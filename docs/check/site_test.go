//go:build !future

package check_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A documentation site builds without a tag. It shows every example of the
// package and of testutil all the same.
func TestDocumentationSite(t *testing.T) {
	site := serve(t)
	for dir, path := range map[string]string{"../..": "", "../../testutil": "/testutil"} {
		page := get(t, site+"/"+module+path)
		want := examples(t, dir)
		var got []string
		for _, match := range regexp.MustCompile(`id="example-([^"]+)"`).FindAllStringSubmatch(page, -1) {
			name := strings.TrimPrefix(match[1], "package-")
			got = append(got, strings.ToLower(strings.ReplaceAll(name, "-", ".")))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s%s shows the examples\n%q, want\n%q", module, path, got, want)
		}
	}
}

// examples returns the names of the examples in a folder as a site has them.
func examples(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func Example(\w*)\(\)`).FindAllStringSubmatch(string(text), -1) {
			name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(match[1], "_"), "_", "."))
			if name == "" {
				name = "package"
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s has no examples", dir)
	}
	slices.Sort(names)
	return names
}

// serve runs pkgsite until the test ends, and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	pkgsite := filepath.Join(t.TempDir(), "pkgsite")
	if text, err := exec.Command("go", "build", "-o", pkgsite, "golang.org/x/pkgsite/cmd/pkgsite").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var log bytes.Buffer
	server := exec.CommandContext(t.Context(), pkgsite, "-list=false", "-http", address, ".")
	server.Dir, server.Env = "../..", append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may have ended
		_ = server.Wait()
		if t.Failed() {
			t.Logf("pkgsite:\n%s", &log)
		}
	})
	for range 300 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("pkgsite does not answer")
	return ""
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, error %v", url, response.Status, err)
	}
	return string(body)
}
