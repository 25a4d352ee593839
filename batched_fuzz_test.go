//go:build deferred || future

package txaio_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/conformance"
	"github.com/txaio-go/txaio/testutil"
)

// A batched timer does what a list of calls does that is looked through again
// and again.
func FuzzBatchedTimer(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for n := range 100 { // inputs to start from, the same each time
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

// another is the call that a call makes.
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

// modelBatches is what a batched timer should do, from its documentation. A
// call waits for its bucket; the bucket begins at its time and makes chunks,
// each with a time; what is earliest runs, and of the same time what was there
// first.
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

// waiting returns the bucket of a time where it has not begun.
func (m *modelBatches) waiting(bucket time.Duration) *bucketModel {
	for _, d := range m.due {
		if d.bucket == bucket && !d.begun {
			return d
		}
	}
	return nil
}

// members are the calls that wait for a bucket.
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
