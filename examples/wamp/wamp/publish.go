package wamp

import "github.com/txaio-go/txaio"

// PublishOptions are options of [Session.Publish].
type PublishOptions struct {
	// Acknowledge asks the router for an answer, and the future waits for it.
	// Otherwise the future succeeds as soon as the event is sent.
	Acknowledge bool
	// IncludeMe asks the router to deliver the event to the publishing session, too,
	// if it has subscribed to the topic. It is exclude_me=False of Autobahn.
	IncludeMe bool
	// Exclude has the ids of sessions that do not get the event. If Eligible is set,
	// only the sessions with its ids get it.
	Exclude, Eligible []uint64
	// The same by authid and by authrole.
	ExcludeAuthID, EligibleAuthID     []string
	ExcludeAuthRole, EligibleAuthRole []string
	// Retain asks the router to keep the event for later subscribers: see
	// [SubscribeOptions].GetRetained.
	Retain bool
	// DiscloseMe asks the router to tell the subscribers who publishes.
	DiscloseMe bool
	// Options are other options for the router.
	Options map[string]any
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
	details, err := chosen.details().encode()
	if err != nil {
		return failed[*Publication](s, err)
	}
	r := &simple[*Publication]{of: codePublish, about: topic, future: newFuture[*Publication](s)}
	r.take = func(id uint64) (*Publication, error) { return &Publication{id}, nil }
	atOnce(s, r.future, func() {
		if chosen.Acknowledge {
			r.send(s, details, topic, body.args, body.kwargs)
		} else if err := s.requests.send(s, nil, codePublish, details, topic, body.args, body.kwargs); err != nil {
			reject(r.future, err)
		} else {
			resolve(r.future, &Publication{})
		}
	})
	return r.future
}

func (o *PublishOptions) details() details {
	d := withOptions(o.Options)
	set(d, "acknowledge", o.Acknowledge)
	if o.IncludeMe {
		d["exclude_me"] = false
	}
	set(d, "disclose_me", o.DiscloseMe)
	set(d, "retain", o.Retain)
	setList(d, "exclude", o.Exclude)
	setList(d, "eligible", o.Eligible)
	setList(d, "exclude_authid", o.ExcludeAuthID)
	setList(d, "eligible_authid", o.EligibleAuthID)
	setList(d, "exclude_authrole", o.ExcludeAuthRole)
	setList(d, "eligible_authrole", o.EligibleAuthRole)
	return d
}
