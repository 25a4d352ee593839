// Package browserloop runs txaio on the event loop of a web page.
//
// Its [EventLoop] is a txaio.EventLoop, for programs that are built with
// GOOS=js GOARCH=wasm:
//
//	txaio.SetLoop(browserloop.New())
//
// [FromPromise] makes a future of a promise, [ToPromise] a promise of a future.
// [ToJS] and [FromJS] convert the values, and keep errors what they are.
//
// It is made for pages, and works in workers and in Node.js too.
package browserloop
