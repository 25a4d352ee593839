//go:build js && wasm

package browserloop

import (
	"sync"
	"syscall/js"
)

// pageObjects has the package's JavaScript objects.
type pageObjects struct {
	settled       js.Value // tells a bridge of its promise's outcome
	registry      js.Value // tells a bridge that its promise was collected
	errorIDs      js.Value // from an Error that was converted from a Go error to its key in goErrors
	errorRegistry js.Value // deletes from goErrors
}

var (
	objects     pageObjects
	makeObjects sync.Once
)

// page returns the objects, which are made when they are first needed.
func page() *pageObjects {
	makeObjects.Do(func() {
		settled := js.FuncOf(func(_ js.Value, args []js.Value) any { // id, fulfilled, value
			if args[1].Bool() {
				settleBridge(args[0].Int(), args[2], nil)
			} else {
				settleBridge(args[0].Int(), js.Undefined(), errorFromJS(args[2]))
			}
			return nil
		})
		collected := js.FuncOf(func(_ js.Value, args []js.Value) any {
			settleBridge(args[0].Int(), js.Undefined(), ErrNeverSettled)
			return nil
		})
		errorCollected := js.FuncOf(func(_ js.Value, args []js.Value) any {
			goErrors.Delete(args[0].Int())
			return nil
		})
		registry := js.Global().Get("FinalizationRegistry")
		objects = pageObjects{
			settled:       settled.Value,
			registry:      registry.New(collected),
			errorIDs:      js.Global().Get("WeakMap").New(),
			errorRegistry: registry.New(errorCollected),
		}
	})
	return &objects
}

// onPageGone calls fn when the page is left for good. It does not call fn if the
// browser keeps the page, so that the user can come back.
func onPageGone(fn func()) {
	if js.Global().Get("addEventListener").Type() != js.TypeFunction {
		return // Node.js
	}
	js.Global().Call("addEventListener", "pagehide", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if !args[0].Get("persisted").Bool() {
			fn()
		}
		return nil
	}))
}
