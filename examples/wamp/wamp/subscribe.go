package wamp

import (
	"context"

	"github.com/txaio-go/txaio"
)

// SubscribeOptions are options of [Session.Subscribe].
type SubscribeOptions struct {
	// Match says how the topic is matched: "exact", "prefix" or "wildcard".
	Match string
	// OnRevoked is called, on the loop, if the router ends the subscription.
	OnRevoked func(reason string)
	// GetRetained asks for the last event that was published with
	// [PublishOptions].Retain: see [Event].Retained.
	GetRetained bool
	// Concurrency limits how many calls of a handler of [Session.HandleEvents] run
	// at once. 0 stands for 1, which keeps the events in order.
	Concurrency int
	// Options are other options for the router.
	Options map[string]any
}

// A Subscription is a handler for the events of a topic. It lasts until Unsubscribe,
// Leave or its revocation. After a reconnect, the session subscribes again.
type Subscription struct {
	ID    uint64 // the first id; the router gives another after a reconnect
	Topic string

	entry *entry
}

// An Event is an event that was published to a topic.
type Event struct {
	Payload
	Topic       string
	Publication uint64 // 0 if the router gives none
	Publisher   uint64 // the session that published it, 0 if the router does not say
	Retained    bool   // it was published before the subscription
	Details     map[string]any

	ctx context.Context // ended when the connection is
}

// Subscribe calls handler for each event of a topic, on the loop. If handler returns an
// error, it is logged.
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

func (s *Session) subscribe(uri string, handler func(*Event) *txaio.Future[struct{}], o SubscribeOptions) *txaio.Future[*Subscription] {
	options := withOptions(o.Options)
	set(options, "get_retained", o.GetRetained)
	e, err := s.newEntry(&s.subscriptions, uri, o.Match, options, o.OnRevoked)
	if err != nil {
		return failed[*Subscription](s, err)
	}
	e.take = func(m *message) { s.logFailure(handler(s.newEvent(uri, m)), "handler of "+uri) }
	subscription := &Subscription{Topic: uri, entry: e}
	return makeEntry(e, subscription, func(id uint64) { subscription.ID = id })
}

// Unsubscribe removes the handler. If it was the last one for the topic, the session
// tells the router.
func (sub *Subscription) Unsubscribe() *txaio.Future[struct{}] { return sub.entry.takeBack() }

// event handles EVENT.
func (s *Session) event(m *message) {
	entries, known := s.subscriptions.byID[m.id]
	if !known {
		s.stray(m, "subscription")
	}
	for _, e := range entries {
		if e.live {
			e.take(m)
		}
	}
}

func (s *Session) newEvent(topic string, m *message) *Event {
	event := &Event{
		Payload:     m.payload,
		Topic:       topic,
		Publication: m.second,
		Publisher:   m.session("publisher"),
		Retained:    m.details["retained"] == true,
		Details:     m.details,
		ctx:         s.transport.ctx,
	}
	if topic, ok := m.details["topic"].(string); ok {
		event.Topic = topic
	}
	return event
}
