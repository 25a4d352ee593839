//go:build deferred || future

package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/internal/exampletest"
	"github.com/txaio-go/txaio/testutil"
)

type page struct{ title string }

type session struct{ user string }

func login(user string) *txaio.Future[*session] { return txaio.CreateFutureSuccess(&session{user}) }

func (s *session) get(url string) *txaio.Future[page] {
	return txaio.CreateFutureSuccess(page{url + " for " + s.user})
}

func load(n int) *txaio.Future[string] { return txaio.CreateFutureSuccess(fmt.Sprint("record ", n)) }

// print prints what becomes of a future.
func print[T any](f *txaio.Future[T]) {
	value, err := txaio.Await(context.Background(), f)
	fmt.Println(value, err)
}

func Example_portingCallbacks() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	onValue := func(n int) (int, error) {
		fmt.Println(n)
		return n, nil
	}
	onFailure := func(fail *txaio.Failure) (int, error) { return 0, fail }

	f := txaio.CreateFuture[int]()
	txaio.AddCallbacks(f, onValue, onFailure)
	err := txaio.Resolve(f, 42)

	loop.RunUntilIdle()
	fmt.Println(err)
	// Output:
	// 42
	// <nil>
}

func title(url string) *txaio.Future[string] {
	got := txaio.ThenOf(login("roy"), func(s *session) (*txaio.Future[page], error) {
		return s.get(url), nil
	})
	return txaio.Then(got, func(p page) (string, error) { return p.title, nil })
}

func titleOf(url string) *txaio.Future[string] {
	return txaio.Go(func(ctx context.Context) (string, error) {
		s, err := txaio.Await(ctx, login("roy"))
		if err != nil {
			return "", err
		}
		p, err := txaio.Await(ctx, s.get(url))
		return p.title, err
	})
}

func Example_portingSteps() {
	print(title("/inbox"))
	print(titleOf("/inbox"))
	// Output:
	// /inbox for roy <nil>
	// /inbox for roy <nil>
}

func Example_portingChaining() {
	text := txaio.CreateFutureSuccess("42")

	number := txaio.Then(text, strconv.Atoi)
	loaded := txaio.ThenOf(number, func(n int) (*txaio.Future[string], error) { return load(n), nil })

	print(loaded)
	// Output: record 42 <nil>
}

func Example_portingErrors() {
	text := txaio.CreateFutureError[string](fs.ErrNotExist)

	text = txaio.Catch(text, func(fail *txaio.Failure) (string, error) {
		if errors.Is(fail, fs.ErrNotExist) {
			return "the default", nil
		}
		return "", fail
	})

	print(text)
	// Output: the default <nil>
}

func Example_portingAsFuture() {
	f := txaio.AsFuture(func() (int, error) { return strconv.Atoi("42") })
	g := txaio.AsFutureOf(func() (*txaio.Future[string], error) { return load(42), nil })

	print(f)
	print(g)
	// Output:
	// 42 <nil>
	// record 42 <nil>
}

func Example_portingThreads() {
	done := make(chan struct{})
	fn := func() { close(done) }
	path := "file"
	hashFile := func(path string) (string, error) { return "the digest of " + path, nil }

	digest := txaio.Go(func(context.Context) (string, error) { return hashFile(path) })
	txaio.CallSoon(fn)

	<-done
	print(digest)
	// Output: the digest of file <nil>
}

func Example_portingGather() {
	all := txaio.Gather([]*txaio.Future[string]{load(1), load(2)}, true)

	results, err := txaio.Await(context.Background(), all)
	fmt.Println(results[0].Value, results[1].Value, err)
	// Output: record 1 record 2 <nil>
}

func Example_portingTimeouts() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	stop := func() { fmt.Println("stopped") }

	reply := txaio.CreateFuture(txaio.WithCanceller(func(*txaio.Future[string]) { stop() }))
	limited := txaio.AddTimeout(reply, 5*time.Second)
	txaio.Cancel(limited)

	loop.RunUntilIdle()
	_, err := txaio.Await(context.Background(), limited)
	fmt.Println(errors.Is(err, txaio.ErrCancelled))
	// Output:
	// stopped
	// true
}

func Example_portingTimers() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()
	fn := func() { fmt.Println("at", loop.Now().Format(time.TimeOnly)) }

	call := txaio.CallLater(5*time.Second, fn)
	slept := txaio.Sleep(5 * time.Second)
	timer := txaio.MakeBatchedTimer(time.Second, 0)
	ping := timer.CallLater(5*time.Second, fn)

	loop.Advance(10 * time.Second)
	fmt.Println(slept, call.Cancel(), ping.Cancel())
	// Output:
	// at 00:00:05
	// at 00:00:05
	// Future[struct {}] succeeded false false
}

func Example_portingProgram() {
	defer txaio.SetLoop(nil)
	ctx := context.Background()
	start := func() *txaio.Future[int] { return txaio.CreateFutureSuccess(42) }

	loop := txaio.NewLoop()
	txaio.SetLoop(loop)
	answer, err := txaio.RunUntil(ctx, loop, start())

	fmt.Println(answer, err)
	// Output: 42 <nil>
}

func Example_portingTests() {
	t := new(exampletest.TB)
	defer t.End()

	loop := testutil.UseLoop(t)
	slept := txaio.Sleep(5 * time.Second)
	loop.Advance(10 * time.Second)

	fmt.Println(txaio.IsCalled(slept))
	// Output: true
}

func Example_portingLogging() {
	logger := logrus.New()
	logger.SetOutput(os.Stdout)
	logger.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true})
	txaio.SetLogrus(logger)
	defer txaio.SetLogrus(nil)
	txaio.SetGlobalLogLevel(txaio.LevelInfo)

	log := txaio.MakeLogger()
	log.Info("{name} hops {n:>3} times", slog.String("name", "Roy"), slog.Int("n", 3))
	// Output: level=info msg="Roy hops   3 times" log_namespace=github.com/txaio-go/txaio/docs_test.Example_portingLogging n=3 name=Roy
}
