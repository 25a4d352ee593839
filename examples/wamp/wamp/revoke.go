package wamp

// revoked handles an UNREGISTERED or UNSUBSCRIBED that answers nothing: the
// router has ended the registration or subscription by itself.
func (s *Session) revoked(m *message) error {
	name := "registration"
	if m.code == codeUnsubscribed {
		name = "subscription"
	}
	id := m.session(name)
	if id == 0 {
		return violation("%v for the request 0 that does not say for which %s", m.code, name)
	}
	reason, _ := m.details["reason"].(string) // it is optional
	s.log.Warn("WAMP: the router has revoked the {what} {id}: {reason}", attr("what", name), attr("id", id), attr("reason", reason))
	if m.code == codeUnregistered {
		if r := s.registrations[id]; r != nil {
			delete(s.registrations, id)
			s.tell(r.onRevoked, reason)
		}
		return nil
	}
	handlers := s.subscriptions[id]
	delete(s.subscriptions, id)
	for _, sub := range handlers {
		s.tell(sub.onRevoked, reason)
	}
	return nil
}

// tell tells the owner of what was revoked.
func (s *Session) tell(onRevoked func(reason string), reason string) {
	if onRevoked != nil {
		s.callback("OnRevoked", func() error { onRevoked(reason); return nil })
	}
}
