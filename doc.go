// Package txaio provides futures, event loops, timers and logging with the
// semantics of either Twisted or asyncio. You write a library once, with
// callbacks. The application that builds it chooses, with a build tag:
//
//	go build -tags deferred ./...    # Twisted's semantics
//	go build -tags future ./...      # asyncio's semantics
//
// The package is a Go version of Python's txaio, which makes the same choice
// when a program starts.
//
// Use it to port a library that was written for Twisted, asyncio or txaio, or
// to write a protocol client that has many requests, timeouts and callbacks and
// keeps all its state on one event loop. If you don't need callbacks, you don't
// need this package: in ordinary Go code, goroutines, channels and
// golang.org/x/sync/errgroup are simpler.
//
// # Choosing a backend
//
// Libraries don't set the tag. The application's build does, for the whole
// program: with a -tags flag, or with GOFLAGS=-tags=future in the environment.
// The constants [UsingDeferred] and [UsingFuture] tell which tag was set. A
// program that works on one backend only checks at its start:
//
//	if err := txaio.UseFuture(); err != nil {
//		log.Fatal(err) // it says which flag to build with
//	}
//
// Without a tag, everything compiles, so that editors, go vet and documentation
// sites work. A function that needs a backend then panics with [ErrNoBackend],
// which names both flags. With both tags, the program does not compile.
//
// # Futures and callbacks
//
// A [Future] holds a value that is not known yet. [CreateFuture] makes one,
// [Resolve] and [Reject] settle it, and [AddCallbacks] registers what runs then:
//
//	answer := txaio.CreateFuture[int]()
//	txaio.AddCallbacks(answer,
//		func(n int) (int, error) {
//			fmt.Println("the answer is", n)
//			return n, nil
//		},
//		func(fail *txaio.Failure) (int, error) {
//			fmt.Println("there is no answer:", fail)
//			return 0, fail
//		})
//	txaio.Resolve(answer, 42)
//
// The backends run the same code in different ways. With -tags deferred, Resolve
// calls the callback before it returns, and what the callback returns is the
// argument of the next one. With -tags future, Resolve schedules the callback on
// the event loop, and what it returns is ignored.
//
// Portable code follows one rule: pass on what you were given, and don't depend
// on when callbacks run. A callback ends with "return v, nil" and an errback with
// "return zero, fail". [Watch] does this for you. The command
// github.com/txaio-go/txaio/cmd/txaiovet finds code that breaks the rule.
//
// Every function may be called from any goroutine. Settling a future a second
// time changes nothing and returns [ErrAlreadyCalled].
//
// # Composing futures
//
// To compute something from a future's value, use [Then]. It returns a new
// future and works the same on both backends. [ThenOf] is for functions that
// return a future, [Catch] handles failures:
//
//	page := txaio.ThenOf(login("roy"), func(session string) (*txaio.Future[string], error) {
//		return get(session, "/inbox"), nil
//	})
//	size := txaio.Then(page, func(page string) (int, error) { return len(page), nil })
//	size = txaio.Catch(size, func(fail *txaio.Failure) (int, error) { return 0, nil })
//
// [Gather] waits for a list of futures, [GatherAny] for futures of different
// types. [AsFuture] and [AsFutureOf] call a function and make its panics and
// errors failures.
//
// # Failures
//
// An errback gets a [Failure]. It is an error that has a stack: of the call to
// [CreateFailure] or [Reject], or of the panic. [FailureMessage] and
// [FailureFormatTraceback] print it, and errors.Is and errors.As look inside:
//
//	txaio.Watch(saved, nil, func(fail *txaio.Failure) {
//		fmt.Println(txaio.FailureMessage(fail))
//		fmt.Println("no such file:", errors.Is(fail, fs.ErrNotExist))
//	})
//
// A panic in a callback is a failure with a [*PanicError]. A failure that nobody
// looks at is logged when the garbage collector finds its future.
//
// # Cancelling and timeouts
//
// [Cancel] gives up on a future, which then fails with a [*CancelledError].
// [WithCanceller] sets the function that stops the work. Give one to every
// future that can be cancelled, even if it does nothing: with a canceller, both
// backends refuse a Resolve that comes too late.
//
//	reply := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) {
//		fmt.Println("stop waiting for the reply")
//	}))
//	reply = txaio.AddTimeout(reply, 5*time.Second)
//
// [AddTimeout] cancels the future after a delay. Use the future that it returns,
// which fails with a [*TimeoutError].
//
// # Goroutines and contexts
//
// [Go] runs a function on a new goroutine and returns a future for its result.
// [Await] is the way back: it blocks a goroutine until a future is settled.
// [CancelOnDone] cancels a future when a context ends:
//
//	sum := txaio.Go(func(ctx context.Context) (int, error) { return add(ctx, 1, 2, 3) })
//	txaio.CancelOnDone(ctx, sum)
//	n, err := txaio.Await(ctx, sum)
//
// Cancelling what Go returned ends the function's context. Don't call Await on a
// loop's goroutine: it would block the loop, so it returns [ErrAwaitOnLoop].
//
// # Loops and timers
//
// An event loop runs functions one at a time. [CallSoon] queues a function on the
// current loop, [CallLater] sets a timer:
//
//	ping := txaio.CallLater(time.Hour, func() { fmt.Println("ping") })
//	txaio.CallSoon(func() { fmt.Println("cancelled in time:", ping.Cancel()) })
//
// A [Loop] needs no setup. When nobody drives it, it runs what is due on its own
// goroutine, which exits when there is nothing to run; an idle loop has no
// goroutine, and there is nothing to close. To drive a loop on your goroutine,
// call [Loop.Run] or [RunUntil]. [SetLoop] changes the current loop.
//
// [MakeBatchedTimer] is for thousands of timeouts that don't have to be exact.
// It sets one real timer for all calls in a bucket of time:
//
//	timeouts := txaio.MakeBatchedTimer(100*time.Millisecond, 0, txaio.RoundUp())
//	timeout := timeouts.CallLater(5*time.Second, func() { fmt.Println("timed out") })
//
// # Logging
//
// [MakeLogger] returns a [Logger] that is named after its caller. Its methods
// take a format as Python's str.format does, and slog attributes:
//
//	log := txaio.MakeLogger()
//	log.Info("{name} hops {n:>3} times", slog.String("name", "Roy"), slog.Int("n", 3))
//
// The application decides where entries go: to a slog handler ([SetSlog]), to
// logrus ([SetLogrus]), or as lines to a writer ([StartLogging]). Below its level
// a call allocates nothing.
//
// # Testing
//
// Package testutil has a loop for tests. It runs only when the test says so, on a
// clock that moves only when the test says so:
//
//	loop := testutil.UseLoop(t)
//	slept := txaio.Sleep(5 * time.Second)
//	loop.Advance(10 * time.Second)
//	if !txaio.IsCalled(slept) {
//		t.Error("still asleep after 10 seconds")
//	}
//
// # Shutting down
//
// [Loop.Drain] runs what is still queued, and waits for timers, until nothing is
// left or its context ends:
//
//	answer, err := txaio.RunUntil(ctx, loop, work())
//	fmt.Println(answer, err)
//	fmt.Println("drained:", loop.Drain(ctx))
//
// The guides in the docs folder of the repository say more about writing
// libraries and applications, about tests and about porting from Python.
package txaio
