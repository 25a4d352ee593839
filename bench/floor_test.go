package bench

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/txaio-go/txaio"
)

// sink forces values that are assigned to it onto the heap.
var sink any

// sameSize is as large as a future, and has pointers, as a future does.
type sameSize struct {
	_ *int
	_ [unsafe.Sizeof(txaio.Future[int]{}) - unsafe.Sizeof(uintptr(0))]byte
}

// callback is the callback of the futures.
func callback(value int) (int, error) {
	total += value
	return value, nil
}

var total int

// direct is callback in a variable, so that the compiler cannot inline it.
var direct = callback

// floor is the least that a future can cost: an allocation of its size, and the
// call of its callback.
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

// each calls run, which makes n items, again and again, and reports the time and
// the allocations per item. It calls run once before, so that the heap has grown to
// its size.
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
