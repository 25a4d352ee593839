//go:build js && wasm

// Command demo is the program of the demonstration page. The page has it twice,
// built with each tag.
package main

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/loops/browserloop"
)

func main() {
	txaio.SetLoop(browserloop.New())
	tag := "deferred"
	if txaio.UsingFuture {
		tag = "future"
	}
	js.Global().Set(tag, map[string]any{
		"run":   js.FuncOf(func(js.Value, []js.Value) any { return browserloop.ToPromise(run(tag)) }),
		"sleep": js.FuncOf(sleep),
	})
	js.Global().Get("document").Call("dispatchEvent", js.Global().Get("CustomEvent").New("loaded", map[string]any{"detail": tag}))
	select {} // the page calls the rest
}

// run runs all parts in a column of the page.
func run(tag string) *txaio.Future[[]txaio.Result[any]] {
	var parts []txaio.AnyFuture
	for name, part := range map[string]func(card) txaio.AnyFuture{
		"greet": greet, "timers": timers, "gather": gather, "fetch": fetch, "busy": busy,
	} {
		c := newCard(name, tag)
		parts = append(parts, txaio.AsFutureOf(func() (*txaio.Future[struct{}], error) {
			return txaio.Then(txaio.GatherAny([]txaio.AnyFuture{part(c)}, true), func([]txaio.Result[any]) (struct{}, error) {
				return struct{}{}, nil
			}), nil
		}))
	}
	return txaio.GatherAny(parts, false)
}

// greet shows what the tag changes.
func greet(c card) txaio.AnyFuture { return Greet("Roy", c.say) }

// timers fire in the order in which they are due, except for a cancelled one.
func timers(c card) txaio.AnyFuture {
	var fired []txaio.AnyFuture
	for _, delay := range []int{600, 200, 800, 1000, 400} {
		mark := c.mark(delay)
		f := txaio.Sleep(time.Duration(delay) * time.Millisecond)
		txaio.Watch(f, func(struct{}) {
			mark("fired")
			c.say(fmt.Sprint(delay))
		}, func(*txaio.Failure) {
			mark("cancelled")
			c.say("cancelled")
		})
		if delay == 800 {
			txaio.CallLater(500*time.Millisecond, func() { txaio.Cancel(f) })
		}
		fired = append(fired, f)
	}
	return txaio.GatherAny(fired, true)
}

var errReset = errors.New("part 5: connection reset")

// gather waits for eight parts, one of which fails.
func gather(c card) txaio.AnyFuture {
	const count = 8
	var parts []*txaio.Future[int]
	done := 0
	c.progress(0)
	for i := range count {
		part := txaio.Then(txaio.Sleep(time.Duration(150+130*((i*5)%count))*time.Millisecond), func(struct{}) (int, error) {
			if done++; i == 4 {
				return 0, errReset
			}
			return 128, nil
		})
		show := func() { c.progress(float64(done) / count) }
		txaio.Watch(part, func(int) { show() }, func(*txaio.Failure) { show() })
		parts = append(parts, part)
	}
	all := txaio.Gather(parts, true)
	txaio.Watch(all, func(results []txaio.Result[int]) {
		size := 0
		for _, result := range results {
			size += result.Value
		}
		c.say(fmt.Sprintf("%d parts, %d kB", len(results), size))
		for _, result := range results {
			if result.Failure != nil {
				c.say(result.Failure.Value().Error())
			}
		}
	}, nil)
	return all
}

// fetch requests a slow page, and gives up.
func fetch(c card) txaio.AnyFuture {
	page := browserloop.Abortable[js.Value](func(signal js.Value) js.Value {
		c.say("GET /slow")
		return js.Global().Call("fetch", "slow", map[string]any{"signal": signal})
	})
	txaio.Watch(txaio.AddTimeout(page, 700*time.Millisecond),
		func(js.Value) { c.say("it came") },
		func(fail *txaio.Failure) { c.say(txaio.FailureMessage(fail)) })
	return page
}

// busy keeps the loop busy for a second. The page paints meanwhile.
func busy(c card) txaio.AnyFuture {
	f := txaio.CreateFuture[int]()
	turns, frames := 0, 0
	end := time.Now().Add(time.Second)
	var paint js.Func
	paint = js.FuncOf(func(js.Value, []js.Value) any {
		frames++
		c.count("turns", turns)
		c.count("frames", frames)
		if !txaio.IsCalled(f) {
			js.Global().Call("requestAnimationFrame", paint)
			return nil
		}
		paint.Release()
		return nil
	})
	js.Global().Call("requestAnimationFrame", paint)
	var again func()
	again = func() {
		if turns++; time.Now().Before(end) {
			txaio.CallSoon(again)
			return
		}
		_ = txaio.Resolve(f, turns)
	}
	txaio.CallSoon(again)
	return f
}

// sleep is a Go function as JavaScript expects one: sleep(milliseconds, {signal})
// returns a promise.
func sleep(_ js.Value, args []js.Value) any {
	f := txaio.Sleep(time.Duration(args[0].Int()) * time.Millisecond)
	if len(args) > 1 {
		ctx, cancel := browserloop.SignalContext(context.Background(), args[1].Get("signal"))
		txaio.CancelOnDone(ctx, f)
		txaio.Watch(f, func(struct{}) { cancel() }, nil)
	}
	return browserloop.ToPromise(f)
}
