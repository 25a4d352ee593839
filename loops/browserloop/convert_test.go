//go:build (deferred || future) && js && wasm

package browserloop_test

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/txaio-go/txaio/loops/browserloop"
)

type point struct {
	X      int `json:"x"`
	Y      *float64
	Secret string `json:"-"`
	hidden int
}

var show = eval(`function show(v) {
	if (v === null || v === undefined || typeof v === "number" || typeof v === "boolean") return Object.is(v, -0) ? "-0" : String(v)
	if (typeof v === "bigint") return v + "n"
	if (typeof v === "string") return JSON.stringify(v)
	if (Array.isArray(v)) return "[" + v.map(show).join() + "]"
	if (v instanceof Date) return v.toISOString()
	if (v instanceof Uint8Array) return "bytes " + v.join()
	if (v instanceof Error) return String(v)
	return "{" + Object.keys(v).sort().map(k => k + ":" + show(v[k])).join() + "}"
}`)

func TestToJS(t *testing.T) {
	y := 1.5
	var nilPointer *int
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"}, {nilPointer, "null"}, {[]int(nil), "null"}, {error(nil), "null"}, {struct{}{}, "undefined"},
		{true, "true"}, {"text \u00e9\U0001f600", "\"text \u00e9\U0001f600\""}, {int8(-1), "-1"}, {1.5, "1.5"}, {math.Inf(-1), "-Infinity"},
		{int64(1<<53 - 1), "9007199254740991"}, {int64(1 << 53), "9007199254740992n"}, {int64(math.MinInt64), "-9223372036854775808n"},
		{uint64(math.MaxUint64), "18446744073709551615n"}, {new(big.Int).Lsh(big.NewInt(1), 70), "1180591620717411303424n"},
		{time.Unix(0, 0), "1970-01-01T00:00:00.000Z"}, {[]byte{1, 2}, "bytes 1,2"}, {[2]bool{true}, "[true,false]"},
		{[]any{1, "a", nil, []int{}}, `[1,"a",null,[]]`}, {map[string]int{"a": 1, "__proto__": 2}, "{__proto__:2,a:1}"},
		{&point{X: 1, Y: &y, Secret: "s", hidden: 1}, "{Y:1.5,x:1}"}, {io.EOF, "Error: EOF"}, {js.ValueOf("own"), `"own"`},
	} {
		got, err := browserloop.ToJS(test.value)
		if err != nil || show.Invoke(got).String() != test.want {
			t.Errorf("%#v: %v, %v, want %s", test.value, show.Invoke(got), err, test.want)
		}
	}
}

func TestToJSWithoutCounterpart(t *testing.T) {
	contained := map[string]any{}
	contained["self"] = contained
	for _, test := range []struct {
		value any
		want  string
	}{
		{make(chan int), "browserloop: a Go chan int has no counterpart in JavaScript"},
		{func() {}, "browserloop: a Go func() has no counterpart in JavaScript"},
		{map[string]any{"a": []any{1, 1i}}, "browserloop: .a[1]: a Go complex128 has no counterpart in JavaScript"},
		{map[int]int{}, "browserloop: a Go map[int]int has no counterpart in JavaScript"},
		{contained, "browserloop: it contains itself, or is nested too deeply"},
	} {
		if got, err := browserloop.ToJS(test.value); fmt.Sprint(err) != test.want {
			t.Errorf("%T: %v, %v, want %s", test.value, got, err, test.want)
		}
	}
}

// fromJS returns the result of FromJS for an expression, as text.
func fromJS[T any](expression string) string {
	got, err := browserloop.FromJS[T](eval(expression))
	if err != nil {
		return err.Error()
	}
	if p := reflect.ValueOf(got); p.Kind() == reflect.Pointer && !p.IsNil() && p.Type() != reflect.TypeFor[*big.Int]() {
		return fmt.Sprintf("&%+v", p.Elem())
	}
	return fmt.Sprintf("%+v", got)
}

func TestFromJS(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{fromJS[int8]("-128"), "-128"}, {fromJS[uint64]("2**64 - 2048"), "18446744073709549568"}, {fromJS[int64]("9223372036854775807n"), "9223372036854775807"},
		{fromJS[*big.Int]("2n**70n"), "+1180591620717411303424"}, {fromJS[big.Int]("3")[:1], "{"}, {fromJS[float32]("1.5"), "1.5"}, {fromJS[string](`"é😀"`), "é😀"},
		{fromJS[bool]("true"), "true"}, {fromJS[struct{}]("undefined"), "{}"}, {fromJS[[]int]("null"), "[]"}, {fromJS[*int]("undefined"), "<nil>"},
		{fromJS[*int]("7"), "&7"}, {fromJS[[]int]("[1,2]"), "[1 2]"}, {fromJS[[2]string](`["a","b"]`), "[a b]"}, {fromJS[[]byte]("new Uint8Array([1,2])"), "[1 2]"},
		{fromJS[map[string]int](`({a: 1, ["__proto__"]: 2})`), "map[__proto__:2 a:1]"},
		{fromJS[point](`({x: 1, more: 2, hidden: 3, Secret: "s"})`), "{X:1 Y:<nil> Secret: hidden:0}"},
		{fromJS[any]("undefined"), "<nil>"}, {fromJS[any](`({a: [1, "b", true, null, 5n]})`), "map[a:[1 b true <nil> +5]]"},
		{fromJS[any]("new (class A { x = 1 })"), "map[x:1]"}, {fromJS[any](`new RangeError("r")`), "&{Value:<object>}"},
		{fromJS[error](`new TypeError("r")`), "&{Value:<object>}"}, {fromJS[any]("new Uint8Array([1])"), "[1]"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
	if got, err := browserloop.FromJS[time.Time](eval("new Date(1500)")); err != nil || !got.Equal(time.UnixMilli(1500)) {
		t.Errorf("%v, %v", got, err)
	}
	own := eval("() => 1")
	if got, err := browserloop.FromJS[js.Value](own); err != nil || !got.Equal(own) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFromJSWithoutCounterpart(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{fromJS[any]("() => 1"), "a value of type Function of JavaScript's has no counterpart in Go"},
		{fromJS[any]("[{a: Symbol()}]"), "[0].a: a value of type Symbol of JavaScript's has no counterpart in Go"},
		{fromJS[any]("new Map"), "a value of type Map of JavaScript's has no counterpart in Go"},
		{fromJS[any]("Promise.resolve()"), "a value of type Promise of JavaScript's has no counterpart in Go"},
		{fromJS[any]("(() => { const a = []; a.push(a); return a })()"), "it contains itself"},
		{fromJS[any]("new Proxy([], { get() { throw new TypeError('in a trap') } })"), "TypeError: in a trap"},
		{fromJS[any]("({ get a() { throw new TypeError('in a getter') } })"), "TypeError: in a getter"},
		{fromJS[int]("1.5"), "the value 1.5 of JavaScript's is no int"}, {fromJS[int]("NaN"), "the value NaN"}, {fromJS[int]("Infinity"), "the value Infinity"},
		{fromJS[int8]("128"), "the value 128 of JavaScript's is no int8"}, {fromJS[uint]("-1"), "the value -1 of JavaScript's is no uint"},
		{fromJS[int]("null"), "the value null of JavaScript's is no int"}, {fromJS[string]("1"), "the value 1 of JavaScript's is no string"},
		{fromJS[int](`"1"`), "a value of type String of JavaScript's is no int"}, {fromJS[float64]("1n"), "a value of type BigInt of JavaScript's is no float64"},
		{fromJS[int64]("2n**63n"), "a value of type BigInt of JavaScript's is no int64"}, {fromJS[bool]("0"), "the value 0 of JavaScript's is no bool"},
		{fromJS[[2]int]("[1]"), "a value of type Array of JavaScript's is no [2]int"}, {fromJS[point](`({x: "1"})`), ".x: a value of type String of JavaScript's is no int"},
		{fromJS[point]("[]"), "a value of type Array of JavaScript's is no browserloop_test.point"}, {fromJS[time.Time]("new Date(NaN)"), "a value of type Date of JavaScript's is no time.Time"},
		{fromJS[error]("1"), "the value 1 of JavaScript's is no error"}, {fromJS[chan int]("({})"), "a value of type Object of JavaScript's is no chan int"},
		{fromJS[io.Reader]("({})"), "a value of type Object of JavaScript's is no io.Reader"}, {fromJS[struct{}]("1"), "the value 1 of JavaScript's is no struct {}"},
		{fromJS[map[int]int]("({})"), "a value of type Object of JavaScript's is no map[int]int"}, {fromJS[int]("new Number(1)"), "a value of type Number of JavaScript's is no int"},
	} {
		if !strings.Contains(test.got, test.want) {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}
