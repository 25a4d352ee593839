package returns

import (
	"errors"
	"fmt"

	"github.com/txaio-go/txaio"
)

func passOn(f *txaio.Future[int], p *txaio.Future[*point], s *txaio.Future[point], u *txaio.Future[struct{}], a *txaio.Future[any], b *txaio.Future[bool]) {
	txaio.AddCallbacks(f,
		func(v int) (int, error) { return v, nil },
		func(fail *txaio.Failure) (int, error) { return 0, fail })
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) { return *new(int), fail })
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) {
		var zero int
		return zero, fail
	})
	txaio.AddCallbacks(f, func(v int) (int, error) {
		w := v
		fmt.Println(w)
		return (w), error(nil)
	}, func(fail *txaio.Failure) (int, error) {
		var err error = fail
		return 5, err
	})
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if v < 0 {
			panic("negative")
		}
		if v > 5 {
			w := v + 1
			v := w
			fmt.Println(v)
		}
		func() { _ = 5 }()
		defer func() int { return v }()
		return int(v), nil
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if err := check(v); err != nil {
			fmt.Println(err)
		} else {
			return v, err
		}
		err := check(v)
		if err != nil {
			panic(err)
		}
		return v, err
	}, nil)
	txaio.AddCallbacks(p, func(v *point) (*point, error) {
		v.x = 1
		if v == nil {
			return nil, nil
		}
		return v, nil
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		switch v {
		case 0:
			return 0, nil
		case 1, 2:
			return v, nil
		}
		if v == 7 && f.IsCalled() {
			return 7, nil
		}
		if v != 8 {
			return v, nil
		}
		return 8, nil
	}, nil)
	txaio.AddCallbacks(b, func(v bool) (bool, error) {
		if v {
			return true, nil
		}
		return false, nil
	}, nil)
	txaio.AddCallbacks(a, func(v any) (any, error) {
		switch x := v.(type) {
		case string:
			return x, nil
		case nil, error:
			fmt.Println(x)
			return x, nil
		}
		if s, ok := v.(fmt.Stringer); ok {
			return s, nil
		}
		return v, nil
	}, nil)
	txaio.AddCallbacks(a, func(v any) (any, error) {
		return v.(string), nil
	}, nil)
	txaio.AddCallbacks(s, func(v point) (point, error) {
		fmt.Sscan("1", &v.x)
		return v, nil
	}, nil)
	txaio.AddCallbacks(u,
		func(struct{}) (struct{}, error) { return struct{}{}, nil },
		func(fail *txaio.Failure) (struct{}, error) { return struct{}{}, fail })
	txaio.AddCallbacks(f, func(v int) (out int, err error) {
		out = v
		return
	}, func(fail *txaio.Failure) (out int, err error) {
		err = fail
		return
	})
	txaio.AddCallbacks(f, func(v int) (int, error) { return logged(v) }, func(fail *txaio.Failure) (int, error) { return failed(fail) })
	txaio.AddCallbacks(f, func(v int) (int, error) { return same(v), nil }, nil)
	txaio.AddCallbacks(f, func(int) (int, error) { panic("never") }, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		for {
			if v > 3 {
				return v, nil
			}
			fmt.Println(v)
		}
	}, func(fail *txaio.Failure) (int, error) { return 0, txaio.CreateFailure(fail) })
}

func logged[T any](v T) (T, error)            { fmt.Println(v); return v, nil }
func failed(fail *txaio.Failure) (int, error) { return 0, fail }
func same(v int) int                          { return v }

// What else takes functions may return anything.
func otherFunctions(f *txaio.Future[int]) {
	txaio.Watch(f, func(v int) { v++ }, func(fail *txaio.Failure) { fail = nil })
	g := txaio.Then(f, func(v int) (string, error) { return fmt.Sprint(v), nil })
	h := txaio.Catch(g, func(*txaio.Failure) (string, error) { return "", nil })
	txaio.Watch(h, func(string) {}, nil)
	addCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)
	other{}.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)
}

func addCallbacks(*txaio.Future[int], func(int) (int, error), func(*txaio.Failure) (int, error)) {}

type other struct{ callback func(int) (int, error) }

func (other) AddCallbacks(*txaio.Future[int], func(int) (int, error), func(*txaio.Failure) (int, error)) {
}

// What nothing in the package sets may hold anything.
func unknownCallbacks(f *txaio.Future[int], o other, callback func(int) (int, error), all map[string]func(int) (int, error)) {
	txaio.AddCallbacks(f, o.callback, nil)
	txaio.AddCallbacks(f, callback, nil)
	txaio.AddCallbacks(f, all["x"], nil)
	txaio.AddCallbacks(f, nil, nil)
}

func forOneBackend(f *txaio.Future[int]) {
	if txaio.UsingDeferred {
		txaio.AddCallbacks(f, func(v int) (int, error) { return v + 1, nil }, nil)
	}
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if !txaio.UsingFuture {
			fmt.Println(v)
			return v + 1, errors.New("for the next errback")
		}
		return v, nil
	}, nil)
}

// A function that is only called is no callback.
func called(f *txaio.Future[int]) {
	calls(func(v int) (int, error) { return v + 1, nil })
	c := caller{call: func(v int) (int, error) { return v + 1, nil }}
	c.call(1)
	keeps(f, func(v int) (int, error) { return v, nil })
}

type caller struct{ call func(int) (int, error) }

func calls(fn func(int) (int, error)) { fn(1) }

func keeps(f *txaio.Future[int], callback func(int) (int, error)) {
	txaio.AddCallbacks(f, callback, nil)
}
