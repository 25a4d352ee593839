package returns

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/txaio-go/txaio"
)

type point struct{ x, y int }

type session struct{ f *txaio.Future[int] }

func literals(f *txaio.Future[int], p *txaio.Future[point], u *txaio.Future[struct{}]) {
	txaio.AddCallbacks(f, func(v int) (int, error) {
		return v + 1, nil // want `return v, nil: another value goes to the next callback on one backend and to nobody on the other; a new value takes txaio.Then`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		fmt.Println(v)
		return 0, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks[int](f, func(int) (int, error) { return 1, nil }, nil)     // want `return v, nil`
	(txaio.AddCallbacks[int])(f, func(_ int) (int, error) { return 0, nil }, nil) // want `return v, nil`
	go txaio.AddCallbacks(f, func(v int) (int, error) { return -v, nil }, nil)    // want `return v, nil`
	txaio.AddCallbacks(p, func(v point) (point, error) { return point{}, nil },   // want `return v, nil`
		func(fail *txaio.Failure) (point, error) { return point{}, nil }) // want `return zero, fail: a nil error ends the failure on one backend`
	txaio.AddCallbacks(u, func(struct{}) (struct{}, error) {
		return struct{}{}, errors.New("no") // want `return v, nil: an error goes to the next errback on one backend`
	}, nil)
}

func errors_(f *txaio.Future[int]) {
	txaio.AddCallbacks(f,
		func(v int) (int, error) {
			if v < 0 {
				return v, errors.New("negative") // want `return v, nil: an error`
			}
			err := check(v)
			return v, err // want `return v, nil: an error`
		},
		func(fail *txaio.Failure) (int, error) {
			switch {
			case errors.Is(fail, txaio.ErrCancelled):
				return 0, nil // want `return zero, fail: a nil error`
			case fail.Value() == nil:
				return 0, fail.Value() // want `return zero, fail: another error`
			}
			return 0, fmt.Errorf("wrapped: %w", fail) // want `return zero, fail: another error .* a new error takes txaio.Catch`
		})
	txaio.AddCallbacks(f, nil, func(reason *txaio.Failure) (int, error) {
		return 0, reason.Unwrap() // want `return zero, reason`
	})
	txaio.AddCallbacks(f, func(v int) (int, error) {
		var typed *txaio.Failure
		return v, typed // want `return v, nil: an error`
	}, func(*txaio.Failure) (int, error) { return 0, errors.New("other") }) // want `return zero, fail`
}

func reassigned(f *txaio.Future[int], p *txaio.Future[point]) {
	txaio.AddCallbacks(f, func(v int) (int, error) {
		v = v * 2
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if v < 0 {
			v = 0
		}
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		for range 3 {
			v++
		}
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		for v = range 3 {
		}
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		func() { v = 7 }()
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		v, err := strconv.Atoi(fmt.Sprint(v))
		_ = err
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(p, func(v point) (point, error) {
		v.x = 1
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		w := v
		w++
		return w, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if v := v + 1; v > 0 {
			return v, nil // want `return v, nil`
		}
		return v, nil
	}, nil)
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) {
		fail = txaio.CreateFailure(errors.New("other"))
		return 0, fail // want `return zero, fail`
	})
}

func namedResults(f *txaio.Future[int]) {
	txaio.AddCallbacks(f, func(v int) (out int, err error) {
		out = v + 1
		return // want `return v, nil`
	}, func(fail *txaio.Failure) (out int, err error) {
		return // want `return zero, fail: a`
	})
	txaio.AddCallbacks(f, func(v int) (out int, err error) {
		defer func() { err = check(v) }()
		return v, nil // want `return v, nil`
	}, nil)
}

// Callbacks that are declared elsewhere.

func double(v int) (int, error) {
	return v * 2, nil // want `return v, nil`
}

func recoverAll(*txaio.Failure) (int, error) {
	return 0, nil // want `return zero, fail`
}

func zeroOf[T any](v T) (T, error) {
	var zero T
	return zero, nil // want `return v, nil`
}

func (s *session) add(v int) (int, error) {
	return v + 1, nil // want `return v, nil`
}

func maker(n int) func(int) (int, error) {
	return func(v int) (int, error) {
		return v + n, nil // want `return v, nil`
	}
}

type callback func(int) (int, error)

var global = func(v int) (int, error) {
	return 3, nil // want `return v, nil`
}

func declared(f *txaio.Future[int], s *session) {
	txaio.AddCallbacks(f, double, recoverAll)
	txaio.AddCallbacks(f, double, nil) // reported once
	txaio.AddCallbacks(f, zeroOf[int], nil)
	txaio.AddCallbacks(f, zeroOf, nil)
	txaio.AddCallbacks(f, s.add, nil)
	txaio.AddCallbacks(f, maker(2), nil)
	txaio.AddCallbacks(f, global, nil)
	txaio.AddCallbacks(s.f, callback(func(v int) (int, error) {
		return 5, nil // want `return v, nil`
	}), nil)
	add := txaio.AddCallbacks[int]
	add(f, func(v int) (int, error) { return 6, nil }, nil) // want `return v, nil`

	var chosen func(int) (int, error)
	if f.IsCalled() {
		chosen = func(v int) (int, error) { return v, nil }
	} else {
		chosen = func(v int) (int, error) { return 7, nil } // want `return v, nil`
	}
	txaio.AddCallbacks(f, chosen, nil)
}

func helpers(f *txaio.Future[int]) {
	txaio.AddCallbacks(f, func(v int) (int, error) {
		return square(v), nil // want `return v, nil`
	}, func(fail *txaio.Failure) (int, error) {
		return giveUp(fail) // want `return zero, fail`
	})
	txaio.AddCallbacks(f, func(v int) (int, error) {
		return strconv.Atoi(fmt.Sprint(v)) // want `return v, nil`
	}, nil)
}

func square(v int) int                        { return v * v }
func giveUp(fail *txaio.Failure) (int, error) { return 0, fail.Value() }
func check(v int) error                       { return nil }

func wholes(a *txaio.Future[[2]int], b *txaio.Future[bool], t *txaio.Future[float64]) {
	txaio.AddCallbacks(a, func(v [2]int) ([2]int, error) {
		v[0] = 1
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(a, func(v [2]int) ([2]int, error) {
		func() { v[0]++ }()
		return v, nil // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(b, func(v bool) (ok bool, err error) {
		if !v {
			return
		}
		ok = !v
		return // want `return v, nil`
	}, nil)
	txaio.AddCallbacks(t, func(v float64) (float64, error) {
		return float64(int(v)), nil // want `return v, nil`
	}, nil)
}

func narrowed(f *txaio.Future[any]) {
	txaio.AddCallbacks(f, func(v any) (any, error) {
		switch x := v.(type) {
		case int:
			return x + 1, nil // want `return v, nil: another value`
		case map[string]any:
			return x["result"], nil // want `return v, nil: another value`
		case string:
			x = "a" + x
			return x, nil // want `return v, nil: another value`
		}
		return v, nil
	}, nil)
}

type hooks[T any] struct {
	value   func(T) (T, error)
	failure func(*txaio.Failure) (T, error)
}

func (h *hooks[T]) attach(f *txaio.Future[T]) { txaio.AddCallbacks(f, h.value, h.failure) }

// What the package puts in a field or gives to a parameter is a callback if
// that is one.
func fieldsAndParameters(f *txaio.Future[int]) {
	h := &hooks[int]{
		value: func(v int) (int, error) { return v + 1, nil }, // want `return v, nil: another value`
	}
	h.failure = func(fail *txaio.Failure) (int, error) { return 0, nil } // want `return zero, fail: a nil error`
	h.attach(f)
	for _, tt := range []*struct {
		name     string
		callback func(int) (int, error)
	}{
		{"argument", func(v int) (int, error) { return v, nil }},
		{"another", func(v int) (int, error) { return v + 1, nil }}, // want `return v, nil: another value`
	} {
		txaio.AddCallbacks(f, tt.callback, nil)
	}
	attach(f, func(v int) (int, error) { return v + 1, nil }) // want `return v, nil: another value`
	named := func(v int) (int, error) {
		return v + 1, nil // want `return v, nil: another value`
	}
	attach(f, named)
}

func attach[T any](f *txaio.Future[T], callback func(T) (T, error)) { pass(f, callback) }

func pass[T any](f *txaio.Future[T], callback func(T) (T, error)) {
	txaio.AddCallbacks(f, callback, nil)
}
