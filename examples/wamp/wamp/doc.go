// Package wamp is a client for WAMP, the Web Application Messaging Protocol:
// remote procedure calls and publish and subscribe through a router. It uses only
// the portable API of txaio, and resembles Autobahn's ApplicationSession. The
// program that uses it chooses the semantics of its futures with a build tag.
//
//	session, err := wamp.NewSession(wamp.Config{
//		URL:       "ws://127.0.0.1:9000/",
//		Realm:     "realm1",
//		Reconnect: &wamp.Backoff{},
//	})
//	if err != nil {
//		return err
//	}
//	if _, err := txaio.Await(ctx, session.Join()); err != nil {
//		return err
//	}
//	sum, err := wamp.CallAs[int](ctx, session, "com.example.add", wamp.Args(2, 3))
//
// [Session.CallContext], [CallAs], [Session.Handle] and [Session.HandleEvents] are for
// code that may block, on goroutines of its own. Everything else returns a future, and
// calls handlers on the session's loop.
//
// Messages are JSON, MessagePack or CBOR, over WebSocket or RawSocket: see
// [Config].URL and [Config].Serializers.
package wamp
