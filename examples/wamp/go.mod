module github.com/txaio-go/txaio/examples/wamp

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/fxamacker/cbor/v2 v2.10.0
	github.com/go-json-experiment/json v1.27.2
	github.com/sirupsen/logrus v1.10.2
	github.com/tinylib/msgp v1.6.5
	github.com/txaio-go/txaio v0.1.0
	golang.org/x/crypto v0.59.0
)

require (
	github.com/jonboulle/clockwork v0.5.0 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
