module github.com/txaio-go/txaio

go 1.26

require github.com/jonboulle/clockwork v0.5.0
