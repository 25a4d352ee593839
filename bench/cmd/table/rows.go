package main

import "fmt"

// A row compares a contender's benchmark with another's, and sets limits.
type row struct {
	what      string
	backends  string // "deferred", "future" or "both"
	ours      string // benchmark/contender
	against   string
	bar       float64 // the most that ours/against may be
	allocs    float64 // the most allocations per iteration or item; negative: any
	bytes     float64 // the most bytes per timer; 0: the row compares times
	isContext bool    // shown for comparison, with no bar
	mayLack   bool    // the peer may not be installed
}

// rows are the table, in its order.
func rows() []row {
	none := -1.0
	table := []row{
		{what: "a function through a loop nobody drives and back, against a `chan func()` loop", backends: "both", ours: "RoundTrip/txaio idle", against: "RoundTrip/chan func loop", bar: 1.8, allocs: none},
		{what: "the same, driven loop", backends: "both", ours: "RoundTrip/txaio driven", against: "RoundTrip/chan func loop", bar: 1.5, allocs: none},
		{what: "`Await` of a future that a function on an idle loop settles, against a function that answers on a channel", backends: "both", ours: "RoundTrip/txaio Await", against: "RoundTrip/chan func loop, a channel for each answer", bar: 2.5, allocs: none},
		{what: "the same, against one channel for all answers", backends: "both", ours: "RoundTrip/txaio Await", against: "RoundTrip/chan func loop", isContext: true, allocs: none},
		{what: "create + add + resolve, against an allocation and a call", backends: "deferred", ours: "Settle/txaio", against: "Settle/floor", bar: 2, allocs: 1},
		{what: "the same in a program that uses `Chain`", backends: "deferred", ours: "SettleAfterChain/txaio", against: "Settle/floor", bar: 2, allocs: 1},
		{what: "create + add + resolve + dispatch by a loop nobody drives, against a `chan func()` loop with a buffer of 1,024", backends: "future", ours: "Settle/txaio idle", against: "Settle/chan func loop, buffer 1024", bar: 1.5, allocs: 2},
		{what: "the same, driven loop, against goja_nodejs `RunOnLoop`", backends: "future", ours: "Settle/txaio", against: "Settle/goja_nodejs RunOnLoop", bar: 1, allocs: 2},
		{what: "the same, against a `chan func()` loop", backends: "future", ours: "Settle/txaio", against: "Settle/chan func loop", isContext: true, allocs: none},
		{what: "the same, against a samber/mo future", backends: "both", ours: "Settle/txaio", against: "Settle/mo future", isContext: true, allocs: none},
		{what: "the same, against go-promise", backends: "both", ours: "Settle/txaio", against: "Settle/go-promise", isContext: true, allocs: none},
		{what: "`Then` of a future, against a second future made by hand", backends: "both", ours: "Then/txaio", against: "Then/by hand", bar: 1.1, allocs: 3},
		{what: "`Go`, against `go` and a channel", backends: "both", ours: "Go/txaio", against: "Go/go and a channel", bar: 2, allocs: none},
		{what: "`CallSoon`, against a `chan func()` loop", backends: "both", ours: "CallSoon/txaio", against: "CallSoon/chan func loop", bar: 0.5, allocs: 0},
	}
	for _, n := range []int{1, 8, 64} {
		table = append(table, row{
			what: fmt.Sprintf("`CallSoon` with producers, against a `chan func()` loop with a buffer of 1,024 and as many: %d", n), backends: "both",
			ours: fmt.Sprintf("Producers/txaio %d", n), against: fmt.Sprintf("Producers/chan func loop %d", n), bar: 0.5, allocs: none,
		})
	}
	for _, n := range []int{0, 1_000_000} {
		table = append(table, row{
			what: fmt.Sprintf("`CallLater` + `Cancel`, against `time.AfterFunc` + `Stop`, %d outstanding", n), backends: "both",
			ours:    fmt.Sprintf("TimerCancel/txaio CallLater, %d outstanding", n),
			against: fmt.Sprintf("TimerCancel/time.AfterFunc, %d outstanding", n), bar: 1, allocs: 1,
		})
	}
	table = append(table,
		row{what: "batched `CallLater`, 1,000,000 outstanding, against `time.AfterFunc`", backends: "both", ours: "TimerSetAmong/txaio batched", against: "TimerSetAmong/time.AfterFunc", bar: 0.5, allocs: 1},
		row{what: "memory of a batched timer, 1,000,000 outstanding, against `time.AfterFunc`", backends: "both", ours: "TimerMemory/txaio batched 1000000", against: "TimerMemory/time.AfterFunc 1000000", bytes: 96, allocs: none},
		row{what: "batched `CallLater`, against `time.AfterFunc`, from 0 outstanding", backends: "both", ours: "TimerSet/txaio batched", against: "TimerSet/time.AfterFunc", isContext: true, allocs: none},
		row{what: "batched `CallLater` + `Cancel`, against `time.AfterFunc` + `Stop`, 1,000,000 outstanding", backends: "both", ours: "TimerCancel/txaio batched, 1000000 outstanding", against: "TimerCancel/time.AfterFunc, 1000000 outstanding", bar: 0.5, allocs: 1},
		row{what: "the same, of a bucket's only call, 0 outstanding", backends: "both", ours: "TimerCancel/txaio batched, 0 outstanding", against: "TimerCancel/time.AfterFunc, 0 outstanding", isContext: true, allocs: none},
		row{what: "gather of 1,000, a future, all included, against the floor", backends: "both", ours: "Gather/txaio 1000", against: "Gather/floor", bar: 4, allocs: 4},
		row{what: "gather of 1,000,000, against gather of 1,000", backends: "both", ours: "Gather/txaio 1000000", against: "Gather/txaio 1000", bar: 1.5, allocs: none},
		row{what: "gather of 1,000, against errgroup", backends: "both", ours: "Gather/txaio 1000", against: "Gather/errgroup 1000", isContext: true, allocs: none},
		row{what: "gather of 1,000, against conc's ResultPool", backends: "both", ours: "Gather/txaio 1000", against: "Gather/conc ResultPool 1000", isContext: true, allocs: none},
		row{what: "disabled `Debug`, against slog's `LogAttrs`", backends: "both", ours: "LogDisabled/txaio", against: "LogDisabled/slog LogAttrs", bar: 1, allocs: 0},
		row{what: "the same with `slog.Int`, against it with `slog.String`", backends: "both", ours: "LogDisabled/txaio, slog.Int", against: "LogDisabled/txaio", isContext: true, allocs: none},
		row{what: "disabled `Debug`, against logrus", backends: "both", ours: "LogDisabled/txaio", against: "LogDisabled/logrus", isContext: true, allocs: none},
		row{what: "disabled `Debug`, against zap", backends: "both", ours: "LogDisabled/txaio", against: "LogDisabled/zap", isContext: true, allocs: none},
		row{what: "disabled `Debug`, against zerolog", backends: "both", ours: "LogDisabled/txaio", against: "LogDisabled/zerolog", isContext: true, allocs: none},
		row{what: "`Info`, against logrus", backends: "both", ours: "LogInfo/txaio", against: "LogInfo/logrus", bar: 1.2, allocs: none},
		row{what: "`Info` to a slog handler, against `LogAttrs` with `Sprintf`", backends: "both", ours: "LogInfo/txaio to slog", against: "LogInfo/slog LogAttrs and Sprintf", bar: 1.5, allocs: none},
		row{what: "slog's `LogAttrs` of 20 attributes after `StartLogging`, against a `TextHandler`", backends: "both", ours: "LogBridge/txaio", against: "LogBridge/slog TextHandler", bar: 2, allocs: none},
		row{what: "`Info`, against slog's `LogAttrs`", backends: "both", ours: "LogInfo/txaio", against: "LogInfo/slog LogAttrs", isContext: true, allocs: none},
		row{what: "`Info`, against zap", backends: "both", ours: "LogInfo/txaio", against: "LogInfo/zap", isContext: true, allocs: none},
		row{what: "`Info`, against zerolog", backends: "both", ours: "LogInfo/txaio", against: "LogInfo/zerolog", isContext: true, allocs: none},
	)
	for _, python := range [][2]string{
		{"Settle", "txaio"},
		{"CallSoon", "txaio"},
		{"TimerCancel", "txaio CallLater, 0 outstanding"},
		{"TimerSet", "txaio batched"},
		{"BatchedCancel", "txaio"},
		{"Gather", "txaio 1000"},
		{"LogDisabled", "txaio"},
		{"LogInfo", "txaio StartLogging"},
	} {
		table = append(table, row{
			what: python[0] + ", against Python's txaio", backends: "both",
			ours: python[0] + "/" + python[1], against: python[0] + "/python txaio", bar: 0.1, allocs: none, mayLack: true,
		})
	}
	return table
}
