package ignored

import (
	"errors"
	"fmt"
	"time"

	"github.com/txaio-go/txaio"
)

func fetch() *txaio.Future[int]                { return nil }
func show(v int) (string, error)               { return fmt.Sprint(v), nil }
func start(string) (*txaio.Future[int], error) { return nil, nil }

func timeouts(f *txaio.Future[int]) *txaio.Future[int] {
	_ = txaio.AddTimeout(f, time.Second)   // want `use the future that AddTimeout returns: on one backend`
	go txaio.AddTimeout(f, time.Second)    // want `use the future that AddTimeout`
	defer txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	var _ = txaio.AddTimeout[int](f, 1)    // want `use the future that AddTimeout`
	limit := txaio.AddTimeout[int]
	limit(f, time.Second)              // want `use the future that AddTimeout`
	(txaio.AddTimeout(f, time.Second)) // want `use the future that AddTimeout`
	g := txaio.AddTimeout(f, 1)        // want `use the future that AddTimeout`
	_ = g
	func() {
		txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	}()
	return f
}

func fixable() *txaio.Future[int] {
	f := fetch()
	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	txaio.Watch(f, func(int) {}, nil)
	return f
}

func settledLater() *txaio.Future[int] {
	f := txaio.CreateFuture[int]()
	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	txaio.Resolve(f, 1)
	return f
}

func lastUse() {
	f := fetch()
	f = txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
}

func failures(f *txaio.Future[int]) {
	txaio.Then(f, show)                                                       // want `use the future that Then returns: nobody sees it fail`
	txaio.Then[int, string](f, show)                                          // want `use the future that Then`
	_ = txaio.Then(f, show)                                                   // want `use the future that Then`
	txaio.ThenOf(txaio.Then(f, show), start)                                  // want `use the future that ThenOf`
	txaio.Gather([]*txaio.Future[int]{f}, false)                              // want `use the future that Gather`
	txaio.GatherAny([]txaio.AnyFuture{f}, false)                              // want `use the future that GatherAny`
	txaio.GatherOn(nil, []*txaio.Future[int]{f}, false)                       // want `use the future that Gather`
	txaio.Catch(f, func(fail *txaio.Failure) (int, error) { return 0, fail }) // want `use the future that Catch`
	txaio.Catch(f, func(fail *txaio.Failure) (int, error) {                   // want `use the future that Catch`
		if errors.Is(fail, txaio.ErrCancelled) {
			return 0, nil
		}
		return 0, errors.New("other")
	})
	txaio.Then(txaio.Catch(f, func(*txaio.Failure) (int, error) { return 0, nil }), show) // want `use the future that Then`
	txaio.CallSoon(func() { txaio.Then(f, show) })                                        // want `use the future that Then`
	unread := txaio.Then(f, show)                                                         // want `use the future that Then`
	_ = unread
}

func givenAway() {
	f := txaio.CreateFuture[int]()
	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	settle(f)
}

func settle(f *txaio.Future[int]) { txaio.Resolve(f, 1) }
