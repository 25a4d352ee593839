package format

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func (g *generation) len() (n int) {
	g.templates.Range(func(any, any) bool { n++; return true })
	return n
}

func (c *cache) size() int { return c.young.Load().len() + c.old.Load().len() }

func TestCached(t *testing.T) {
	a, err := Cached("cached {x}")
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := Cached(strings.Clone("cached {x}")); a != b {
		t.Error("the same format was parsed twice")
	}
	if b, _ := Cached("cached {y}"); a == b {
		t.Error("another format gave the same template")
	}
	if _, err := Cached("{"); err == nil {
		t.Error("no error for a malformed format")
	}
}

func TestCacheBound(t *testing.T) {
	c := newCache()
	kept, err := c.get("kept {x}")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 * cacheSize {
		if _, err := c.get(fmt.Sprintf("%d {x}", i)); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if again, _ := c.get("kept {x}"); again != kept {
				t.Fatalf("a format in use was forgotten after %d others", i)
			}
		}
	}
	if n := c.size(); n > 2*cacheSize {
		t.Errorf("%d templates are kept, want at most %d", n, 2*cacheSize)
	}
	if first, _ := c.get("0 {x}"); first == nil {
		t.Error("a format that was forgotten is not parsed again")
	}
}

func TestCacheCost(t *testing.T) {
	for _, f := range []string{strings.Repeat("x", 1025), strings.Repeat("{n}", 33), "{n:" + strings.Repeat("{n}", 33) + "}"} {
		c := newCache()
		a, _ := c.get(f)
		b, _ := c.get(f)
		if a != b {
			t.Errorf("%.20q is not kept", f)
		}
	}
	c := newCache()
	for i := range cacheSize {
		_, _ = c.get(fmt.Sprint(strings.Repeat("x", 32<<10), i))
	}
	if n := c.size(); n > 2*cacheSize/32 {
		t.Errorf("%d large formats are kept", n)
	}
	c = newCache()
	for _, f := range []string{"{", strings.Repeat("x", 1<<20)} {
		_, _ = c.get(f)
	}
	if c.size() != 0 {
		t.Error("a format that is none, or one of a MiB, is kept")
	}
}

// TestCacheConcurrent is for the race detector, and for the bound under
// concurrent turnover.
func TestCacheConcurrent(t *testing.T) {
	const workers = 8
	c := newCache()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range 3 * cacheSize {
				f := fmt.Sprintf("%d {x}", (i*7+w)%(2*cacheSize))
				tmpl, err := c.get(f)
				if err != nil || tmpl.pieces[0].literal+"{x}" != f {
					t.Errorf("%q gave %v, %v", f, tmpl, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := c.size(); n > 2*cacheSize+2*workers {
		t.Errorf("%d templates are kept", n)
	}
}
