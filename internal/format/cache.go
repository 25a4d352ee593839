package format

import (
	"strings"
	"sync"
	"sync/atomic"
)

// cacheSize limits the cache, in bytes of formats. Each template also counts as
// much as a short format.
const (
	cacheSize = 1 << 18
	shortest  = 1 << 8
)

// cache holds templates by format. A full cache is cleared, and soon holds the
// formats in use again. So a hit takes no lock and no bookkeeping, and formats made
// at run time don't stay.
var cache struct {
	templates sync.Map // from format to *Template
	cost      atomic.Int32
}

// Cached is Parse with a cache of limited size: while a format is in use, later
// calls return the same template.
func Cached(format string) (*Template, error) {
	if t, ok := cache.templates.Load(format); ok {
		return t.(*Template), nil
	}
	t, err := Parse(format)
	cost := int32(shortest + len(format))
	if err != nil || cost > cacheSize/8 { // not worth clearing the others
		return t, err
	}
	if cache.cost.Add(cost) > cacheSize {
		cache.templates.Clear()
		cache.cost.Store(cost)
	}
	// A copy, since format may be part of a large string.
	cache.templates.Store(strings.Clone(format), t)
	return t, nil
}
