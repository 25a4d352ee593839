// Command table runs the benchmarks under each tag, several times in turn,
// and writes the table and the charts of docs/performance.md.
//
//	go run ./cmd/table [-rounds 15] [-time 50ms] [-out ../docs]
//
// It fails if a row is over its bar.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 15, "how often each benchmark runs; the table has the medians")
	benchtime := flag.String("time", "50ms", "how long, or how often (1x), each benchmark runs in a round")
	out := flag.String("out", "../docs", "the folder of performance.md; empty to write nothing")
	flag.Parse()

	results, err := run(*rounds, *benchtime)
	if err != nil {
		log.Fatal(err)
	}
	table, over := format(results)
	fmt.Print(table)
	if *out != "" {
		if err := write(*out, table, results, *rounds, *benchtime); err != nil {
			log.Fatal(err)
		}
	}
	if over > 0 {
		log.Fatalf("%d rows are over their bars", over)
	}
}

var backends = []string{"deferred", "future"}

// run builds the benchmarks under each tag, and runs them in turn with those
// of Python's txaio if it is installed.
func run(rounds int, benchtime string) (samples, error) {
	dir, err := os.MkdirTemp("", "txaio-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, tag := range backends {
		log.Printf("building with -tags %s", tag)
		if err := command(nil, "go", "test", "-c", "-tags", tag, "-o", filepath.Join(dir, tag), "."); err != nil {
			return nil, err
		}
	}
	results := make(samples)
	for round := range rounds {
		for _, tag := range backends {
			log.Printf("round %d of %d, %s", round+1, rounds, tag)
			for _, name := range benchmarks() {
				var output strings.Builder
				if err := command(&output, filepath.Join(dir, tag), "-test.run=^$", "-test.bench=^Benchmark"+name+"$", "-test.benchtime="+benchtime); err != nil {
					return nil, err
				}
				results.parse(tag, output.String())
			}
		}
		for i, framework := range []string{"twisted", "asyncio"} {
			var output strings.Builder
			if err := command(&output, "/usr/bin/python3", "python/peer.py", framework); err != nil {
				log.Printf("without Python's txaio on %s: %v", framework, err)
				continue
			}
			results.parse(backends[i], output.String())
		}
	}
	return results, nil
}

// benchmarks returns the names of the benchmarks that the table or a chart shows.
// Each runs with its contenders in a process of its own, so that no benchmark
// finds the heap and the threads of another.
func benchmarks() []string {
	var names []string
	add := func(name string) {
		name, _, _ = strings.Cut(name, "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, r := range rows() {
		add(r.ours)
		add(r.against)
	}
	for _, c := range allCharts {
		add(c.benchmark)
	}
	return names
}

func command(output *strings.Builder, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	var errors strings.Builder
	cmd.Stderr = &errors
	if output != nil {
		cmd.Stdout = output
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, errors.String())
	}
	return nil
}
