package txaio

// A wheel holds the buckets of a batched timer: a hashed timing wheel. Buckets
// that follow one another are in slots that do, so that a slot nearly always
// has one; a map would find it in twice the time.
type wheel struct {
	slots []*bucket // each the first of a list; a power of two of them, one to four for a bucket
	count int
}

// slot returns where the list with the bucket of that index begins. The upper
// bits spread delays that are all multiples of many buckets.
func (w *wheel) slot(index int64) **bucket {
	hash := index + index>>6 + index>>12
	return &w.slots[uint64(hash)&uint64(len(w.slots)-1)]
}

// find returns the bucket of that index, or nil.
func (w *wheel) find(index int64) *bucket {
	if w.count == 0 {
		return nil
	}
	k := *w.slot(index)
	for k != nil && k.index != index {
		k = k.next
	}
	return k
}

func (w *wheel) add(k *bucket) {
	if w.count == len(w.slots) {
		w.resize(max(8, 2*w.count))
	}
	w.link(k)
	w.count++
}

func (w *wheel) link(k *bucket) {
	first := w.slot(k.index)
	k.next, *first = *first, k
}

// remove takes k out, where it is in.
func (w *wheel) remove(k *bucket) {
	if w.count == 0 {
		return
	}
	for at := w.slot(k.index); *at != nil; at = &(*at).next {
		if *at == k {
			*at, k.next = k.next, nil
			w.count--
			if len(w.slots) > 8 && w.count < len(w.slots)/4 {
				w.resize(len(w.slots) / 2)
			}
			return
		}
	}
}

func (w *wheel) resize(n int) {
	old := w.slots
	w.slots = make([]*bucket, n)
	for _, k := range old {
		for k != nil {
			next := k.next
			w.link(k)
			k = next
		}
	}
}
