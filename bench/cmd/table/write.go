package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The table in performance.md is between these lines. The text around it is
// written by hand, and stays.
const (
	begin = "<!-- table: begin -->"
	end   = "<!-- table: end -->"
)

// write puts the table into performance.md, and the charts beside it.
func write(dir, table string, results samples, rounds int, benchtime string) error {
	name := filepath.Join(dir, "performance.md")
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(content), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		return fmt.Errorf("%s needs the lines %s and %s, between which the table goes", name, begin, end)
	}
	machine := fmt.Sprintf("Medians of %d rounds of %s each, on %s, %d cores, %s, %s/%s.",
		rounds, benchtime, processor(), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	text := before + begin + "\n" + machine + "\n\n" + table + end + after
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		return err
	}
	return charts(dir, results)
}

// processor returns the processor's name, if it is known.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for _, line := range strings.Split(string(info), "\n") {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}
