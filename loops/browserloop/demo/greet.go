//go:build js && wasm

package main

import "github.com/txaio-go/txaio"

// Greet stands for a library. It is the same on both backends.
func Greet(name string, say func(string)) *txaio.Future[string] {
	f := txaio.CreateFuture[string]()
	txaio.AddCallbacks(f, func(greeting string) (string, error) {
		say("callback: " + greeting)
		return greeting, nil
	}, nil)
	say("resolving")
	txaio.Resolve(f, "hello, "+name)
	say("resolved")
	return f
}
