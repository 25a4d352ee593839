package gojaloop

import (
	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
)

// An engine is what the loop needs of JavaScript, taken before any script can
// change it. Only the loop uses it.
type engine struct {
	vm        *goja.Runtime
	then      goja.Callable // Promise.prototype.then
	stringify goja.Callable // JSON.stringify
	replacer  goja.Value    // mustBeData
	goError   *goja.Object  // the constructor of what Runtime.NewGoError makes
	nothing   goja.Callable
	rejected  map[*goja.Promise]struct{} // without a handler so far
}

// maxCallStackSize is what goja bounds recursion with, about as much as others
// allow. goja's own default is the memory of the machine.
const maxCallStackSize = 10_000

func (l *Loop) setUp(vm *goja.Runtime) {
	l.vm = vm
	l.then = function(vm.Get("Promise").ToObject(vm).Get("prototype").ToObject(vm).Get("then"))
	l.stringify = function(vm.Get("JSON").ToObject(vm).Get("stringify"))
	l.replacer = vm.ToValue(l.mustBeData)
	l.goError = vm.NewGoError(ErrClosed).Get("constructor").ToObject(vm)
	l.nothing = function(vm.ToValue(func(goja.FunctionCall) goja.Value { return goja.Undefined() }))
	l.rejected = make(map[*goja.Promise]struct{})
	l.setTimers(vm)
	vm.SetMaxCallStackSize(maxCallStackSize)
	vm.SetPromiseRejectionTracker(l.trackRejection)
}

func function(value goja.Value) goja.Callable {
	fn, _ := goja.AssertFunction(value)
	return fn
}

// trackRejection is told of a promise that is rejected and has no handler, or that
// gets one afterwards. It has until the next turn to get one.
func (l *Loop) trackRejection(promise *goja.Promise, operation goja.PromiseRejectionOperation) {
	if operation == goja.PromiseRejectionHandle {
		delete(l.rejected, promise)
		return
	}
	l.rejected[promise] = struct{}{}
	l.CallSoon(func() {
		if _, is := l.rejected[promise]; is {
			delete(l.rejected, promise)
			l.HandleFailure(txaio.CreateFailure(l.toError(promise.Result())))
		}
	})
}
