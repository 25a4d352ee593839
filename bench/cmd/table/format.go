package main

import (
	"fmt"
	"math"
	"strings"
)

// format makes the table, and counts the rows that are over their bars.
func format(results samples) (table string, over int) {
	var text strings.Builder
	text.WriteString("| what | backend | txaio | the other | ratio | bar | |\n| --- | --- | --: | --: | --: | --- | --- |\n")
	for _, r := range rows() {
		for _, backend := range backends {
			if r.backends != "both" && r.backends != backend {
				continue
			}
			line, ok := r.format(results, backend)
			if !ok {
				over++
			}
			text.WriteString(line)
		}
	}
	return text.String(), over
}

// format makes the row's line for a backend. ok is false if the row is over its
// bar or was not measured. If the peer may be missing, and is, there is no line.
func (r row) format(results samples, backend string) (line string, ok bool) {
	counted, number := "ns", nanoseconds
	if r.bytes > 0 {
		counted, number = "B", bytes
	}
	ours, measured := results.cost(backend, r.ours, counted)
	against, alsoMeasured := results.cost(backend, r.against, counted)
	switch {
	case measured && !alsoMeasured && r.mayLack:
		return "", true
	case !measured || !alsoMeasured:
		return fmt.Sprintf("| %s | %s | | | | %s | NOT MEASURED |\n", r.what, backend, r.limits()), false
	}
	ratio := ours / against
	cost := number(ours)
	switch {
	case r.isContext:
		ok = true
	case r.bytes > 0:
		ok = ours <= r.bytes
	default:
		ok = ratio <= r.bar
	}
	if r.allocs >= 0 {
		allocs, counted := results.cost(backend, r.ours, "allocs")
		cost += fmt.Sprintf(", %.4g allocs", math.Round(100*allocs)/100)
		ok = ok && counted && allocs <= r.allocs+0.01 // a queue may grow once
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %.2f | %s | %s |\n",
		r.what, backend, cost, number(against), ratio, r.limits(), r.mark(ok)), ok
}

func (r row) mark(ok bool) string {
	switch {
	case r.isContext:
		return ""
	case ok:
		return "ok"
	}
	return "OVER"
}

// limits returns the row's bar as text.
func (r row) limits() string {
	switch {
	case r.isContext:
		return ""
	case r.bytes > 0:
		return bytes(r.bytes)
	case r.allocs < 0:
		return fmt.Sprintf("%.4g", r.bar)
	}
	return fmt.Sprintf("%.4g, %.0f allocs", r.bar, r.allocs)
}

func bytes(n float64) string { return fmt.Sprintf("%.0f B", n) }

func nanoseconds(ns float64) string {
	if ns < 100 {
		return fmt.Sprintf("%.1f ns", ns)
	}
	return fmt.Sprintf("%.0f ns", ns)
}
