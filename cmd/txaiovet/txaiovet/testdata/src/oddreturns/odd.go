package oddreturns

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/txaio-go/txaio"
)

type T struct {
	a   []int
	m   map[string]int
	p   *int
	arr [3]int
	in  struct{ x int }
}

type svc struct {
	mu   sync.Mutex
	last int
	cb   func(int) (int, error)
}

func r1(f *txaio.Future[int], ft *txaio.Future[T], fs *txaio.Future[[]int], fm *txaio.Future[map[string]int], fe *txaio.Future[error], s *svc, ctx context.Context) {
	// goto and labels
	txaio.AddCallbacks(f, func(v int) (int, error) {
	again:
		if v > 3 {
			goto again
		}
		return v, nil
	}, nil)
	// loop modifies in nested block
	txaio.AddCallbacks(f, func(v int) (int, error) {
		for i := 0; i < 3; i++ {
			if i == 2 {
				v = i
			}
		}
		return v, nil // want `return v, nil`
	}, nil)
	// loop with return before modification but next turn after
	txaio.AddCallbacks(f, func(v int) (int, error) {
		for i := 0; i < 3; i++ {
			if i == 2 {
				return v, nil // want `return v, nil`
			}
			v = i
		}
		return 0, errors.New("x") // want `return v, nil`
	}, nil)
	// slices sorted in place: same slice
	txaio.AddCallbacks(fs, func(v []int) ([]int, error) { v[0] = 1; return v, nil }, nil)
	// append
	txaio.AddCallbacks(fs, func(v []int) ([]int, error) { v = append(v, 1); return v, nil }, nil) // want `return v, nil`
	// subslice
	txaio.AddCallbacks(fs, func(v []int) ([]int, error) { return v[1:], nil }, nil) // want `return v, nil`
	// map
	txaio.AddCallbacks(fm, func(v map[string]int) (map[string]int, error) { v["x"] = 1; delete(v, "y"); return v, nil }, nil)
	// struct fields
	txaio.AddCallbacks(ft, func(v T) (T, error) { v.arr[1] = 3; return v, nil }, nil) // want `return v, nil`
	txaio.AddCallbacks(ft, func(v T) (T, error) { v.in.x++; return v, nil }, nil)     // want `return v, nil`
	txaio.AddCallbacks(ft, func(v T) (T, error) { v.a[0] = 3; *v.p = 1; v.m["x"] = 2; return v, nil }, nil)
	txaio.AddCallbacks(ft, func(v T) (T, error) { return T{a: v.a}, nil }, nil) // want `return v, nil`
	// error valued future
	txaio.AddCallbacks(fe, func(v error) (error, error) { return v, nil }, func(fail *txaio.Failure) (error, error) { return fail, nil }) // want `return zero, fail`
	txaio.AddCallbacks(fe, func(v error) (error, error) { return nil, v }, nil)                                                           // want `return v, nil`
	txaio.AddCallbacks(fe, func(v error) (error, error) {
		if v != nil {
			return v, nil
		}
		return nil, nil
	}, nil)
	// select
	ch := make(chan int, 1)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		select {
		case v = <-ch: // assigned and skipped
		default:
		}
		return v, nil // want `return v, nil`
	}, nil)
	// type switch
	txaio.AddCallbacks(f, func(v int) (int, error) {
		switch x := any(v).(type) {
		case int:
			fmt.Println(x)
			return v, nil
		default:
			log.Fatal("x")
		}
		os.Exit(1)
		return 0, nil
	}, nil)
	// multi assign swap
	txaio.AddCallbacks(f, func(v int) (int, error) {
		a, b := v, 2
		a, b = b, a
		_ = a
		return b, nil
	}, nil)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		a, b := v, 2
		a, b = b, a
		_ = b
		return a, nil // want `return v, nil`
	}, nil)
	// nested callbacks
	txaio.AddCallbacks(f, func(v int) (int, error) {
		txaio.AddCallbacks(f, func(w int) (int, error) {
			return v, nil // want `return w`
		}, nil)
		return v, nil
	}, nil)
	// mutex deferred
	txaio.AddCallbacks(f, func(v int) (int, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = v
		return s.last, nil // want `return v, nil`
	}, nil)
	// err shadow
	txaio.AddCallbacks(f, func(v int) (res int, err error) {
		if res, err := work(v); err != nil {
			_ = res
			return v, nil
		}
		return v, err
	}, nil)
	// named result assigned by err
	txaio.AddCallbacks(f, func(v int) (res int, err error) {
		if res, err = work(v); err != nil {
			return // want `return v, nil`
		}
		return v, err
	}, nil)
	// variadic helpers and interface
	txaio.AddCallbacks(f, func(v int) (int, error) { return first(v, 1), nil }, nil) // want `return v, nil`
	// func in IIFE
	txaio.AddCallbacks(f, func(v int) (int, error) { return func() (int, error) { return v, nil }() }, nil) // want `return v, nil`
	// errback using errors.As
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) {
		var te interface{ Timeout() bool }
		if errors.As(fail, &te) && te.Timeout() {
			return 0, context.DeadlineExceeded // want `return zero, fail`
		}
		if err := fail.Unwrap(); err != nil {
			return 0, err // want `return zero, fail`
		}
		return -1, fail
	})
	// errback alias, closures
	txaio.AddCallbacks(f, nil, func(fail *txaio.Failure) (int, error) {
		reason := fail
		go func() { fmt.Println(reason) }()
		defer func() {
			if r := recover(); r != nil {
				log.Print(r)
			}
		}()
		return 0, reason
	})
	// retry in errback
	var attempt func(*txaio.Failure) (int, error)
	attempt = func(fail *txaio.Failure) (int, error) {
		txaio.CallLater(time.Second, func() { txaio.AddCallbacks(f, nil, attempt) })
		return 0, nil // want `return zero, fail`
	}
	txaio.AddCallbacks(f, nil, attempt)
	// method expression
	txaio.AddCallbacks(f, func(v int) (int, error) { return (*svc).on(s, v) }, nil) // want `return v, nil`
	// same func both
	txaio.AddCallbacks(f, s.on, s.failed)
	// fallthrough
	txaio.AddCallbacks(f, func(v int) (int, error) {
		switch {
		case v > 1:
			fmt.Println()
			fallthrough
		case v > 0:
			return v, nil
		}
		return v, nil
	}, nil)
	// const
	const zero = 0
	txaio.AddCallbacks(f, func(v int) (int, error) {
		if zero == v {
			return zero, nil
		}
		if v == zero || v == 1 {
			return zero, nil // want `return v, nil`
		}
		return v, nil
	}, nil)
	// callback typed nil
	txaio.AddCallbacks(f, (func(int) (int, error))(nil), s.failed)
	txaio.AddCallbacks(f, s.cb, func(*txaio.Failure) (int, error) { return work(1) }) // want `return zero, fail`
}

func r2[K comparable, V any](f *txaio.Future[map[K]V], g *txaio.Future[V], next func(V), other V) {
	txaio.AddCallbacks(f, func(m map[K]V) (map[K]V, error) { return m, nil }, func(fail *txaio.Failure) (map[K]V, error) { return nil, fail })
	txaio.AddCallbacks(g, func(v V) (V, error) { next(v); return other, nil }, // want `return v, nil`
		func(fail *txaio.Failure) (_ V, err error) { err = fail; return })
	txaio.AddCallbacks(g, func(v V) (_ V, err error) { return }, nil) // want `return v, nil`
	txaio.AddCallbacks(g, func(v V) (V, error) { return pass(v), nil }, func(fail *txaio.Failure) (V, error) { return zero[V](), fail })
	txaio.AddCallbacks(g, func(v V) (V, error) { return *new(V), nil }, nil) // want `return v, nil`
}

func pass[V any](v V) V              { return v }
func zero[V any]() (v V)             { return }
func first(v ...int) int             { return v[0] }
func work(v int) (int, error)        { return v, errors.New("x") }
func (s *svc) on(v int) (int, error) { s.last = v; return s.last, nil } // want `return v, nil`
func (s *svc) failed(fail *txaio.Failure) (n int, err error) {
	if n, err = 0, fail; n == 0 {
		return
	}
	return n, err
}
func recursive(v int) (int, error) {
	if v > 0 {
		return recursive(v) // want `return v, nil`
	}
	return v, nil
}
func r3(f *txaio.Future[int]) { txaio.AddCallbacks(f, recursive, nil) }
