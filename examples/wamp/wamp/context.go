package wamp

import (
	"cmp"
	"context"
	"errors"

	"github.com/txaio-go/txaio"
)

// CallContext calls a procedure and waits for the result. If ctx ends first, the
// call is cancelled at the router and the error is ctx's. Do not call it on the loop, in an
// OnJoin for example: there it returns [txaio.ErrAwaitOnLoop] at once.
func (s *Session) CallContext(ctx context.Context, procedure string, payload Payload, options ...CallOptions) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := s.Call(procedure, payload, options...)
	result, err := txaio.Await(ctx, f)
	if err != nil {
		txaio.Cancel(f) // does nothing if f has failed
	}
	if fail, is := errors.AsType[*txaio.Failure](err); is {
		err = fail.Value() // the stack is this package's own
	}
	return result, err
}

// CallAs is [Session.CallContext] for a procedure with one result. It stores the result
// in a T as [Payload.Scan] does.
func CallAs[T any](ctx context.Context, s *Session, procedure string, payload Payload, options ...CallOptions) (T, error) {
	var value T
	result, err := s.CallContext(ctx, procedure, payload, options...)
	if err == nil {
		err = result.Scan(&value)
	}
	return value, err
}

// Handle registers a procedure whose handler may block. Each call of handler runs on a
// goroutine of its own, at most [RegisterOptions].Concurrency at once. Further
// invocations wait. ctx ends when the caller cancels the call, when the caller's time
// is over, and when the session ends. A result after that is dropped.
func (s *Session) Handle(procedure string, handler func(context.Context, *Invocation) (Payload, error), options ...RegisterOptions) *txaio.Future[*Registration] {
	o := optional(options)
	slots := slots{session: s, free: cmp.Or(o.Concurrency, 100)}
	return s.register(procedure, func(inv *Invocation) {
		inv.answerWith(inSlot(&slots, func(ctx context.Context) (body, error) {
			if inv.Timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, inv.Timeout)
				defer cancel()
			}
			result, err := handler(ctx, inv)
			if err != nil {
				return body{}, err
			}
			return result.encode()
		}))
	}, o)
}

// HandleEvents subscribes to a topic with a handler that may block. Each call of handler
// runs on a goroutine of its own, at most [SubscribeOptions].Concurrency at once. The
// default is one, so that the events come in order. ctx ends with the connection.
func (s *Session) HandleEvents(topic string, handler func(context.Context, *Event) error, options ...SubscribeOptions) *txaio.Future[*Subscription] {
	o := optional(options)
	slots := slots{session: s, free: cmp.Or(o.Concurrency, 1)}
	return s.subscribe(topic, func(e *Event) *txaio.Future[struct{}] {
		return inSlot(&slots, func(context.Context) (struct{}, error) { return struct{}{}, handler(e.ctx, e) })
	}, o)
}

// slots limit how many functions run at once. They belong to the loop.
type slots struct {
	session *Session
	free    int
	waiting []func()
}

// inSlot calls fn on a goroutine of its own, as soon as a slot is free, and returns a
// future of its result. Cancelling the future ends fn's context, or removes fn from
// the queue.
func inSlot[T any](slots *slots, fn func(context.Context) (T, error)) *txaio.Future[T] {
	s := slots.session
	var running *txaio.Future[T] // belongs to the loop
	f := txaio.CreateFutureOn(s.api, txaio.WithCanceller(func(*txaio.Future[T]) {
		s.loop.CallSoon(func() {
			if running != nil {
				txaio.Cancel(running)
			}
		})
	}))
	slots.waiting = append(slots.waiting, func() {
		if txaio.IsCalled(f) {
			return
		}
		slots.free--
		running = txaio.GoOn(s.api, func(ctx context.Context) (T, error) {
			defer s.loop.CallSoon(func() { // when fn has returned, and not when it was cancelled
				slots.free++
				slots.next()
			})
			return fn(ctx)
		})
		txaio.Watch(running, func(value T) { resolve(f, value) }, func(fail *txaio.Failure) { reject(f, fail) })
	})
	slots.next()
	return f
}

// next starts waiting functions while slots are free.
func (slots *slots) next() {
	for slots.free > 0 && len(slots.waiting) > 0 {
		begin := slots.waiting[0]
		slots.waiting = slots.waiting[1:]
		begin()
	}
}
