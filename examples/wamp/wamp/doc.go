// Package wamp is a client for WAMP, the Web Application Messaging Protocol:
// remote procedure calls and publish and subscribe through a router. It is
// written against the portable API of txaio alone, in the shape of Autobahn's
// ApplicationSession, and the program that uses it chooses the semantics of
// its futures with a build tag.
//
//	session, err := wamp.NewSession(wamp.Config{
//		URL:   "ws://127.0.0.1:9000/",
//		Realm: "realm1",
//		OnJoin: func(s *wamp.Session, details *wamp.JoinDetails) error {
//			s.Register("com.example.add", func(inv *wamp.Invocation) (wamp.Payload, error) {
//				var a, b int
//				err := inv.Scan(&a, &b)
//				return wamp.Args(a + b), err
//			})
//			return nil
//		},
//	})
//	if err != nil {
//		return err
//	}
//	txaio.AddCallbacks(session.Join(), …)
//
// Messages are JSON, MessagePack or CBOR, over WebSocket or RawSocket: see
// [Config].URL and [Config].Serializers.
package wamp
