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
// collector finds nothing more, and returns what there is.
func settle(want int) (goroutines int, memory uint64) {
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	// What a cleanup lets go of is free only the next time, pools keep what
	// they have for two, and each processor sweeps its stopped timers when it
	// has something to do.
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

// keepGoroutines makes as many goroutines as there ever will be at a time. The
// runtime keeps their descriptors for good, to use them again.
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

// peak is the most memory that the process ever had, if the system tells.
func peak() string {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown size"
}
