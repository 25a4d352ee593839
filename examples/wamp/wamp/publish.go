package wamp

import (
	"encoding/json"

	"github.com/txaio-go/txaio"
)

// PublishOptions are options of [Session.Publish].
type PublishOptions struct {
	// Acknowledge asks the router for an answer, and the future waits for it.
	// Without, the future succeeds as soon as the event is on its way.
	Acknowledge bool
	// IncludeMe has the event delivered to the publishing session, too, if
	// that has subscribed to the topic. It is exclude_me=False of Autobahn.
	IncludeMe bool
	// Exclude and Eligible are ids of sessions that do not get the event, and
	// that alone may get it.
	Exclude, Eligible []uint64
	// DiscloseMe asks the router to tell the subscribers who publishes.
	DiscloseMe bool
}

// A Publication is an event that was published.
type Publication struct {
	ID uint64 // 0 if it was not acknowledged, or the router gives none
}

// Publish publishes an event.
func (s *Session) Publish(topic string, payload Payload, options ...PublishOptions) *txaio.Future[*Publication] {
	if err := checkURI(topic, exact); err != nil {
		return failed[*Publication](s, err)
	}
	body, err := payload.encode()
	if err != nil {
		return failed[*Publication](s, err)
	}
	chosen := optional(options)
	encoded, err := json.Marshal(chosen.details())
	if err != nil {
		return failed[*Publication](s, err)
	}
	details := json.RawMessage(encoded)
	r := &simple[*Publication]{of: codePublish, about: topic, future: newFuture[*Publication](s)}
	r.take = func(m *message) (*Publication, error) { return &Publication{m.id}, nil }
	if chosen.Acknowledge {
		return start(s, r, details, topic, body.args, body.kwargs)
	}
	whenJoined(s, r.future, func() {
		if err := s.trySend(codePublish, s.requests.next(), details, topic, body.args, body.kwargs); err != nil {
			s.requests.unsent()
			reject(r.future, err)
		} else {
			resolve(r.future, &Publication{})
		}
	})
	return r.future
}

func (o *PublishOptions) details() map[string]any {
	details := make(map[string]any)
	if o.Acknowledge {
		details["acknowledge"] = true
	}
	if o.IncludeMe {
		details["exclude_me"] = false
	}
	if o.DiscloseMe {
		details["disclose_me"] = true
	}
	if o.Exclude != nil {
		details["exclude"] = o.Exclude
	}
	if o.Eligible != nil {
		details["eligible"] = o.Eligible
	}
	return details
}
