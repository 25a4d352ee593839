package bench

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/txaio-go/txaio"
)

// sink keeps what is assigned to it on the heap.
var sink any

// sameSize is as large as a future, and has pointers in it too.
type sameSize struct {
	_ *int
	_ [unsafe.Sizeof(txaio.Future[int]{}) - unsafe.Sizeof(uintptr(0))]byte
}

// callback is what the futures' callbacks are.
func callback(value int) (int, error) {
	total += value
	return value, nil
}

var total int

// direct is callback, hidden from the compiler.
var direct = callback

// floor is what a future cannot cost less than: an allocation of its size, and
// the call of its callback.
func floor(b *testing.B) {
	defer allocs(b)()
	for b.Loop() {
		sink = new(sameSize)
		direct(1)
	}
}

// allocs counts the allocations from now on. The function that it returns stops
// the timer and reports them, with the fraction that ReportAllocs drops.
func allocs(b *testing.B) (report func()) {
	before := mallocs()
	b.ResetTimer()
	return func() {
		b.StopTimer()
		b.ReportMetric(float64(mallocs()-before)/float64(b.N), "allocs/iteration")
	}
}

// each runs what makes n of an item, again and again, and reports the time and
// the allocations of one. It runs it once before, so that the heap has the
// memory that it needs.
func each(b *testing.B, n int, item string, run func()) {
	run()
	runtime.GC()
	before := mallocs()
	b.ResetTimer()
	for b.Loop() {
		run()
	}
	items := float64(b.N) * float64(n)
	b.ReportMetric(float64(mallocs()-before)/items, "allocs/"+item)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/items, "ns/"+item)
}

// mallocs returns how many objects the program has allocated.
func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}
