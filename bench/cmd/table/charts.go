package main

import (
	"fmt"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// A chart shows how a cost grows with a number.
type chart struct {
	file, title, x, y string
	benchmark, unit   string
	numbers           []int
	lines             []line
	throughput        bool // millions per second instead of nanoseconds
}

// A line of a chart is a contender, under one backend.
type line struct{ name, backend, contender string }

func bothBackends(contender string) []line {
	return []line{{contender + " (deferred)", "deferred", contender}, {contender + " (future)", "future", contender}}
}

var timerLines = []line{
	{"txaio batched", "future", "txaio batched"},
	{"txaio CallLater", "future", "txaio CallLater"},
	{"time.AfterFunc", "future", "time.AfterFunc"},
}

var allCharts = []chart{
	{
		file: "gather.svg", title: "Gather: time a future", x: "futures in the gather", y: "ns",
		benchmark: "Gather", unit: "ns/future", numbers: []int{10, 100, 1_000, 10_000, 100_000, 1_000_000},
		lines: bothBackends("txaio"),
	},
	{
		file: "timers-time.svg", title: "Timers: time to set one", x: "outstanding timers", y: "ns",
		benchmark: "TimerMemory", unit: "ns/timer", numbers: []int{1_000, 10_000, 100_000, 1_000_000}, lines: timerLines,
	},
	{
		file: "timers-memory.svg", title: "Timers: memory", x: "outstanding timers", y: "bytes a timer",
		benchmark: "TimerMemory", unit: "B/timer", numbers: []int{1_000, 10_000, 100_000, 1_000_000}, lines: timerLines,
	},
	{
		file: "producers.svg", title: "Loop: throughput of CallSoon", x: "producers", y: "millions a second",
		benchmark: "Producers", unit: "ns/op", numbers: []int{1, 2, 4, 8, 16, 32, 64}, throughput: true,
		lines: []line{{"txaio", "future", "txaio"}, {"chan func() loop", "future", "chan func loop"}},
	},
}

// charts draws the charts into dir.
func charts(dir string, results samples) error {
	for _, c := range allCharts {
		if err := c.draw(dir, results); err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
	}
	return nil
}

func (c chart) draw(dir string, results samples) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min = 0
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	var series []any
	for _, l := range c.lines {
		var points plotter.XYs
		for _, n := range c.numbers {
			value, ok := results.median(l.backend, fmt.Sprintf("%s/%s %d", c.benchmark, l.contender, n), c.unit)
			if !ok {
				continue
			}
			if c.throughput {
				value = 1e3 / value
			}
			points = append(points, plotter.XY{X: float64(n), Y: value})
			p.Y.Max = max(p.Y.Max, 1.2*value)
		}
		if len(points) > 0 {
			series = append(series, l.name, points)
		}
	}
	if err := plotutil.AddLinePoints(p, series...); err != nil {
		return err
	}
	return p.Save(16*vg.Centimeter, 10*vg.Centimeter, filepath.Join(dir, c.file))
}
