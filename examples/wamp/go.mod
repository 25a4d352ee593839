module github.com/txaio-go/txaio/examples/wamp

go 1.26

require (
	github.com/coder/websocket v1.8.15
	github.com/sirupsen/logrus v1.10.2
	github.com/txaio-go/txaio v0.1.0
)

require (
	github.com/jonboulle/clockwork v0.5.0 // indirect
	golang.org/x/sys v0.13.0 // indirect
)
