package format

import (
	"strings"
	"sync"
	"sync/atomic"
)

// cacheSize is how much Cached keeps, in bytes of formats: a template counts what
// its format does, and as much as a short one takes beside that.
const (
	cacheSize = 1 << 18
	shortest  = 1 << 8
)

// cache holds templates by their formats. Once it is full it is given up for an
// empty one, which is soon filled with the formats that are in use: no lock and
// no bookkeeping on a hit, and formats made at run time pass through.
type cache struct {
	templates sync.Map // from format to *Template
	cost      atomic.Int32
}

var templates atomic.Pointer[cache]

func init() { templates.Store(new(cache)) }

// Cached is Parse with a memory: while a format is in use, later calls with it
// return the same template. The memory is bounded, so formats made at run time
// may be given to it.
func Cached(format string) (*Template, error) {
	c := templates.Load()
	if t, ok := c.templates.Load(format); ok {
		return t.(*Template), nil
	}
	t, err := Parse(format)
	if err != nil {
		return nil, err
	}
	cost := int32(shortest + len(format))
	if cost > cacheSize/8 {
		return t, nil // for one that is so large the others need not go
	}
	if c.cost.Add(cost) > cacheSize {
		templates.CompareAndSwap(c, new(cache))
		c = templates.Load()
	}
	// A copy, since format may be a piece of something large.
	c.templates.Store(strings.Clone(format), t)
	return t, nil
}
