package wamp

import (
	"cmp"
	"errors"
	"slices"

	"github.com/txaio-go/txaio"
)

// A topic identifies a subscription, or a registration.
type topic struct{ uri, match string }

// An entry is a registration or a subscription. The router's id for it lasts as long
// as the connection; after that the session asks again. Entries of one topic share
// the id. The second group of fields belongs to the loop.
type entry struct {
	session   *Session
	table     *table
	topic     topic
	options   any // encoded
	onRevoked func(reason string)
	take      func(*message) // handles an EVENT or INVOCATION

	id     uint64 // 0 if the router has none
	live   bool   // made, and not taken back
	onJoin bool   // OnJoin asked for it
}

// A table has a session's registrations, or its subscriptions.
type table struct {
	ask, end code
	none     string // the URI of the error for an unknown one

	byID   map[uint64][]*entry
	asking map[topic]int    // requests that are pending
	kept   map[topic]uint64 // ids without an entry, for those requests
	again  map[topic]bool   // topics that OnJoin has asked for in this connection
	made   []*entry         // all that live, in order
	turn   int
}

// disconnected forgets the router's ids.
func (t *table) disconnected() {
	t.byID = make(map[uint64][]*entry)
	t.asking, t.kept, t.again = make(map[topic]int), make(map[topic]uint64), make(map[topic]bool)
	for _, e := range t.made {
		e.id = 0
	}
}

// clear ends all entries.
func (t *table) clear() {
	for _, e := range t.made {
		e.live = false
	}
	t.made = nil
}

// newEntry returns an entry for a topic.
func (s *Session) newEntry(t *table, uri, match string, options details, onRevoked func(string)) (*entry, error) {
	if err := checkURI(uri, match); err != nil {
		return nil, err
	}
	set(options, "match", match)
	encoded, err := options.encode()
	return &entry{session: s, table: t, topic: topic{uri, cmp.Or(match, exact)}, options: encoded, onRevoked: onRevoked}, err
}

// makeEntry asks the router for an entry. The future succeeds with handle. made gets
// the first id.
func makeEntry[T any](e *entry, handle T, made func(id uint64)) *txaio.Future[T] {
	s := e.session
	f := newFuture[T](s)
	onLoop(s, f, func() {
		if e.onJoin = s.inOnJoin; e.onJoin {
			e.table.again[e.topic] = true
		}
		askFor(e, f, handle, func(id uint64) {
			made(id)
			e.live = true
			e.table.made = append(e.table.made, e)
		}, func(T) { e.finish(newFuture[struct{}](s)) })
	})
	return f
}

// askFor sends the request for an entry.
func askFor[T any](e *entry, f *txaio.Future[T], value T, made func(id uint64), undo func(T)) {
	s, t := e.session, e.table
	r := &simple[T]{of: t.ask, about: e.topic.uri, future: f, undo: undo}
	r.take = func(id uint64) (T, error) {
		t.asking[e.topic]--
		delete(t.kept, e.topic)
		e.id = id
		t.byID[id] = append(living(t.byID[id]), e)
		made(id)
		return value, nil
	}
	r.refused = func() {
		if s.phase != joined {
			return
		}
		t.asking[e.topic]--
		if id, kept := t.kept[e.topic]; kept && t.asking[e.topic] == 0 { // no request will use it
			delete(t.kept, e.topic)
			f := newFuture[struct{}](s)
			s.logFailure(f, t.end.String()+" of "+e.topic.uri)
			t.sendEnd(s, id, e.topic.uri, f)
		}
	}
	t.asking[e.topic]++
	r.send(s, e.options, e.topic.uri)
}

// takeBack ends an entry when the program asks for it.
func (e *entry) takeBack() *txaio.Future[struct{}] {
	f := newFuture[struct{}](e.session)
	onLoop(e.session, f, func() { e.finish(f) })
	return f
}

// finish ends an entry.
func (e *entry) finish(f *txaio.Future[struct{}]) {
	t := e.table
	switch {
	case !e.live:
		reject(f, &Error{URI: t.none, Payload: Args(e.topic.uri + " was taken back before, or the router has done it")})
		return
	case e.id == 0: // there is no connection, or askFor handles this when it has its answer
		resolve(f, struct{}{})
	case len(living(t.byID[e.id])) > 1:
		resolve(f, struct{}{})
	case t.asking[e.topic] > 0:
		// A pending request will get the same id. Do not end that.
		t.kept[e.topic] = e.id
		resolve(f, struct{}{})
	default:
		t.sendEnd(e.session, e.id, e.topic.uri, f)
	}
	e.live = false
	t.made = slices.DeleteFunc(t.made, func(other *entry) bool { return other == e })
}

// sendEnd asks the router to forget an id. The entries stay until its answer, because
// invocations may be on their way.
func (t *table) sendEnd(s *Session, id uint64, uri string, f *txaio.Future[struct{}]) {
	r := &simple[struct{}]{of: t.end, about: uri, future: f}
	r.take = func(uint64) (struct{}, error) {
		if t.byID[id] = living(t.byID[id]); len(t.byID[id]) == 0 { // otherwise it was made again in the meantime
			delete(t.byID, id)
		}
		return struct{}{}, nil
	}
	r.send(s, id)
}

func living(entries []*entry) []*entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return !e.live })
}

// restore asks again for the entries of the lost connection, except for those that
// OnJoin asked for and asks for again.
func (t *table) restore(s *Session) {
	t.made = slices.DeleteFunc(t.made, func(e *entry) bool {
		if e.onJoin && e.id == 0 && t.again[e.topic] {
			e.live = false
		}
		return !e.live
	})
	for _, e := range t.made {
		if e.id == 0 {
			e.restore(s.transport, 1)
		}
	}
	clear(t.again)
}

// restore tries again until the router agrees, or the connection is lost.
func (e *entry) restore(transport *transport, attempt int) {
	s := e.session
	f := newFuture[struct{}](s)
	askFor(e, f, struct{}{}, func(uint64) {
		if !e.live { // it was taken back in the meantime
			e.live = true
			e.finish(newFuture[struct{}](s))
		}
	}, nil)
	watch(s, f, func(struct{}) {}, func(fail *txaio.Failure) {
		if !e.live || s.transport != transport || s.phase != joined {
			return
		}
		if timeout, is := errors.AsType[*TimeoutError](fail); is { // the router may have made it, with an id that the session does not know
			transport.abort(timeout)
			return
		}
		delay := s.retry.delayOf(attempt)
		s.log.Warn("WAMP: {message} {uri} is tried again in {delay}", attr("message", e.table.ask.String()), attr("uri", e.topic.uri), attr("delay", delay))
		s.api.CallLater(delay, func() {
			if e.live && s.transport == transport && s.phase == joined {
				e.restore(transport, attempt+1)
			}
		})
	})
}

// pick returns one of the entries with an id, in turn. It prefers live ones.
func (t *table) pick(id uint64) (e *entry) {
	entries := t.byID[id]
	t.turn++
	for i := range entries {
		if e = entries[(t.turn+i)%len(entries)]; e.live {
			break
		}
	}
	return e
}

// stray logs an EVENT or INVOCATION with an unknown id.
func (s *Session) stray(m *message, kind string) {
	s.log.Warn("WAMP: {message} for the {kind} {id}, which this session does not have, is ignored",
		attr("message", m.code.String()), attr("kind", kind), attr("id", m.id))
}

// revoked handles an UNREGISTERED or UNSUBSCRIBED that answers nothing: the
// router has ended the registration or subscription by itself.
func (s *Session) revoked(m *message) error {
	t, name := &s.registrations, "registration"
	if m.code == codeUnsubscribed {
		t, name = &s.subscriptions, "subscription"
	}
	id := m.session(name)
	if id == 0 {
		return violation("%v for the request 0 that does not say for which %s", m.code, name)
	}
	reason, _ := m.details["reason"].(string) // it is optional
	s.log.Warn("WAMP: the router has revoked the {what} {id}: {reason}", attr("what", name), attr("id", id), attr("reason", reason))
	entries := living(t.byID[id])
	delete(t.byID, id)
	t.made = slices.DeleteFunc(t.made, func(e *entry) bool { return e.id == id })
	for _, e := range entries {
		e.live = false
		if e.onRevoked != nil {
			s.callback("OnRevoked", func() error { e.onRevoked(reason); return nil })
		}
	}
	return nil
}
