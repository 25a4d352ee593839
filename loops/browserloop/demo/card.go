//go:build js && wasm

package main

import (
	"fmt"
	"syscall/js"
)

// A card is the place on the page that shows one part of the program.
type card struct{ element js.Value }

// newCard returns the card of a part, empty.
func newCard(part, tag string) card {
	c := card{js.Global().Get("document").Call("querySelector", fmt.Sprintf("#%s [data-tag=%s]", part, tag))}
	for _, class := range []string{".lines", ".track"} {
		if element := c.find(class); element.Truthy() {
			element.Call("replaceChildren")
		}
	}
	return c
}

func (c card) find(selector string) js.Value { return c.element.Call("querySelector", selector) }

func appendNew(parent js.Value, class, text string) js.Value {
	child := js.Global().Get("document").Call("createElement", "span")
	child.Set("className", class)
	child.Set("textContent", text)
	parent.Call("append", child)
	return child
}

// say adds a line.
func (c card) say(line string) { appendNew(c.find(".lines"), "line", line) }

// mark puts a timer on the track of a second, and returns a function that shows its
// outcome.
func (c card) mark(milliseconds int) (became func(what string)) {
	mark := appendNew(c.find(".track"), "mark", "")
	mark.Get("style").Set("left", fmt.Sprintf("%g%%", float64(milliseconds)/10))
	return func(what string) { mark.Get("classList").Call("add", what) }
}

// progress fills the bar.
func (c card) progress(part float64) {
	bar := c.find(".bar")
	bar.Call("setAttribute", "aria-valuenow", int(100*part))
	bar.Get("firstElementChild").Get("style").Set("width", fmt.Sprintf("%g%%", 100*part))
}

// count shows a number.
func (c card) count(class string, n int) {
	c.find("."+class).Set("textContent", grouped(n))
}

// grouped returns n as in 12,345.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
