package testutil_test

import (
	"fmt"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"
)

func ExampleTestLoop_Advance() {
	loop := testutil.NewTestLoop()
	defer testutil.ReplaceLoop(loop)()

	slept := txaio.Sleep(5 * time.Second)
	txaio.AddCallbacks(slept, func(v struct{}) (struct{}, error) {
		fmt.Println("awake at", loop.Now().Format(time.TimeOnly))
		return v, nil
	}, nil)

	loop.Advance(4 * time.Second)
	fmt.Println("slept enough:", txaio.IsCalled(slept))
	loop.Advance(4 * time.Second)
	fmt.Println("slept enough:", txaio.IsCalled(slept))
	// Output:
	// slept enough: false
	// awake at 00:00:05
	// slept enough: true
}
