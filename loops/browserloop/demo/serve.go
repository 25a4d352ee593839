//go:build !js

// Command demo builds the demonstration page and serves it:
//
//	go run github.com/txaio-go/txaio/loops/browserloop/demo
package main

import (
	"bytes"
	"embed"
	"flag"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
)

//go:embed index.html page.js style.css greet.go
var files embed.FS

func main() {
	address := flag.String("address", "127.0.0.1:8000", "the `address` to serve on")
	flag.Parse()
	dir, err := os.MkdirTemp("", "txaio-demo-")
	if err != nil {
		log.Fatal(err)
	}
	site, err := newSite(dir)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	log.Fatal(http.Serve(listener, site))
}

// A site is the page with its files.
type site struct {
	http.ServeMux
	givenUp atomic.Int64 // requests for /slow that did not wait
}

// newSite builds the page in dir.
func newSite(dir string) (*site, error) {
	page, err := render()
	if err != nil {
		return nil, err
	}
	for _, tag := range []string{"deferred", "future"} {
		if err := build(tag, filepath.Join(dir, tag+".wasm")); err != nil {
			return nil, err
		}
	}
	s := new(site)
	s.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	s.Handle("GET /page.js", http.FileServerFS(files))
	s.Handle("GET /style.css", http.FileServerFS(files))
	s.Handle("GET /deferred.wasm", http.FileServer(http.Dir(dir)))
	s.Handle("GET /future.wasm", http.FileServer(http.Dir(dir)))
	s.Handle("GET /wasm_exec.js", http.FileServer(http.Dir(filepath.Join(goRoot(), "lib", "wasm"))))
	s.HandleFunc("GET /slow", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // the client has given up
		s.givenUp.Add(1)
	})
	return s, nil
}

// render puts the library function's source into the page.
func render() ([]byte, error) {
	page, err := template.ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	source, err := files.ReadFile("greet.go")
	if err != nil {
		return nil, err
	}
	_, function, _ := strings.Cut(string(source), "\n\n//")
	comment, function, _ := strings.Cut(strings.TrimSpace("//"+strings.ReplaceAll(function, "\t", "    ")), "\n")
	var out bytes.Buffer
	err = page.Execute(&out, map[string]string{"Comment": comment, "Function": function})
	return out.Bytes(), err
}

// build builds this command for the page.
func build(tag, to string) error {
	_, file, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "build", "-tags", tag, "-ldflags", "-s -w", "-o", to, ".")
	cmd.Dir = filepath.Dir(file)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build with -tags %s: %w\n%s", tag, err, out)
	}
	return nil
}

func goRoot() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		log.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
