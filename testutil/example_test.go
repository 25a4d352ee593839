package testutil_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
	"github.com/txaio-go/txaio/testutil"
)

// A test looks like TestTimeout.
func Example() {
	TestTimeout := func(t testing.TB) {
		loop := testutil.UseLoop(t)
		f := txaio.AddTimeout(txaio.CreateFuture[string](), 5*time.Second)
		loop.Advance(10 * time.Second) // everything that had to run has run
		if _, err := txaio.Await(t.Context(), f); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("failed with %v, want a timeout", err)
		}
	}

	t := new(exampletest.TB)
	TestTimeout(t)
	t.End()
	fmt.Println("failed:", t.Failed())
	// Output: failed: false
}

func ExampleUseLoop() {
	t := new(exampletest.TB) // in a test, its *testing.T
	defer t.End()

	loop := testutil.UseLoop(t)
	slept := txaio.Sleep(5 * time.Second)
	loop.Advance(10 * time.Second)
	fmt.Println(slept)
	// Output: Future[struct {}] succeeded
}

func ExampleAwait() {
	t := new(exampletest.TB) // in a test, its *testing.T
	defer t.End()

	loop := testutil.UseLoop(t)
	answer := txaio.CreateFuture[int]()
	txaio.CallLater(time.Hour, func() { txaio.Resolve(answer, 42) })
	n, err := testutil.Await(t, answer)
	fmt.Println(n, err, "after", loop.Now().Sub(time.Unix(0, 0)))
	// Output: 42 <nil> after 1h0m0s
}

func ExampleCaptureLog() {
	t := new(exampletest.TB) // in a test, its *testing.T
	defer t.End()

	log := testutil.CaptureLog(t)
	txaio.MakeLogger().Warn("{n} carrots are left", slog.Int("n", 2))
	for _, entry := range log.Entries() {
		fmt.Println(entry.Level, entry.Message, entry.Attr("n"))
	}
	// Output: warn 2 carrots are left 2
}

// For code that has no *testing.T: UseLoop is easier in tests.
func ExampleReplaceLoop() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	fmt.Println(txaio.CurrentLoop() == txaio.EventLoop(loop))
	// Output: true
}

func ExampleNewTestLoop() {
	loop := testutil.NewTestLoop()
	loop.CallLater(time.Minute, func() { fmt.Println("a minute has passed") })
	loop.Advance(time.Minute)
	// Output: a minute has passed
}

func ExampleTestLoop_Advance() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	slept := txaio.Sleep(5 * time.Second)
	txaio.Watch(slept, func(struct{}) { fmt.Println("awake at", loop.Now().Format(time.TimeOnly)) }, nil)

	loop.Advance(4 * time.Second)
	fmt.Println("slept enough:", txaio.IsCalled(slept))
	loop.Advance(4 * time.Second)
	fmt.Println("slept enough:", txaio.IsCalled(slept))
	// Output:
	// slept enough: false
	// awake at 00:00:05
	// slept enough: true
}

func ExampleTestLoop_RunUntilIdle() {
	loop := testutil.NewTestLoop()
	loop.CallSoon(func() {
		fmt.Println("first")
		loop.CallSoon(func() { fmt.Println("second") })
	})
	loop.CallLater(time.Second, func() { fmt.Println("the clock does not move") })
	loop.RunUntilIdle()
	// Output:
	// first
	// second
}

// RunOnce runs exactly one turn.
func ExampleTestLoop_RunOnce() {
	loop := testutil.NewTestLoop()
	loop.CallSoon(func() {
		fmt.Println("first")
		loop.CallSoon(func() { fmt.Println("second") })
	})
	loop.RunOnce()
	fmt.Println("one turn has run")
	// Output:
	// first
	// one turn has run
}
