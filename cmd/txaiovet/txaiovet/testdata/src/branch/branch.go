package branch

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

const twisted = txaio.UsingDeferred

func use(any) {}

func empty(f *txaio.Future[int], ok bool) {
	if txaio.UsingDeferred { // want `delete this branch: it asks for the backend and does nothing`
	}
	if !txaio.UsingFuture { // want `delete this branch`
		// Nothing to do.
	}
	if txaio.UsingDeferred && ok { // want `delete this branch`
	}
	if twisted { // want `delete this branch`
	}
	/* want `delete this branch` */ if txaio.UsingDeferred {
	}
	if txaio.UsingDeferred { // want `delete this branch`
	} else {
		use(f)
	}
	if txaio.UsingDeferred {
		use(f)
	} else { // want `delete this branch: it depends on the backend and does nothing`
	}
	if ok {
		use(f)
	} else if txaio.UsingFuture { // want `delete this branch`
	}
	switch {
	case txaio.UsingDeferred: // want `delete this case`
	case txaio.UsingFuture:
		use(f)
	}
	switch txaio.UsingDeferred {
	case true:
		use(f)
	case false: // want `delete this case`
	}
}

func same(f *txaio.Future[int], api *txaio.API) *txaio.Future[int] {
	if txaio.UsingDeferred { // want `delete the branch: it does the same on both backends$`
		txaio.Resolve(f, 1)
	} else {
		txaio.Resolve(f, 1)
	}
	if txaio.UsingDeferred { // want `delete the branch: it does the same on both backends$`
		_ = txaio.Resolve(f, 1) // on the caller's goroutine
	} else if txaio.UsingFuture {
		txaio.Resolve[int](f, (1))
	}
	if txaio.UsingDeferred { // want `it does the same on both backends`
		use(1)
	}
	if txaio.UsingFuture {
		use(1)
	}
	if txaio.UsingDeferred { // want `or what txaio.AddTimeout does by itself`
		txaio.AddTimeout(f, time.Second)
	} else {
		f = txaio.AddTimeout(f, time.Second)
	}
	if txaio.UsingFuture { // want `or what txaio.Cancel does by itself`
		txaio.Cancel(f, "gone")
	} else {
		txaio.Cancel(f)
	}
	if txaio.UsingFuture { // want `or what txaio.CreateFutureOn does by itself`
		f = txaio.CreateFutureOn[int](api)
	} else {
		f = txaio.CreateFuture[int]()
	}
	if txaio.UsingFuture { // want `or what txaio.CallSoon does by itself`
		use(2)
	} else {
		txaio.CallSoon(func() { use(2) })
	}
	if txaio.UsingDeferred { // want `or what txaio.Resolve does by itself`
		any(f).(interface{ Callback(int) error }).Callback(1)
	} else {
		any(f).(interface{ SetResult(int) error }).SetResult(1)
	}
	if txaio.UsingDeferred { // want `it does the same on both backends`
		use(3)
		return f
	}
	use(3)
	return f
}

func callbacks(f *txaio.Future[int]) {
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if txaio.UsingDeferred { // want `return the argument on both backends, or use txaio.Watch`
			return v, nil
		}
		return 0, nil
	}, func(fail *txaio.Failure) (int, error) {
		if txaio.UsingDeferred { // want `return the argument on both backends`
			return 0, fail
		} else {
			return 0, nil
		}
	})
}

func callbacksThatDiffer(f *txaio.Future[int]) {
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if txaio.UsingDeferred {
			return v + 1, nil
		}
		return v, nil
	}, func(fail *txaio.Failure) (int, error) {
		if txaio.UsingFuture {
			return 0, fail
		}
		return 0, nil
	})
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if !txaio.UsingDeferred { // want `return the argument on both backends`
			return 0, nil
		} else {
			return v, nil
		}
	}, nil)
}

func refusals() error {
	if !txaio.UsingDeferred { // want `call txaio.UseDeferred without the branch`
		return txaio.UseDeferred()
	}
	return nil
}

func refusal() error {
	if txaio.UsingDeferred { // want `call txaio.UseFuture without the branch`
		log.Fatal("build with -tags future")
	}
	return nil
}

func right(f *txaio.Future[int], loop *testutil.TestLoop, ok bool) error {
	name := "future"
	if txaio.UsingDeferred {
		name = "deferred"
	}
	fmt.Println(name)
	if txaio.UsingDeferred {
		use(1)
	} else {
		use(2)
	}
	if txaio.UsingFuture {
		loop.RunUntilIdle()
	}
	if txaio.UsingDeferred {
		txaio.Resolve(f, 1)
	} else {
		txaio.Resolve(f, 2)
	}
	if txaio.UsingDeferred && ok {
		use(1)
	} else {
		use(1)
	}
	if ok {
	}
	if ok {
		use(1)
	} else {
		use(1)
	}
	if err := txaio.UseDeferred(); err != nil {
		return err
	}
	if txaio.UsingFuture {
		return errors.New("this transport is for the other backend")
	}
	switch {
	case txaio.UsingDeferred:
		use(1)
	default:
	}
	if txaio.UsingDeferred || txaio.UsingFuture {
		use(1)
	}
	return nil
}

func switches(f *txaio.Future[int], fs []*txaio.Future[int]) string {
	switch { // want `or what txaio.Cancel does by itself`
	case txaio.UsingDeferred:
		txaio.Cancel(f)
	case txaio.UsingFuture:
		txaio.Cancel(f, "gone")
	}
	switch txaio.UsingFuture { // want `it does the same on both backends$`
	case true:
		use(1)
	default:
		use(1)
	}
	switch {
	case txaio.UsingDeferred:
		return "deferred"
	case txaio.UsingFuture:
		return "future"
	}
	return ""
}

// A return or continue that only goes to the end is no difference.
func early(f *txaio.Future[int], fs []*txaio.Future[int]) {
	for _, f := range fs {
		if txaio.UsingFuture { // want `or what txaio.Cancel does by itself`
			txaio.Cancel(f, "gone")
			continue
		}
		txaio.Cancel(f)
	}
	for _, f := range fs {
		if txaio.UsingFuture {
			txaio.Cancel(f, "gone")
			return
		}
		txaio.Cancel(f)
	}
	if len(fs) > 0 {
		if txaio.UsingFuture {
			txaio.Cancel(f, "gone")
			return
		}
		txaio.Cancel(f)
	}
	if txaio.UsingFuture { // want `or what txaio.Cancel does by itself`
		txaio.Cancel(f, "gone")
		return
	}
	txaio.Cancel(f)
}

func exits() {
	if !txaio.UsingFuture { // want `call txaio.UseFuture without the branch`
		fmt.Println("build with -tags future")
		os.Exit(1)
	}
	if !txaio.UsingFuture {
		use(1)
		exit = "build with -tags future"
		os.Exit(1)
	}
}

var exit string
