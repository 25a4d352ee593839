package logvalue

import "log/slog"

// Attrs appends attrs to dst by slog's rules, and then last. It resolves the values of
// attrs, leaves out empty attributes and empty groups, and inlines a group without a
// key. Of several attributes with one key it keeps the last. A value that is an
// error stays one, even if it is a LogValuer, because a message shows its text.
func (w *Walk) Attrs(dst, attrs []slog.Attr, last ...slog.Attr) []slog.Attr {
	start := len(dst)
	dst = append(w.attrs(dst, attrs, 0), last...)
	return dst[:start+len(lastOfEach(dst[start:]))]
}

func (w *Walk) attrs(dst, attrs []slog.Attr, depth int) []slog.Attr {
	for _, a := range attrs {
		// A text handler writes the keys of all enclosing groups before each member.
		if w.elements++; w.elements > maxElements || !w.Spend(len(a.Key)*depth) {
			return append(dst, slog.String(cut, cut))
		}
		if a.Value.Kind() == slog.KindLogValuer {
			a.Value, _ = w.Resolve(a.Value, false)
		}
		if a.Value.Kind() == slog.KindGroup {
			members := a.Value.Group()
			switch {
			case depth == maxDepth:
				a.Value = slog.StringValue(cut)
			case a.Key == "":
				dst = w.attrs(dst, members, depth+1)
				continue
			default:
				members = lastOfEach(w.attrs(make([]slog.Attr, 0, len(members)), members, depth+1))
				if len(members) == 0 {
					continue
				}
				a.Value = slog.GroupValue(members...)
			}
		}
		if a.Key != "" || !a.Equal(slog.Attr{}) {
			dst = append(dst, a)
		}
	}
	return dst
}

// lastOfEach removes the attributes whose key comes again.
func lastOfEach(attrs []slog.Attr) []slog.Attr {
	var last map[string]int // if there are too many to search
	if len(attrs) > 32 {
		last = make(map[string]int, len(attrs))
		for i := range attrs {
			last[attrs[i].Key] = i
		}
	}
	kept := 0
	for i := range attrs {
		again := last != nil && last[attrs[i].Key] != i
		if again || last == nil && index(attrs[i+1:], attrs[i].Key) >= 0 {
			continue
		}
		if kept < i {
			attrs[kept] = attrs[i]
		}
		kept++
	}
	return attrs[:kept]
}

// Find returns the value of the first attribute with the given key, and whether
// there is one.
func Find(attrs []slog.Attr, key string) (slog.Value, bool) {
	if i := index(attrs, key); i >= 0 {
		return attrs[i].Value, true
	}
	return slog.Value{}, false
}

func index(attrs []slog.Attr, key string) int {
	for i := range attrs {
		if attrs[i].Key == key {
			return i
		}
	}
	return -1
}

// Resolve returns what v resolves to, or a *PanicError if its method panics. An
// error stands for itself unless errors is set. The members of a group that an error
// resolves to are as from Attrs.
func (w *Walk) Resolve(v slog.Value, errors bool) (_ slog.Value, err error) {
	for i := range maxDepth {
		if errors && i > 0 && v.Kind() == slog.KindGroup {
			v = slog.GroupValue(w.Attrs(nil, v.Group())...)
		}
		if v.Kind() != slog.KindLogValuer {
			return v, nil
		}
		valuer := v.LogValuer()
		if _, is := valuer.(error); is && !errors {
			return v, nil
		}
		if v, err = logValue(valuer); err != nil {
			w.note(err)
			return slog.AnyValue(err), err
		}
	}
	return slog.StringValue(cut), nil
}
