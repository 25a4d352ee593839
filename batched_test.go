//go:build deferred || future

package txaio_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/jonboulle/clockwork"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/conformance"
	"github.com/txaio-go/txaio/testutil"
)

// countingLoop counts the timers that are made and cancelled, and keeps the delay of
// the last one.
type countingLoop struct {
	*testutil.TestLoop
	made, cancelled int
	delay           time.Duration
}

func newCountingLoop(t testing.TB, opts ...txaio.LoopOption) *countingLoop {
	l := &countingLoop{TestLoop: testutil.NewTestLoop(opts...)}
	t.Cleanup(testutil.ReplaceLoop(l))
	return l
}

func (l *countingLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	l.made++
	l.delay = delay
	return countedCall{l, l.TestLoop.CallLater(delay, fn)}
}

type countedCall struct {
	l *countingLoop
	txaio.DelayedCall
}

func (c countedCall) Cancel() bool {
	c.l.cancelled++
	return c.DelayedCall.Cancel()
}

// at returns a function that notes when it is called.
func (l *countingLoop) at(n *notes, name any) func() {
	return func() { n.add("%v@%v", name, l.Now().Sub(time.Unix(0, 0))) }
}

func TestBatchedTimerRounds(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		bucket, now, delay, down, up time.Duration
	}{
		{time.Second, 0, 0, 0, 0},
		{time.Second, 0, 1, 0, 1000 * ms},
		{time.Second, 0, 999 * ms, 0, 1000 * ms},
		{time.Second, 0, 1000 * ms, 1000 * ms, 1000 * ms},
		{time.Second, 0, 1999 * ms, 1000 * ms, 2000 * ms},
		{time.Second, 0, -time.Hour, 0, 0},
		{time.Second, 700 * ms, 200 * ms, 700 * ms, 1000 * ms}, // never before now
		{time.Second, 700 * ms, 300 * ms, 1000 * ms, 1000 * ms},
		{time.Second, 700 * ms, 1299 * ms, 1000 * ms, 2000 * ms},
		{time.Second, 700 * ms, -time.Second, 700 * ms, 1000 * ms},
		{5 * time.Second, 0, 4999 * ms, 0, 5 * time.Second},
		{5 * time.Second, 0, 5 * time.Second, 5 * time.Second, 5 * time.Second},
		{5 * time.Second, 3200 * ms, 1799 * ms, 3200 * ms, 5 * time.Second},
		{5 * time.Second, 3200 * ms, 1800 * ms, 5 * time.Second, 5 * time.Second},
		{5 * time.Second, 3200 * ms, 20 * time.Second, 20 * time.Second, 25 * time.Second},
		{10 * time.Second, 4999 * ms, 5 * time.Second, 4999 * ms, 10 * time.Second},
		{100 * ms, 30 * ms, 69 * ms, 30 * ms, 100 * ms},
		{100 * ms, 30 * ms, 70 * ms, 100 * ms, 100 * ms},
		{100 * ms, 12345 * ms, 1055 * ms, 13400 * ms, 13400 * ms},
		{250 * ms, 1100 * ms, 149 * ms, 1100 * ms, 1250 * ms},
		{250 * ms, 1100 * ms, 150 * ms, 1250 * ms, 1250 * ms},
		{250 * ms, 1100 * ms, 1000 * ms, 2000 * ms, 2250 * ms},
		{ms, 0, 1500 * time.Microsecond, ms, 2 * ms},
		{ms, 7*ms + 1, ms - 2, 7*ms + 1, 8 * ms},
		{ms, 7*ms + 1, ms, 8 * ms, 9 * ms},
		{1, 7, 3, 10, 10},
		{time.Second, -10500 * ms, 200 * ms, -10500 * ms, -10 * time.Second}, // before the epoch
		{time.Second, -10500 * ms, 3 * time.Second, -8 * time.Second, -7 * time.Second},
		{time.Second, -10500 * ms, 2500 * ms, -8 * time.Second, -8 * time.Second},
	} {
		for opt, want := range map[string]time.Duration{"": c.down, "RoundUp": c.up} {
			clock := clockwork.NewFakeClockAt(time.Unix(0, 0).Add(c.now))
			l := newCountingLoop(t, txaio.WithClock(clock))
			timer := txaio.MakeBatchedTimer(c.bucket, 0)
			if opt != "" {
				timer = txaio.MakeBatchedTimer(c.bucket, 0, txaio.RoundUp())
			}
			var got notes
			timer.CallLater(c.delay, l.at(&got, "call"))
			timer.CallLater(c.delay, l.at(&got, "call")) // for the bucket that was used last
			l.Advance(time.Minute)
			call := fmt.Sprint("call@", want)
			if !slices.Equal(got.all(), []string{call, call}) || l.made != 1 {
				t.Errorf("buckets of %v %s, at %v, CallLater(%v) twice: %q, not %q, with %d timers", c.bucket, opt, c.now, c.delay, got.all(), call, l.made)
			}
		}
	}
}

// farAway are times near and beyond the limits of an int64 of nanoseconds since the
// epoch.
var farAway = map[string]time.Time{
	"the year 1":    {},
	"before 1678":   time.Unix(0, math.MinInt64).Add(-30 * time.Second),
	"the epoch":     time.Unix(0, 0),
	"today":         time.Date(2026, 7, 1, 12, 0, 0, 1, time.UTC),
	"before 2262":   time.Unix(0, math.MaxInt64).Add(-30 * time.Second),
	"the year 2500": time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC),
	"the year 9999": time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
}

// With any clock, delay and bucket, a call runs less than a bucket before its time,
// but not before now. With RoundUp it runs less than a bucket after its time.
func TestBatchedTimerAtTheEndsOfTime(t *testing.T) {
	lengths := []time.Duration{1, 7, time.Second, time.Hour, math.MaxInt64/2 + 1, math.MaxInt64 - 1, math.MaxInt64}
	for name, now := range farAway {
		for _, bucket := range lengths {
			for _, delay := range append(lengths, math.MinInt64, -1, 0) {
				due := max(delay, 0)
				for _, up := range []bool{false, true} {
					l := newCountingLoop(t, txaio.WithClock(clockwork.NewFakeClockAt(now)))
					earliest, latest := max(due-(bucket-1), 0), due
					var opts []txaio.BatchOption
					if up {
						opts = append(opts, txaio.RoundUp())
						earliest, latest = due, due+bucket-1
						if latest < due {
							latest = math.MaxInt64
						}
					}
					var got notes
					timer := txaio.MakeBatchedTimer(bucket, 0, opts...)
					timer.CallLater(delay, got.noting("one"))
					timer.CallLater(delay, got.noting("two"))
					if l.made != 1 || l.delay < earliest || l.delay > latest {
						t.Errorf("%s: buckets of %v, RoundUp %t, a delay of %v: %d timers, of %v, not one of %v to %v",
							name, bucket, up, delay, l.made, l.delay, earliest, latest)
					}
					l.Advance(math.MaxInt64)
					got.expect(t, "one", "two")
				}
			}
		}
	}
}

// The same holds while the clock passes the limits of nanoseconds in an int64.
func TestBatchedTimerPassesTheEndsOfTime(t *testing.T) {
	const delay, bucket = 10 * time.Second, 4 * time.Second
	for name, start := range farAway {
		for _, up := range []bool{false, true} {
			l := newCountingLoop(t, txaio.WithClock(clockwork.NewFakeClockAt(start)))
			earliest, latest := delay-bucket+1, delay
			var opts []txaio.BatchOption
			if up {
				opts = append(opts, txaio.RoundUp())
				earliest, latest = delay, delay+bucket-1
			}
			timer := txaio.MakeBatchedTimer(bucket, 0, opts...)
			ran := 0
			for range 120 {
				set := l.Now()
				timer.CallLater(delay, func() {
					ran++
					if after := l.Now().Sub(set); after < earliest || after > latest {
						t.Errorf("%s: RoundUp %t: a call set at %v ran %v later, not %v to %v", name, up, set, after, earliest, latest)
					}
				})
				l.Advance(700 * time.Millisecond)
			}
			l.Advance(time.Minute)
			if ran != 120 {
				t.Errorf("%s: %d of 120 calls ran", name, ran)
			}
			if buckets := 120*700*time.Millisecond/bucket + 3; l.made > int(buckets) {
				t.Errorf("%s: %d timers for at most %d buckets", name, l.made, buckets)
			}
		}
	}
}

func TestBatchedTimerHasOneTimerPerBucket(t *testing.T) {
	l := newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	var got notes
	for i := range 100 {
		timer.CallLater(5*time.Second+time.Duration(i)*time.Millisecond, l.at(&got, "a"))
		timer.CallLater(7*time.Second+time.Duration(i)*time.Millisecond, l.at(&got, "b"))
	}
	if l.made != 2 {
		t.Errorf("%d timers for 2 buckets", l.made)
	}
	l.Advance(10 * time.Second)
	if l.made != 2 {
		t.Errorf("%d timers for 2 buckets of one chunk", l.made)
	}
	want := append(slices.Repeat([]string{"a@5s"}, 100), slices.Repeat([]string{"b@7s"}, 100)...)
	got.expect(t, want...)

	// A call for a bucket that has begun gets a new bucket, which is due at once.
	timer.CallLater(0, l.at(&got, "late"))
	l.Advance(0)
	l.RunOnce()
	if all := got.all(); all[len(all)-1] != "late@10s" {
		t.Errorf("a call for the bucket of now: %s", all[len(all)-1])
	}
}

func TestBatchedTimerSpreadsChunks(t *testing.T) {
	for _, c := range []struct {
		bucket       time.Duration
		chunk, count int
	}{
		{time.Second, 1, 10}, {time.Second, 2, 10}, {time.Second, 2, 3}, {time.Second, 3, 10},
		{time.Second, 100, 100}, {time.Second, 100, 101}, {5 * time.Second, 100, 250},
		{time.Second, 0, 100}, {time.Second, 0, 250}, {100 * time.Millisecond, 1, 7},
		{time.Second, math.MaxInt, 4}, {time.Second, math.MaxInt, 1}, {time.Second, math.MaxInt - 2, 4}, {1, 1, 4}, {10, 2, 9},
	} {
		l := newCountingLoop(t)
		timer := txaio.MakeBatchedTimer(c.bucket, c.chunk)
		var got notes
		for i := range c.count {
			timer.CallLater(10*time.Second, l.at(&got, i))
		}
		l.Advance(time.Minute)

		chunk := c.chunk
		if chunk == 0 {
			chunk = 100
		}
		chunks := (c.count-1)/chunk + 1
		var want []string
		for i := range c.count {
			when := 10*time.Second + time.Duration(i/chunk)*(c.bucket/time.Duration(chunks))
			want = append(want, fmt.Sprintf("%d@%v", i, when))
		}
		if !slices.Equal(got.all(), want) {
			t.Errorf("%d calls in chunks of %d, bucket %v:\n got %q\nwant %q", c.count, c.chunk, c.bucket, got.all(), want)
		}
	}
}

func TestBatchedTimerCancel(t *testing.T) {
	l := newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	var got notes
	calls := make([]txaio.DelayedCall, 6)
	for i := range calls {
		calls[i] = timer.CallLater(time.Second, l.at(&got, i))
	}
	for _, i := range []int{0, 3, 2, 5} { // first, middle, next to a gap, last
		if !calls[i].Cancel() {
			t.Errorf("Cancel() of %d = false", i)
		}
		if calls[i].Cancel() {
			t.Errorf("second Cancel() of %d = true", i)
		}
	}
	calls = append(calls, timer.CallLater(time.Second, l.at(&got, 6)))
	only := timer.CallLater(time.Minute, l.at(&got, "only"))
	if !only.Cancel() || l.made != 2 || l.cancelled != 1 {
		t.Errorf("the only call of a bucket cancelled: %d timers were made and %d cancelled", l.made, l.cancelled)
	}
	timer.CallLater(time.Minute, l.at(&got, "another")) // a new bucket
	l.Advance(time.Second)
	got.expect(t, "1@1s", "4@1s", "6@1s")
	for i, call := range calls {
		if call.Cancel() {
			t.Errorf("after the run Cancel() of %d = true", i)
		}
	}
	calls[1] = timer.CallLater(0, l.at(&got, "last"))
	calls[0].Cancel()
	l.Advance(time.Hour)
	got.expect(t, "1@1s", "4@1s", "6@1s", "last@1s", "another@1m0s")
	if l.cancelled != 1 {
		t.Errorf("%d real timers were cancelled", l.cancelled)
	}
}

// Once a bucket has begun, its calls cannot be cancelled, as in Python's txaio.
func TestBatchedTimerCancelOnceTheBucketHasBegun(t *testing.T) {
	l := newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 1)
	var got notes
	var calls [3]txaio.DelayedCall
	calls[0] = timer.CallLater(time.Second, func() {
		got.add("%t %t", calls[0].Cancel(), calls[1].Cancel())
	})
	for i := range calls[1:] {
		calls[i+1] = timer.CallLater(time.Second, l.at(&got, i+1))
	}
	l.Advance(time.Second)
	if calls[2].Cancel() {
		t.Error("between two chunks Cancel() = true")
	}
	l.Advance(time.Second)
	got.expect(t, "false false", fmt.Sprint("1@", time.Second+time.Second/3), fmt.Sprint("2@", time.Second+time.Second/3*2))
}

func TestBatchedTimerPanics(t *testing.T) {
	var fails []*txaio.Failure
	l := newCountingLoop(t, txaio.WithExceptionHandler(func(fail *txaio.Failure) { fails = append(fails, fail) }))
	timer := txaio.MakeBatchedTimer(time.Second, 2)
	var got notes
	first, third := errors.New("first"), errors.New("third")
	timer.CallLater(time.Second, func() { panic(first) })
	timer.CallLater(time.Second, l.at(&got, "second"))
	timer.CallLater(time.Second, func() { panicOnPurpose(third) })
	timer.CallLater(time.Second, func() { panic("fourth") })
	timer.CallLater(time.Second, l.at(&got, "fifth"))
	timer.CallLater(3*time.Second, l.at(&got, "another bucket"))
	l.Advance(1500 * time.Millisecond)
	if len(fails) > 0 {
		t.Errorf("before the last chunk the handler got %v", fails)
	}
	l.Advance(time.Minute)
	got.expect(t, "second@1s", fmt.Sprint("fifth@", time.Second+time.Second/3*2), "another bucket@3s")
	if len(fails) != 1 {
		t.Fatalf("the handler got %d failures, not 1", len(fails))
	}
	text := fails[0].Error()
	if want := "Error(s) processing call_later bucket:\nfirst\nthird\nfourth\n"; text != want {
		t.Errorf("the error reads %q, not %q", text, want)
	}
	if !errors.Is(fails[0], first) || !errors.Is(fails[0], third) {
		t.Error("errors.Is does not find what the calls panicked with")
	}
	all, ok := fails[0].Value().(interface{ Unwrap() []error })
	if !ok || len(all.Unwrap()) != 3 {
		t.Fatalf("%T does not unwrap to 3 errors", fails[0].Value())
	}
	var one *txaio.Failure
	if !errors.As(all.Unwrap()[1], &one) {
		t.Fatalf("it unwraps to a %T, not a *Failure", all.Unwrap()[1])
	}
	if frames := txaio.FailureTraceback(one); len(frames) == 0 || !strings.HasSuffix(frames[0].Function, ".panicOnPurpose") {
		t.Errorf("the traceback does not begin where the panic was: %v", frames)
	}
}

func TestBatchedTimerGoexit(t *testing.T) {
	for name, exit := range goexits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := txaio.NewLoop(txaio.WithExceptionHandler(exitingHandler))
				defer testutil.ReplaceLoop(l)()
				timer := txaio.MakeBatchedTimer(time.Second, 2)
				var got notes
				for i := range 5 {
					timer.CallLater(time.Second, func() {
						got.add("%d", i)
						if i%2 == 0 {
							exit()
						}
					})
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				got.expect(t, "0", "1", "2", "3", "4")
				flush(t, l)
			})
		})
	}
}

// A million timeouts, of which all but one in each bucket are cancelled, take a
// moment, and their memory is free again. If cancelling took linear time, this would
// take hours.
func TestBatchedTimerManyCalls(t *testing.T) {
	l := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(l)()
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	before := liveHeapBytes()
	const count, buckets = 1_000_000, 10
	stays := func(i int) bool { return i/buckets == count/buckets/2 }
	ran := 0
	calls := make([]txaio.DelayedCall, count)
	start := time.Now()
	for i := range calls {
		fn := func() { t.Error("a cancelled call ran") }
		if stays(i) {
			fn = func() { ran++ }
		}
		calls[i] = timer.CallLater(time.Duration(i%buckets)*time.Second, fn)
	}
	for i := range calls { // in a mixed order
		if i := int(int64(i) * 7919 % count); !stays(i) && !calls[i].Cancel() {
			t.Fatal("Cancel() = false")
		}
	}
	if took := time.Since(start); took > patience {
		t.Errorf("%d calls made and cancelled took %v", count, took)
	}
	clear(calls)
	calls = nil
	if after := liveHeapBytes(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	l.Advance(time.Minute)
	if ran != buckets {
		t.Errorf("%d calls ran that were not cancelled, want %d", ran, buckets)
	}
	runtime.KeepAlive(timer)
}

func liveHeapBytes() uint64 {
	var stats runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// A call stays on the loop that was current when it was made.
func TestBatchedTimerAndReplacedLoop(t *testing.T) {
	one, other := newCountingLoop(t), newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	var got notes
	txaio.SetLoop(one)
	timer.CallLater(time.Second, one.at(&got, "one"))
	alone := timer.CallLater(5*time.Second, one.at(&got, "cancelled"))
	dropped := timer.CallLater(time.Second, one.at(&got, "dropped"))
	txaio.SetLoop(other)
	timer.CallLater(time.Second, other.at(&got, "other"))
	txaio.SetLoop(one)
	timer.CallLater(time.Second, one.at(&got, "one again"))
	timer.CallLater(5*time.Second, one.at(&got, "five"))
	alone.Cancel() // ends that bucket, and not the new one for the same time
	made := one.made
	timer.CallLater(5*time.Second, one.at(&got, "five again"))
	if one.made != made {
		t.Error("a call for a bucket that there is got a timer of its own")
	}
	if !dropped.Cancel() {
		t.Error("Cancel() = false with the loop replaced")
	}
	other.Advance(time.Second)
	got.expect(t, "other@1s")
	one.Advance(time.Second)
	got.expect(t, "other@1s", "one@1s", "one again@1s")
	if one.cancelled+other.cancelled != 1 {
		t.Error("a timer was cancelled though its bucket had calls")
	}
}

// Each call either runs once or is cancelled.
func TestBatchedTimerConcurrently(t *testing.T) {
	inEachMode(t, func(t *testing.T, l *txaio.Loop) {
		defer testutil.ReplaceLoop(l)()
		timer := txaio.MakeBatchedTimer(time.Millisecond, 7)
		const goroutines, each = 16, 500
		var (
			wg              sync.WaitGroup
			ended           atomic.Int32
			runs, cancelled [goroutines * each]atomic.Int32
		)
		for g := range goroutines {
			wg.Go(func() {
				for i := g * each; i < (g+1)*each; i++ {
					// Buckets with many calls, and with one.
					call := timer.CallLater(time.Duration(i%5*(i%13))*time.Millisecond, func() {
						runs[i].Add(1)
						ended.Add(1)
					})
					for range i % 3 {
						runtime.Gosched()
					}
					if i%4 > 0 && call.Cancel() {
						cancelled[i].Add(1)
						ended.Add(1)
					}
				}
			})
		}
		wg.Wait()
		eventually(t, "each call ran or was cancelled", func() bool { return ended.Load() >= goroutines*each })
		flush(t, l)
		for i := range runs {
			if runs[i].Load()+cancelled[i].Load() != 1 {
				t.Fatalf("call %d ran %d times and was cancelled %d times", i, runs[i].Load(), cancelled[i].Load())
			}
		}
	})
}

// moodyLoop is an EventLoop that panics when it is asked for a timer.
type moodyLoop struct {
	*testutil.TestLoop
	moody bool
}

func (l *moodyLoop) CallLater(delay time.Duration, fn func()) txaio.DelayedCall {
	if l.moody {
		panic("not now")
	}
	return l.TestLoop.CallLater(delay, fn)
}

// If a loop panics once, the bucket does not lose later calls.
func TestBatchedTimerOnLoopThatPanics(t *testing.T) {
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	newCountingLoop(t)
	timer.CallLater(time.Second, func() { t.Error("a call of another loop ran") })
	l := &moodyLoop{testutil.NewTestLoop(), true}
	defer testutil.ReplaceLoop(l)()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the loop's panic disappeared")
			}
		}()
		timer.CallLater(time.Second, func() { t.Error("a call ran that was refused") })
	}()
	l.moody = false
	ran := false
	timer.CallLater(time.Second, func() { ran = true })
	l.Advance(time.Second)
	if !ran {
		t.Error("the call did not run")
	}
}

func TestBatchedTimerMisuse(t *testing.T) {
	api, err := txaio.WithConfig(txaio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	nothing := func() {}
	for _, c := range []struct {
		what string
		call func()
		word string
	}{
		{"a bucket of 0", func() { txaio.MakeBatchedTimer(0, 1) }, "bucket"},
		{"a negative bucket", func() { txaio.MakeBatchedTimer(-time.Second, 1) }, "bucket"},
		{"a negative chunk size", func() { txaio.MakeBatchedTimer(time.Second, -1) }, "chunk"},
		{"a nil option", func() { txaio.MakeBatchedTimer(time.Second, 1, txaio.RoundUp(), nil) }, "option"},
		{"a nil option of an API's", func() { api.MakeBatchedTimer(time.Second, 1, nil) }, "option"},
		{"CallLater(nil)", func() { txaio.MakeBatchedTimer(time.Second, 1).CallLater(0, nil) }, "function"},
		{"a nil timer", func() { (*txaio.BatchedTimer)(nil).CallLater(0, nothing) }, "MakeBatchedTimer"},
		{"a zero timer", func() { new(txaio.BatchedTimer).CallLater(0, nothing) }, "MakeBatchedTimer"},
	} {
		t.Run(c.what, func(t *testing.T) { wantUsageError(t, c.call, c.word) })
	}
}

func TestBatchedTimerOfAPI(t *testing.T) {
	l := newCountingLoop(t)
	api, err := txaio.WithConfig(txaio.Config{Loop: l})
	if err != nil {
		t.Fatal(err)
	}
	var got notes
	l.Advance(700 * time.Millisecond)
	api.MakeBatchedTimer(time.Second, 0).CallLater(time.Second, l.at(&got, "down"))
	api.MakeBatchedTimer(time.Second, 0, txaio.RoundUp()).CallLater(time.Second, l.at(&got, "up"))
	l.Advance(time.Minute)
	got.expect(t, "down@1s", "up@2s")
}

// A panic with nil, which only an old GODEBUG setting allows, is a failure like
// any other.
func TestBatchedTimerNilPanic(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	failures := 0
	l := newCountingLoop(t, txaio.WithExceptionHandler(func(*txaio.Failure) { failures++ }))
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	var got notes
	timer.CallLater(time.Second, func() { panic(nil) })
	timer.CallLater(time.Second, l.at(&got, "second"))
	l.Advance(time.Minute)
	got.expect(t, "second@1s")
	if failures != 1 {
		t.Errorf("the handler got %d failures, not 1", failures)
	}
}

// Setting the current loop again makes no second timer.
func TestBatchedTimerAndSameLoopSetAgain(t *testing.T) {
	l := newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	var got notes
	for i := range 3 {
		txaio.SetLoop(l)
		timer.CallLater(time.Second, l.at(&got, i))
		timer.CallLater(2*time.Second, l.at(&got, i+10))
	}
	if l.made != 2 {
		t.Errorf("%d timers for 2 buckets", l.made)
	}
	l.Advance(time.Minute)
	got.expect(t, "0@1s", "1@1s", "2@1s", "10@2s", "11@2s", "12@2s")
}

// The batched timer keeps one emptied bucket for the next call that needs one. It
// does not keep the bucket's timer, because Drain would wait for that.
func TestBatchedTimerUsesEmptiedBucketAgain(t *testing.T) {
	defer testutil.ReplaceLoop(txaio.NewLoop())()
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	nothing := func() {}
	// One allocation is the loop's timer, the other a share of the array of calls.
	if n := testing.AllocsPerRun(1000, func() { timer.CallLater(time.Hour, nothing).Cancel() }); n > 2 {
		t.Errorf("to set and cancel the only call of a bucket takes %v allocations", n)
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { i++; timer.CallLater(time.Duration(i)*time.Minute, nothing).Cancel() }); n > 2 {
		t.Errorf("to set and cancel the only call of ever new buckets takes %v allocations", n)
	}
}

func TestBatchedTimerKeepsOneEmptiedBucket(t *testing.T) {
	l := newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	nothing := func() { t.Error("a cancelled call ran") }
	const count = 100_000
	calls := make([]txaio.DelayedCall, count)
	before := liveHeapBytes()
	for i := range calls { // one by one, and all at once
		timer.CallLater(time.Duration(i)*time.Minute, nothing).Cancel()
	}
	if after := liveHeapBytes(); after > before+1<<20 {
		t.Errorf("%d buckets emptied one by one: the heap grew from %d to %d bytes", count, before, after)
	}
	for i := range calls {
		calls[i] = timer.CallLater(time.Duration(i)*time.Minute, nothing)
	}
	for i := range calls {
		calls[i].Cancel()
		calls[i] = nil
	}
	if after := liveHeapBytes(); after > before+count*100 {
		t.Errorf("%d buckets emptied at once: the heap grew from %d to %d bytes", count, before, after)
	}
	if l.made != 2*count || l.cancelled != 2*count {
		t.Errorf("%d timers were made and %d cancelled", l.made, l.cancelled)
	}
	runtime.KeepAlive(timer)
	runtime.KeepAlive(calls)
}

// An emptied bucket that is used again has only its new calls, in their order, at
// its new time.
func TestBatchedTimerEmptiedBucketForgets(t *testing.T) {
	l := newCountingLoop(t)
	timer := txaio.MakeBatchedTimer(time.Second, 2)
	var got notes
	var old []txaio.DelayedCall
	for i := range 7 {
		old = append(old, timer.CallLater(5*time.Second, l.at(&got, fmt.Sprint("old", i))))
	}
	for _, call := range old {
		call.Cancel()
	}
	var calls []txaio.DelayedCall
	for i := range 40 {
		calls = append(calls, timer.CallLater(3*time.Second, l.at(&got, i)))
	}
	for _, call := range old {
		if call.Cancel() {
			t.Error("a call that was cancelled before was cancelled again")
		}
	}
	for i := range calls {
		if i != 7 && i != 33 && !calls[i].Cancel() {
			t.Errorf("Cancel() of %d = false", i)
		}
	}
	timer.CallLater(5*time.Second, l.at(&got, "five"))
	l.Advance(time.Minute)
	got.expect(t, "7@3s", "33@3s", "five@5s")
}

// A batched timer does not keep a loop alive that is no longer used, and a loop does
// not keep such a batched timer.
func TestBatchedTimerIsCollected(t *testing.T) {
	nothing := func() {}
	for name, use := range map[string]func(l *txaio.Loop, timer *txaio.BatchedTimer){
		"cancelled": func(_ *txaio.Loop, timer *txaio.BatchedTimer) {
			timer.CallLater(time.Hour, nothing).Cancel()
			timer.CallLater(2*time.Hour, nothing).Cancel()
		},
		"ran": func(l *txaio.Loop, timer *txaio.BatchedTimer) {
			ran := make(chan struct{})
			timer.CallLater(0, func() { close(ran) })
			receive(t, ran, "the call")
			flush(t, l)
		},
	} {
		t.Run(name, func(t *testing.T) {
			used := func() (*txaio.Loop, *txaio.BatchedTimer) {
				l, timer := txaio.NewLoop(), txaio.MakeBatchedTimer(time.Second, 0)
				defer testutil.ReplaceLoop(l)()
				use(l, timer)
				return l, timer
			}
			l, timer := used()
			dropped := weak.Make(timer)
			eventually(t, "the batched timer was collected", func() bool { runtime.GC(); return dropped.Value() == nil })
			runtime.KeepAlive(l)

			l, timer = used()
			loop := weak.Make(l)
			eventually(t, "the loop was collected", func() bool { runtime.GC(); return loop.Value() == nil })
			runtime.KeepAlive(timer)
		})
	}
}

// hastyLoop is an EventLoop that has already begun to run a function when it is
// cancelled.
type hastyLoop struct {
	*testutil.TestLoop
	functions []func()
}

func (l *hastyLoop) CallLater(_ time.Duration, fn func()) txaio.DelayedCall {
	l.functions = append(l.functions, fn)
	return hastyCall{}
}

type hastyCall struct{}

func (hastyCall) Cancel() bool { return false }

// The last call of a bucket is cancelled, and another made for the same time,
// when the loop has just begun to run the bucket.
func TestBatchedTimerEmptiedAsItBegins(t *testing.T) {
	l := &hastyLoop{TestLoop: testutil.NewTestLoop()}
	defer testutil.ReplaceLoop(l)()
	timer := txaio.MakeBatchedTimer(time.Second, 1)
	var got notes
	if !timer.CallLater(5*time.Second, got.noting("cancelled")).Cancel() {
		t.Error("Cancel() = false")
	}
	timer.CallLater(5*time.Second, got.noting("one"))
	if len(l.functions) != 2 {
		t.Fatalf("%d timers for 2 buckets", len(l.functions))
	}
	l.functions[0]()
	got.expect(t)
	timer.CallLater(6*time.Second, got.noting("later"))
	timer.CallLater(5*time.Second, got.noting("two"))
	if len(l.functions) != 3 {
		t.Fatalf("%d timers for 3 buckets", len(l.functions))
	}
	l.functions[1]()
	l.functions[3]() // its second chunk
	got.expect(t, "one", "two")
	l.functions[2]()
	got.expect(t, "one", "two", "later")
}

// A batched timer does the same as a simple model, a list of calls.
func FuzzBatchedTimer(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for n := range 100 { // seed inputs, the same each time
		data := make([]byte, 5*n)
		random.Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1000 {
			return // the model takes the square of it
		}
		choices := conformance.Bytes(data)
		bucket := time.Duration(1+choices.IntN(100)) * 50 * time.Millisecond
		chunk := 1 + choices.IntN(4)
		at := time.Duration(choices.IntN(200)) * 25 * time.Millisecond

		up := choices.IntN(2) == 1

		real, model := newRealBatches(t, bucket, chunk, up), &modelBatches{bucket: bucket, chunk: chunk, up: up}
		real.loop.Advance(at)
		model.advance(at)
		for len(choices) > 0 {
			switch choices.IntN(4) {
			case 0, 1:
				call := batchedCall{
					delay:  time.Duration(choices.IntN(256)-20) * 25 * time.Millisecond,
					panics: choices.IntN(8) == 1,
					again:  choices.IntN(8) == 1,
				}
				real.call(call)
				model.call(call)
			case 2:
				if n := len(model.calls); n > 0 {
					i := choices.IntN(n)
					if got, want := real.made[i].Cancel(), model.cancel(i); got != want {
						t.Fatalf("cancelling call %d at %v = %t, want %t", i, model.now, got, want)
					}
				}
			case 3:
				d := time.Duration(choices.IntN(256)) * 20 * time.Millisecond
				real.loop.Advance(d)
				model.advance(d)
			}
		}
		real.loop.Advance(time.Hour)
		model.advance(time.Hour)
		if !slices.Equal(real.events, model.events) {
			t.Fatalf("buckets of %v, %d at a time, RoundUp %t:\n got %s\nwant %s", bucket, chunk, up, strings.Join(real.events, "; "), strings.Join(model.events, "; "))
		}
	})
}

type batchedCall struct {
	delay         time.Duration
	panics, again bool // again: it makes another call
}

// another is the call that a call with again makes.
var another = batchedCall{delay: 700 * time.Millisecond}

// realBatches is a batched timer on a loop for tests.
type realBatches struct {
	loop   *testutil.TestLoop
	timer  *txaio.BatchedTimer
	made   []txaio.DelayedCall
	events []string
}

func newRealBatches(t *testing.T, bucket time.Duration, chunk int, up bool) *realBatches {
	b := &realBatches{}
	b.loop = testutil.NewTestLoop(txaio.WithExceptionHandler(func(fail *txaio.Failure) {
		lines := strings.Split(strings.TrimSpace(fail.Value().Error()), "\n")
		b.events = append(b.events, fmt.Sprintf("handler got %s at %v", strings.Join(lines[1:], ","), b.now()))
	}))
	t.Cleanup(testutil.ReplaceLoop(b.loop))
	var opts []txaio.BatchOption
	if up {
		opts = append(opts, txaio.RoundUp())
	}
	b.timer = txaio.MakeBatchedTimer(bucket, chunk, opts...)
	return b
}

func (b *realBatches) now() time.Duration { return b.loop.Now().Sub(time.Unix(0, 0)) }

func (b *realBatches) call(c batchedCall) {
	i := len(b.made)
	b.made = append(b.made, nil)
	b.made[i] = b.timer.CallLater(c.delay, func() {
		b.events = append(b.events, fmt.Sprintf("%d at %v", i, b.now()))
		if c.again {
			b.call(another)
		}
		if c.panics {
			panic(fmt.Sprint("p", i))
		}
	})
}

// modelBatches is a model of a batched timer, made from its documentation. A call
// waits for its bucket. The bucket begins at its time and makes chunks, each with a
// time. The earliest bucket or chunk runs next, and of several at the same time the
// one that was made first.
type modelBatches struct {
	bucket time.Duration
	chunk  int
	up     bool
	now    time.Duration
	calls  []*batchedModelCall
	due    []*bucketModel
	events []string
}

type batchedModelCall struct {
	batchedCall
	into time.Duration // the time of its bucket
	done bool          // it has begun, or was cancelled
}

// bucketModel is the beginning of a bucket, or a chunk of one.
type bucketModel struct {
	at, bucket time.Duration
	begun      bool
	left       []int // calls that are still to run
	pause      time.Duration
	panicked   []string
}

func (m *modelBatches) call(c batchedCall) {
	at := m.now + max(c.delay, 0)
	into := at - at%m.bucket
	if m.up && into < at {
		into += m.bucket
	}
	made := &batchedModelCall{batchedCall: c, into: into}
	m.calls = append(m.calls, made)
	if m.waiting(made.into) == nil {
		m.due = append(m.due, &bucketModel{at: max(made.into, m.now), bucket: made.into})
	}
}

// waiting returns the bucket of a time, if it has not begun.
func (m *modelBatches) waiting(bucket time.Duration) *bucketModel {
	for _, d := range m.due {
		if d.bucket == bucket && !d.begun {
			return d
		}
	}
	return nil
}

// members returns the calls that wait for a bucket.
func (m *modelBatches) members(bucket time.Duration) (members []int) {
	for i, c := range m.calls {
		if c.into == bucket && !c.done {
			members = append(members, i)
		}
	}
	return members
}

func (m *modelBatches) cancel(i int) bool {
	c := m.calls[i]
	if c.done {
		return false
	}
	c.done = true
	if len(m.members(c.into)) == 0 {
		m.remove(m.waiting(c.into))
	}
	return true
}

func (m *modelBatches) remove(d *bucketModel) {
	m.due = slices.DeleteFunc(m.due, func(other *bucketModel) bool { return other == d })
}

func (m *modelBatches) advance(d time.Duration) {
	for end := m.now + d; ; {
		var first *bucketModel
		for _, d := range m.due {
			if d.at <= end && (first == nil || d.at < first.at) {
				first = d
			}
		}
		if first == nil {
			m.now = end
			return
		}
		m.now = first.at
		m.remove(first)
		m.run(first)
	}
}

func (m *modelBatches) run(d *bucketModel) {
	if !d.begun {
		d.begun = true
		d.left = m.members(d.bucket)
		for _, i := range d.left {
			m.calls[i].done = true
		}
		d.pause = m.bucket / time.Duration((len(d.left)+m.chunk-1)/m.chunk)
	}
	n := min(m.chunk, len(d.left))
	now := d.left[:n]
	d.left = d.left[n:]
	for _, i := range now {
		m.events = append(m.events, fmt.Sprintf("%d at %v", i, m.now))
		if m.calls[i].again {
			m.call(another)
		}
		if m.calls[i].panics {
			d.panicked = append(d.panicked, fmt.Sprint("p", i))
		}
	}
	switch {
	case len(d.left) > 0:
		d.at = m.now + d.pause
		m.due = append(m.due, d)
	case len(d.panicked) > 0:
		m.events = append(m.events, fmt.Sprintf("handler got %s at %v", strings.Join(d.panicked, ","), m.now))
	}
}
