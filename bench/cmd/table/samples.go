package main

import (
	"slices"
	"strconv"
	"strings"
)

// samples are the measurements, by backend, benchmark and unit.
type samples map[key][]float64

type key struct{ backend, benchmark, unit string }

// parse adds the measurements in the output of a run, whose lines are
// "BenchmarkName/contender-2  1000  12.3 ns/op  4 B/op".
func (s samples) parse(backend, output string) {
	for _, line := range strings.Split(output, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if dash := strings.LastIndexByte(name, '-'); dash >= 0 {
			if _, err := strconv.Atoi(name[dash+1:]); err == nil {
				name = name[:dash] // GOMAXPROCS
			}
		}
		name = strings.ReplaceAll(name, "_", " ")
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				k := key{backend, name, fields[i+1]}
				s[k] = append(s[k], value)
			}
		}
	}
}

// median returns the median of a benchmark's measurements, and whether there
// are any.
func (s samples) median(backend, benchmark, unit string) (float64, bool) {
	values := slices.Clone(s[key{backend, strings.ReplaceAll(benchmark, "_", " "), unit}])
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2, true
	}
	return values[middle], true
}

// cost returns the median of a benchmark's measurements of "ns" or "allocs", and
// whether there are any. They are per item if the benchmark makes many items in an
// iteration, else per iteration.
func (s samples) cost(backend, benchmark, counted string) (float64, bool) {
	for _, unit := range []string{"future", "timer", "iteration", "op"} {
		if value, is := s.median(backend, benchmark, counted+"/"+unit); is {
			return value, true
		}
	}
	return 0, false
}
