package main

import (
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// settle waits until there are no more than want goroutines and the garbage
// collector frees nothing more. It returns the number of goroutines and the memory
// in use.
func settle(want int) (goroutines int, memory uint64) {
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	// One collection is not enough. It runs cleanups, and only the next one
	// frees what they release. A pool keeps its items for two collections. Each
	// processor sweeps its stopped timers only when it has something to do.
	memory = math.MaxUint64
	for unchanged := 0; unchanged < 40; unchanged++ {
		runtime.GC()
		var busy sync.WaitGroup
		for range 8 * runtime.GOMAXPROCS(0) {
			busy.Go(func() { time.Sleep(5 * time.Millisecond) })
		}
		busy.Wait()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		if stats.HeapAlloc < memory {
			memory, unchanged = stats.HeapAlloc, 0
		}
	}
	return runtime.NumGoroutine(), memory
}

// keepGoroutines starts as many goroutines as the load ever has at a time. The
// runtime never frees their descriptors, so they must be there at the start.
func keepGoroutines() {
	release := make(chan struct{})
	var ended sync.WaitGroup
	for range 2 * loopWave {
		ended.Go(func() { <-release })
	}
	close(release)
	ended.Wait()
}

func kib(bytes uint64) float64 { return float64(bytes) / 1024 }

// peak returns the most memory that the process ever had, if the system reports it.
func peak() string {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown size"
}
