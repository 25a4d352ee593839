package gojaloop

import (
	"github.com/dop251/goja"
	"github.com/txaio-go/txaio"
)

// An engine has the JavaScript functions that the loop needs, from before any script
// can change them. Only the loop uses it.
type engine struct {
	vm        *goja.Runtime
	then      goja.Callable // Promise.prototype.then
	stringify goja.Callable // JSON.stringify
	replacer  goja.Value    // mustBeData
	goError   *goja.Object  // the constructor of the errors of Runtime.NewGoError
	nothing   goja.Callable
	rejected  map[*goja.Promise]struct{} // without a handler so far
}

// maxCallStackSize limits recursion, to about as much as other engines allow. goja's
// own limit is the memory of the machine.
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

// trackRejection is called when a promise is rejected without a handler, and when it
// gets a handler later. It is reported if it has none in the next turn.
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
