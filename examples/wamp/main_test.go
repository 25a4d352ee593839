//go:build deferred || future

package main

import (
	"context"
	"testing"
	"time"

	"github.com/txaio-go/txaio"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
)

func TestShow(t *testing.T) {
	shown, err := show(wamptest.NewRouter(t, ""), "realm1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txaio.Await(context.Background(), shown); err != nil {
		t.Error(err)
	}
}

// A failure of the first step skips all the others.
func TestShowWithoutARouter(t *testing.T) {
	shown, err := show("ws://127.0.0.1:1/", "realm1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txaio.Await(context.Background(), shown); err == nil {
		t.Error("it succeeded")
	}
}
