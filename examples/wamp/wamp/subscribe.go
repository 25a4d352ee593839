package wamp

import (
	"slices"

	"github.com/txaio-go/txaio"
)

// SubscribeOptions are options of [Session.Subscribe].
type SubscribeOptions struct {
	// Match is how the topic is matched: "exact", "prefix" or "wildcard".
	Match string
}

// A Subscription is a handler for the events of a topic.
type Subscription struct {
	ID    uint64
	Topic string

	session *Session
	handler func(*Event) *txaio.Future[struct{}]
}

// An Event is what was published to a topic.
type Event struct {
	Payload
	Topic       string
	Publication uint64 // 0 where the router gives none
	Publisher   uint64 // the session that published it, 0 where the router does not say
	Details     map[string]any
}

// Subscribe has handler called for each event of a topic, on the loop. An
// error that it returns is logged: nobody else is there to get it.
func (s *Session) Subscribe(topic string, handler func(*Event) error, options ...SubscribeOptions) *txaio.Future[*Subscription] {
	return s.subscribe(topic, func(e *Event) *txaio.Future[struct{}] {
		return txaio.AsFutureOn(s.api, ignoring(func() error { return handler(e) }))
	}, optional(options))
}

// SubscribeLater is Subscribe with a handler that returns a future. Further
// events do not wait for it.
func (s *Session) SubscribeLater(topic string, handler func(*Event) (*txaio.Future[struct{}], error), options ...SubscribeOptions) *txaio.Future[*Subscription] {
	return s.subscribe(topic, func(e *Event) *txaio.Future[struct{}] {
		return txaio.AsFutureOfOn(s.api, func() (*txaio.Future[struct{}], error) { return handler(e) })
	}, optional(options))
}

func (s *Session) subscribe(topic string, handler func(*Event) *txaio.Future[struct{}], options SubscribeOptions) *txaio.Future[*Subscription] {
	if err := checkURI(topic, options.Match); err != nil {
		return failed[*Subscription](s, err)
	}
	details := make(map[string]any)
	if options.Match != "" {
		details["match"] = options.Match
	}
	r := &simple[*Subscription]{of: codeSubscribe, future: newFuture[*Subscription](s)}
	r.take = func(m *message) *Subscription {
		// A broker gives the same id for the same topic.
		subscription := &Subscription{ID: m.id, Topic: topic, session: s, handler: handler}
		s.subscriptions[m.id] = append(s.subscriptions[m.id], subscription)
		return subscription
	}
	r.undo = func(subscription *Subscription) { subscription.Unsubscribe() }
	return start(s, r, details, topic)
}

// Unsubscribe takes the handler back. The router is told when it was the last
// one for the topic.
func (sub *Subscription) Unsubscribe() *txaio.Future[struct{}] {
	s := sub.session
	r := &simple[struct{}]{of: codeUnsubscribe, future: newFuture[struct{}](s)}
	r.take = func(*message) struct{} {
		if len(s.subscriptions[sub.ID]) == 0 { // else it was made again in the meantime
			delete(s.subscriptions, sub.ID)
		}
		return struct{}{}
	}
	whenJoined(s, r.future, func() {
		handlers := s.subscriptions[sub.ID]
		i := slices.Index(handlers, sub)
		switch {
		case i < 0:
			reject(r.future, &Error{URI: "wamp.error.no_such_subscription", Payload: Args(sub.Topic + " is not subscribed to any more")})
		default:
			// The entry stays until UNSUBSCRIBED: events may be on their way.
			s.subscriptions[sub.ID] = slices.Delete(slices.Clone(handlers), i, i+1)
			if len(handlers) > 1 {
				resolve(r.future, struct{}{})
			} else {
				s.request(r, sub.ID)
			}
		}
	})
	return r.future
}

// event handles EVENT.
func (s *Session) event(m *message) error {
	handlers, known := s.subscriptions[m.id]
	if !known {
		return violation("EVENT for the subscription %d, which there is not", m.id)
	}
	for _, sub := range handlers {
		event := &Event{Payload: m.payload, Topic: sub.Topic, Publication: m.second, Details: m.details}
		if topic, ok := m.details["topic"].(string); ok {
			event.Topic = topic
		}
		if publisher, ok := m.details["publisher"].(int64); ok && publisher > 0 {
			event.Publisher = uint64(publisher)
		}
		s.logFailure(sub.handler(event), "handler of "+sub.Topic)
	}
	return nil
}
