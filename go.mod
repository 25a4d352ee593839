module github.com/txaio-go/txaio

go 1.26

require (
	github.com/jonboulle/clockwork v0.5.0
	github.com/sirupsen/logrus v1.10.2
)

require golang.org/x/sys v0.13.0 // indirect
