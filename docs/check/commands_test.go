//go:build !future

// Package check_test runs what the documentation tells its readers to run, and
// renders it as a documentation site does. The backend makes no difference to
// that, so it is done once, not under both tags.
package check_test

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/txaio-go/txaio"

// The commands in the pages do what the pages say. A section is a transcript: the
// Go files in it, each a block that begins with its name in a comment, are
// written, and the commands run, one after the other in one shell. Those of the
// README begin in an empty folder, those of other pages in a clone of the
// repository. If a page shows what a command prints, with … for what differs,
// that has to come; otherwise the command has to succeed. Commands of make are
// run elsewhere (see TestMakeCommands in docs).
func TestCommands(t *testing.T) {
	w := newWorld(t)
	clone := filepath.Join(t.TempDir(), "txaio")
	w.run(t, "", []step{{command: "git clone -q https://" + module + " " + clone + " && cd " + clone + " && go mod download"}})
	for _, page := range pages(t, w.origin) {
		text, err := os.ReadFile(filepath.Join(w.origin, page))
		if err != nil {
			t.Fatal(err)
		}
		for section := range strings.SplitSeq(string(text), "\n## ") {
			steps := parse(section)
			if len(steps) == 0 {
				continue
			}
			title, _, _ := strings.Cut(section, "\n")
			t.Run(page+"/"+title, func(t *testing.T) {
				dir := clone
				if page == "README.md" {
					dir = t.TempDir()
				}
				w.run(t, dir, steps)
			})
		}
	}
}

// pages returns the pages of the repository.
func pages(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") {
			name, err = filepath.Rel(dir, name)
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("pages %v, error %v", found, err)
	}
	return found
}

// A step is a file to write or a command to run.
type step struct {
	file, text string // if file is not empty
	command    string
	output     []string
}

var (
	block    = regexp.MustCompile("(?ms)^```(console|go)\n(.*?)^```$")
	fileName = regexp.MustCompile(`^// (\w+\.go)\n`)
)

// parse returns the steps of a section.
func parse(section string) (steps []step) {
	for _, match := range block.FindAllStringSubmatch(section, -1) {
		if match[1] == "go" {
			if name := fileName.FindStringSubmatch(match[2]); name != nil {
				steps = append(steps, step{file: name[1], text: match[2]})
			}
			continue
		}
		for line := range strings.Lines(match[2]) {
			if command, is := strings.CutPrefix(line, "$ "); !is {
				last := &steps[len(steps)-1]
				last.output = append(last.output, strings.TrimSuffix(line, "\n"))
			} else if !strings.HasPrefix(command, "make ") && !strings.HasPrefix(command, ".ci/run") {
				steps = append(steps, step{command: strings.TrimSuffix(command, "\n")})
			}
		}
	}
	return steps
}

// A world is where the commands run: with the repository as it is in the working
// tree, both behind its address and as a release.
type world struct {
	origin string
	env    []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{origin: filepath.Join(dir, "origin")}
	copyTree(t, w.origin)
	gitConfig := filepath.Join(dir, "gitconfig")
	write(t, gitConfig, fmt.Sprintf("[user]\nname = n\nemail = e@example.com\n[url %q]\ninsteadOf = https://%s\n", w.origin, module))
	proxy := filepath.Join(dir, "proxy")
	release(t, proxy, w.origin, module)
	release(t, proxy, filepath.Join(w.origin, "cmd/txaiovet"), module+"/cmd/txaiovet")
	cache := strings.TrimSpace(output(t, exec.Command("go", "env", "GOMODCACHE")))
	w.env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL="+gitConfig, "GIT_CONFIG_NOSYSTEM=1",
		"GOENV=off", "GOWORK=", "GOSUMDB=off", "GOTOOLCHAIN=local",
		"GOFLAGS=-trimpath", // so that what is built here is in the build cache the next time
		"GOBIN="+filepath.Join(dir, "bin"), "PATH="+filepath.Join(dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"GOMODCACHE="+filepath.Join(dir, "modules"),
		"GOPROXY=file://"+filepath.ToSlash(proxy)+",file://"+filepath.ToSlash(cache)+"/cache/download,https://proxy.golang.org")
	t.Cleanup(func() { // the cache of modules is read-only
		clean := exec.Command("go", "clean", "-modcache")
		clean.Env = w.env
		output(t, clean)
	})
	w.run(t, w.origin, []step{{command: "git init -q && git add -A && git commit -q -m 'The working tree'"}})
	return w
}

// copyTree copies the files of the working tree that git knows or would add.
func copyTree(t *testing.T, to string) {
	t.Helper()
	const root = "../.."
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	for name := range strings.SplitSeq(strings.TrimSuffix(output(t, list), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			continue // it is deleted
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), string(text))
		if err := os.Chmod(filepath.Join(to, name), info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

// release makes v0.1.0 of the module in dir, as a proxy has it.
func release(t *testing.T, proxy, dir, module string) {
	t.Helper()
	versions := filepath.Join(proxy, module, "@v")
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(versions, "list"), "v0.1.0\n")
	write(t, filepath.Join(versions, "v0.1.0.info"), `{"Version": "v0.1.0"}`)
	write(t, filepath.Join(versions, "v0.1.0.mod"), string(text))
	var archive strings.Builder
	files := zip.NewWriter(&archive)
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if _, nested := os.Stat(filepath.Join(name, "go.mod")); nested == nil && name != dir {
				return filepath.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := files.Create(module + "@v0.1.0/" + filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		_, err = file.Write(text)
		return err
	})
	if err == nil {
		err = files.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(versions, "v0.1.0.zip"), archive.String())
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func output(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	text, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return string(text)
}

// mark separates the commands in the shell's output, with their exit codes.
const mark = "\n--- exit "

// run runs the steps in one shell.
func (w *world) run(t *testing.T, dir string, steps []step) {
	t.Helper()
	var script strings.Builder
	for _, s := range steps {
		if s.file != "" {
			fmt.Fprintf(&script, "cat > %s <<'END OF FILE'\n%sEND OF FILE\n", s.file, s.text)
			s.command = ":"
		}
		fmt.Fprintf(&script, "%s\nprintf '%s%%d\\n' $?\n", s.command, strings.ReplaceAll(mark, "\n", "\\n"))
	}
	shell := exec.Command("bash", "-c", script.String())
	shell.Dir, shell.Env = dir, w.env
	text, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, text)
	}
	rest := string(text)
	for _, s := range steps {
		printed, after, _ := strings.Cut(rest, mark)
		code, next, found := strings.Cut(after, "\n")
		if rest = next; !found {
			t.Fatalf("the shell ended in %q:\n%s", s.command, printed)
		}
		if s.output == nil && code != "0" {
			t.Errorf("%q exited with %s:\n%s", s.command, code, printed)
		}
		if s.output != nil && !matches(strings.Join(s.output, "\n"), strings.TrimSuffix(printed, "\n")) {
			t.Errorf("%q printed:\n%s\nand the page says:\n%s", s.command, printed, strings.Join(s.output, "\n"))
		}
	}
}

// matches reports whether got is want, in which … stands for anything on a line.
func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}
