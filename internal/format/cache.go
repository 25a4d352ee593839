package format

import (
	"strings"
	"sync"
	"sync/atomic"
)

// cacheSize is how much Cached keeps of each of two generations: a template
// counts one, and one more for each KiB of its format or for each 32 fields.
const cacheSize = 512

func cost(format string, t *Template) int32 {
	return 1 + int32(len(format)/1024+t.fields/32)
}

// generation is a set of templates that is filled once and then given up.
type generation struct {
	templates sync.Map // from format to *Template
	count     atomic.Int32
}

// cache forgets by generations: when the young one is full it becomes the old
// one, and the old one goes. A template used in the meantime has moved to the
// young one. So formats made at run time pass through and those that a program
// keeps using stay, with no lock and no bookkeeping on a hit.
type cache struct {
	young, old atomic.Pointer[generation]
	turnover   sync.Mutex
}

var templates = newCache()

func newCache() *cache {
	c := &cache{}
	c.young.Store(&generation{})
	c.old.Store(&generation{})
	return c
}

// Cached is Parse with a memory: while a format is in use, later calls with it
// return the same template. The memory is bounded, in the number of formats and
// in their length, so formats made at run time may be given to it.
func Cached(format string) (*Template, error) {
	return templates.get(format)
}

func (c *cache) get(format string) (*Template, error) {
	young := c.young.Load()
	if t, ok := young.templates.Load(format); ok {
		return t.(*Template), nil
	}
	old, known := c.old.Load().templates.Load(format)
	// A copy, since format may be a piece of something large.
	format = strings.Clone(format)
	if known {
		c.add(young, format, old.(*Template))
		return old.(*Template), nil
	}
	t, err := Parse(format)
	if err != nil {
		return nil, err
	}
	c.add(young, format, t)
	return t, nil
}

func (c *cache) add(to *generation, format string, t *Template) {
	if cost(format, t) > cacheSize/8 {
		return
	}
	if _, known := to.templates.LoadOrStore(format, t); known {
		return
	}
	if to.count.Add(cost(format, t)) < cacheSize {
		return
	}
	c.turnover.Lock()
	defer c.turnover.Unlock()
	// Others may have found it full at the same time.
	if c.young.CompareAndSwap(to, &generation{}) {
		c.old.Store(to)
	}
}
