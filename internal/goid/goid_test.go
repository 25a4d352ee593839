package goid_test

import (
	"testing"

	"github.com/txaio-go/txaio/internal/goid"
)

func TestGetTellsGoroutinesApart(t *testing.T) {
	here := goid.Get()
	if here == 0 {
		t.Fatal("Get() = 0")
	}
	if again := goid.Get(); again != here {
		t.Errorf("Get() = %d, then %d on the same goroutine", here, again)
	}
	there := make(chan uint64)
	go func() { there <- goid.Get() }()
	if other := <-there; other == here || other == 0 {
		t.Errorf("Get() = %d on this goroutine and %d on another", here, other)
	}
}
