package format

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

const maxTemplates = cacheSize / shortest

func cached() (n int) {
	cache.templates.Range(func(any, any) bool { n++; return true })
	return n
}

func TestCached(t *testing.T) {
	for _, f := range []string{"cached {x}", strings.Repeat("x", 1025), strings.Repeat("{n}", 33), "{n:" + strings.Repeat("{n}", 33) + "}"} {
		a, err := Cached(f)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := Cached(strings.Clone(f)); a != b {
			t.Errorf("%.20q was parsed twice", f)
		}
		if b, _ := Cached(f + "{y}"); a == b {
			t.Errorf("%.20q: another format gave the same template", f)
		}
	}
	if _, err := Cached("{"); err == nil {
		t.Error("no error for a malformed format")
	}
}

func TestCacheBound(t *testing.T) {
	for i := range 10 * maxTemplates {
		if _, err := Cached(fmt.Sprintf("%d {x}", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := cached(); n > maxTemplates {
		t.Errorf("%d templates are kept", n)
	}
	cache.templates.Clear()
	for i := range maxTemplates {
		_, _ = Cached(fmt.Sprint(strings.Repeat("x", 32<<10), i))
	}
	if n := cached(); n > cacheSize/(32<<10) {
		t.Errorf("%d large formats are kept", n)
	}
	cache.templates.Clear()
	for _, f := range []string{"{", strings.Repeat("x", 1<<20)} {
		_, _ = Cached(f)
	}
	if cached() != 0 {
		t.Error("a format that is none, or one of a MiB, is kept")
	}
}

// TestCacheConcurrent is for the race detector.
func TestCacheConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 3 * maxTemplates {
				f := fmt.Sprintf("%d {x}", (i*7+w)%(2*maxTemplates))
				tmpl, err := Cached(f)
				if err != nil || tmpl.pieces[0].literal+"{x}" != f {
					t.Errorf("%q gave %v, %v", f, tmpl, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
