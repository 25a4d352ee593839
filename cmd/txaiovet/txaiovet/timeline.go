package txaiovet

import (
	"go/ast"
	"maps"
	"slices"
)

// A registration is a callback and the places that it writes.
type registration struct {
	sources []place // the futures it depends on, nil if they are not known
	name    string  // the future, as in the source
	writes  []place
	cancels bool // it is a canceller
}

// A timeline is the knowledge of futures and callbacks at one place of a function.
type timeline struct {
	pending map[place]bool    // the futures that nothing has settled
	derived map[place][]place // the futures that settle when others do
	waiting []registration    // callbacks that have not run on either backend
	written map[place]string  // places that a callback has written on one backend, with the name of its future
	defers  []*ast.CallExpr   // the deferred calls
	ended   bool              // this place cannot be reached
}

func newTimeline() *timeline {
	return &timeline{pending: make(map[place]bool), derived: make(map[place][]place), written: make(map[place]string)}
}

func (t *timeline) clone() *timeline {
	return &timeline{maps.Clone(t.pending), maps.Clone(t.derived), slices.Clone(t.waiting), maps.Clone(t.written), slices.Clone(t.defers), t.ended}
}

// join sets t to the combined knowledge after several paths.
func (t *timeline) join(paths ...*timeline) {
	open := slices.DeleteFunc(paths, func(p *timeline) bool { return p.ended })
	if len(open) == 0 {
		t.ended = true
		return
	}
	*t = *open[0].clone()
	for _, other := range open[1:] {
		maps.DeleteFunc(t.pending, func(p place, _ bool) bool { return !other.pending[p] })
		maps.Copy(t.derived, other.derived)
		maps.Copy(t.written, other.written)
		for _, call := range other.defers {
			if !slices.Contains(t.defers, call) {
				t.defers = append(t.defers, call)
			}
		}
		for _, reg := range other.waiting {
			if !slices.ContainsFunc(t.waiting, func(r registration) bool { return slices.Equal(r.writes, reg.writes) && r.name == reg.name }) {
				t.waiting = append(t.waiting, reg)
			}
		}
	}
}

// isPending reports whether one of the futures is certainly pending. Then a future that
// depends on all of them is pending, too.
func (t *timeline) isPending(sources []place) bool {
	return slices.ContainsFunc(sources, func(p place) bool { return t.pending[p] })
}

func (t *timeline) ran(reg registration) {
	for _, p := range reg.writes {
		t.written[p] = reg.name
	}
}
