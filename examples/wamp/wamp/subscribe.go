package wamp

import (
	"cmp"
	"slices"

	"github.com/txaio-go/txaio"
)

// SubscribeOptions are options of [Session.Subscribe].
type SubscribeOptions struct {
	// Match is how the topic is matched: "exact", "prefix" or "wildcard".
	Match string
	// OnRevoked is called, on the loop, if the router ends the subscription.
	OnRevoked func(reason string)
}

// A topic is what can be subscribed to.
type topic struct{ uri, match string }

// A Subscription is a handler for the events of a topic.
type Subscription struct {
	ID    uint64
	Topic string

	session   *Session
	of        topic
	handler   func(*Event) *txaio.Future[struct{}]
	onRevoked func(reason string)
}

// An Event is what was published to a topic.
type Event struct {
	Payload
	Topic       string
	Publication uint64 // 0 if the router gives none
	Publisher   uint64 // the session that published it, 0 if the router does not say
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

func (s *Session) subscribe(uri string, handler func(*Event) *txaio.Future[struct{}], options SubscribeOptions) *txaio.Future[*Subscription] {
	if err := checkURI(uri, options.Match); err != nil {
		return failed[*Subscription](s, err)
	}
	details := make(map[string]any)
	if options.Match != "" {
		details["match"] = options.Match
	}
	of := topic{uri, cmp.Or(options.Match, exact)}
	r := &simple[*Subscription]{of: codeSubscribe, about: uri, future: newFuture[*Subscription](s)}
	r.take = func(m *message) (*Subscription, error) {
		s.subscribing[of]--
		delete(s.kept, of)
		// A broker gives the same id for the same topic.
		subscription := &Subscription{ID: m.id, Topic: uri, session: s, of: of, handler: handler, onRevoked: options.OnRevoked}
		s.subscriptions[m.id] = append(s.subscriptions[m.id], subscription)
		return subscription, nil
	}
	r.refused = func() {
		s.subscribing[of]--
		if id, kept := s.kept[of]; kept && s.subscribing[of] == 0 { // nobody takes it over
			delete(s.kept, of)
			r := s.unsubscribing(id, uri)
			s.logFailure(r.future, "UNSUBSCRIBE of "+uri)
			r.send(s, id)
		}
	}
	r.undo = func(subscription *Subscription) { subscription.Unsubscribe() }
	whenJoined(s, r.future, func() {
		s.subscribing[of]++
		r.send(s, details, uri)
	})
	return r.future
}

// Unsubscribe takes the handler back. The router is told when it was the last
// one for the topic.
func (sub *Subscription) Unsubscribe() *txaio.Future[struct{}] {
	s := sub.session
	r := s.unsubscribing(sub.ID, sub.Topic)
	whenJoined(s, r.future, func() {
		handlers := s.subscriptions[sub.ID]
		i := slices.Index(handlers, sub)
		switch {
		case i < 0:
			reject(r.future, &Error{URI: "wamp.error.no_such_subscription", Payload: Args(sub.Topic + " is not subscribed to any more")})
		default:
			// The entry stays until UNSUBSCRIBED: events may be on their way.
			s.subscriptions[sub.ID] = slices.Delete(slices.Clone(handlers), i, i+1)
			switch {
			case len(handlers) > 1:
				resolve(r.future, struct{}{})
			case s.subscribing[sub.of] > 0:
				// A SUBSCRIBE that is pending gets the same id, which an
				// UNSUBSCRIBE behind it would end.
				s.kept[sub.of] = sub.ID
				resolve(r.future, struct{}{})
			default:
				r.send(s, sub.ID)
			}
		}
	})
	return r.future
}

// unsubscribing is the request to end a subscription.
func (s *Session) unsubscribing(id uint64, uri string) *simple[struct{}] {
	r := &simple[struct{}]{of: codeUnsubscribe, about: uri, future: newFuture[struct{}](s)}
	r.take = func(*message) (struct{}, error) {
		if len(s.subscriptions[id]) == 0 { // else it was made again in the meantime
			delete(s.subscriptions, id)
		}
		return struct{}{}, nil
	}
	return r
}

// event handles EVENT.
func (s *Session) event(m *message) {
	handlers, known := s.subscriptions[m.id]
	if !known {
		s.log.Warn("WAMP: an EVENT for the subscription {subscription}, which this session does not have, is ignored",
			attr("subscription", m.id))
	}
	for _, sub := range handlers {
		event := &Event{Payload: m.payload, Topic: sub.Topic, Publication: m.second, Details: m.details}
		if topic, ok := m.details["topic"].(string); ok {
			event.Topic = topic
		}
		event.Publisher = m.session("publisher")
		s.logFailure(sub.handler(event), "handler of "+sub.Topic)
	}
}
