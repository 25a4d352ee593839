package portable

import (
	"os"
	"testing"
	"time"

	"github.com/txaio-go/txaio"
)

const (
	deferred = txaio.UsingDeferred
	future   = !deferred
)

func reported(f *txaio.Future[int], ok bool) {
	txaio.AddTimeout(f, time.Second) // want `use the future`
	if ok {
		txaio.AddTimeout(f, time.Second) // want `use the future`
	}
	if txaio.UsingDeferred || ok {
		txaio.AddTimeout(f, time.Second) // want `use the future`
	}
	if txaio.UsingDeferred == ok {
		txaio.AddTimeout(f, time.Second) // want `use the future`
	}
	if txaio.UsingDeferred || txaio.UsingFuture {
		txaio.AddTimeout(f, time.Second) // want `use the future`
	}
	if txaio.UsingDeferred && ok {
		use(1)
	} else {
		txaio.AddTimeout(f, time.Second) // want `use the future`
	}
	if txaio.UsingDeferred {
		use(2)
	}
	txaio.AddTimeout(f, time.Second) // want `use the future`
	switch {
	case ok:
		txaio.AddTimeout(f, time.Second) // want `use the future`
	case txaio.UsingDeferred && !ok:
	default:
		txaio.AddTimeout(f, time.Second) // want `use the future`
	}
	for ok {
		if txaio.UsingFuture {
			break
		}
		txaio.AddTimeout(f, time.Second)
	}
	txaio.AddTimeout(f, time.Second) // want `use the future`
}

func use(int) {}

func silent(f *txaio.Future[int], ok bool) {
	if txaio.UsingDeferred {
		txaio.AddTimeout(f, time.Second)
		func() { txaio.AddTimeout(f, time.Second) }()
	} else {
		txaio.AddTimeout(f, time.Second)
	}
	if deferred && ok {
		txaio.AddTimeout(f, time.Second)
	} else if future {
		txaio.AddTimeout(f, time.Second)
	}
	if txaio.UsingDeferred == false {
		txaio.AddTimeout(f, time.Second)
	}
	if !(txaio.UsingDeferred || txaio.UsingFuture) {
		txaio.AddTimeout(f, time.Second)
	}
	switch {
	case txaio.UsingDeferred:
		txaio.AddTimeout(f, time.Second)
	default:
		txaio.AddTimeout(f, time.Minute)
	}
	switch txaio.UsingFuture {
	case true:
		txaio.AddTimeout(f, time.Second)
	}
	_ = txaio.UsingFuture && txaio.AddTimeout(f, time.Second).IsCalled() && txaio.Then(f, func(int) (int, error) { return 1, nil }) != nil
}

func afterReturn(f *txaio.Future[int]) {
	if !txaio.UsingDeferred {
		return
	}
	txaio.AddTimeout(f, time.Second)
}

func afterElse(f *txaio.Future[int]) {
	if txaio.UsingDeferred {
		use(1)
	} else {
		os.Exit(1)
	}
	txaio.AddTimeout(f, time.Second)
}

func afterSkip(t *testing.T, f *txaio.Future[int]) {
	if txaio.UsingFuture {
		t.SkipNow()
	}
	txaio.AddTimeout(f, time.Second)
}

func afterUse(f *txaio.Future[int]) error {
	if err := txaio.UseFuture(); err != nil {
		return err
	}
	txaio.AddTimeout(f, time.Second)
	return nil
}
