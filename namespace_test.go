//go:build deferred || future

package txaio_test

import (
	"testing"

	"github.com/txaio-go/txaio"
)

const here = "github.com/txaio-go/txaio_test"

var (
	packageLogger = txaio.MakeLogger()
	closureLogger = func() *txaio.Logger { return txaio.MakeLogger() }()
	initLogger    *txaio.Logger
)

func init() { initLogger = txaio.MakeLogger() }

type byValue struct{}

func (byValue) logger() *txaio.Logger { return txaio.MakeLogger() }

type byPointer struct{ byValue }

func (*byPointer) logger() *txaio.Logger { return txaio.MakeLogger() }
func (*byPointer) inClosure() *txaio.Logger {
	return func() *txaio.Logger { return txaio.MakeLogger() }()
}
func (*byPointer) inRange() (l *txaio.Logger) {
	for range once {
		l = txaio.MakeLogger()
	}
	return l
}

type generic[T any] struct{}

func (generic[T]) logger() *txaio.Logger   { return txaio.MakeLogger() }
func (*generic[T]) pointer() *txaio.Logger { return txaio.MakeLogger() }

func genericFunction[T any]() *txaio.Logger { return txaio.MakeLogger() }

func function() *txaio.Logger { return txaio.MakeLogger() }

//go:noinline
func notInlined() *txaio.Logger { return txaio.MakeLogger() }

func functionWithClosure() (l *txaio.Logger) {
	func() { func() { l = txaio.MakeLogger() }() }()
	return l
}

// once is an iterator, whose loop's body the compiler makes a function.
func once(yield func(int) bool) { yield(0) }

//go:noinline
func functionWithRange() (l *txaio.Logger) {
	for range once {
		l = txaio.MakeLogger()
	}
	return l
}

func deferredCall() (l *txaio.Logger) {
	defer func() { l = txaio.MakeLogger() }()
	return nil
}

func onGoroutine() *txaio.Logger {
	result := make(chan *txaio.Logger)
	go func() { result <- txaio.MakeLogger() }()
	return <-result
}

func TestNamespace(t *testing.T) {
	methodValue := byValue{}.logger
	for want, loggers := range map[string][]*txaio.Logger{
		here:                          {packageLogger, closureLogger, initLogger},
		here + ".byValue":             {byValue{}.logger(), (&byPointer{}).byValue.logger(), methodValue(), byValue.logger(byValue{})},
		here + ".byPointer":           {(&byPointer{}).logger(), (&byPointer{}).inClosure(), (&byPointer{}).inRange()},
		here + ".generic":             {generic[int]{}.logger(), (&generic[map[string]any]{}).pointer()},
		here + ".genericFunction":     {genericFunction[string]()},
		here + ".function":            {function()},
		here + ".notInlined":          {notInlined()},
		here + ".functionWithClosure": {functionWithClosure()},
		here + ".functionWithRange":   {functionWithRange()},
		here + ".deferredCall":        {deferredCall()},
		here + ".onGoroutine":         {onGoroutine()},
		"my.own":                      {txaio.MakeLogger(txaio.WithNamespace("my.own"))},
		"":                            {txaio.MakeLogger(txaio.WithNamespace(""))},
	} {
		for i, logger := range loggers {
			if logger.Namespace() != want {
				t.Errorf("logger %d has the namespace %q, want %q", i, logger.Namespace(), want)
			}
		}
	}
}

// The runtime escapes what would be ambiguous in the last element of a path.
func TestNamespaceOfOtherPackages(t *testing.T) {
	for function, want := range map[string]string{
		"main.main":                                   "main.main",
		"main.(*Bunny).Hop":                           "main.Bunny",
		"gopkg.in/yaml%2ev3.(*Decoder).Decode":        "gopkg.in/yaml.v3.Decoder",
		"example.com/my.app/v2.Start.func1.2":         "example.com/my.app/v2.Start",
		"example.com/a%2eb%2ec.init.0":                "example.com/a.b.c",
		"example.com/a.glob..func1":                   "example.com/a",
		"example.com/a.glob.Method":                   "example.com/a.glob",
		"example.com/a.(*Map[...]).Range-range1":      "example.com/a.Map",
		"example.com/a.Walk[...].func1-range2":        "example.com/a.Walk",
		"example.com/a.Start.(*Map[...]).Range.func1": "example.com/a.Map",
		"example.com/percent%25.Walk":                 "example.com/percent%.Walk",
	} {
		if got := txaio.NamespaceOf(function); got != want {
			t.Errorf("%s has the namespace %q, want %q", function, got, want)
		}
	}
}
