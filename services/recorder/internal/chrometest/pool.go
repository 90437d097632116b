package chrometest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Pool keeps Chromes that are alike for the tests of a package, one test after the other: to start
// one takes longer than to show a small page.
type Pool struct {
	// Allow and Options are those of Start.
	Allow   string
	Options chrome.Options

	mu   sync.Mutex
	idle []*Browser
}

// Borrow returns a Chrome that shows no page. The caller must Return it, or End it.
func (p *Pool) Borrow(t *testing.T) *Browser {
	t.Helper()
	b := p.take()
	if b == nil {
		dir, err := os.MkdirTemp("", "chrometest-")
		if err != nil {
			t.Fatal(err)
		}
		if b, err = start(p.Allow, p.Options, dir); err != nil {
			_ = os.RemoveAll(dir)
			t.Fatal(err)
		}
		b.dir = dir
	}
	b.t = t
	return b
}

func (p *Pool) take() *Browser {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	b := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return b
}

// Return closes what a Chrome shows and removes its cookies, for the next test. Nothing may wait
// for it any more. One whose page hangs or has crashed is to End.
func (p *Pool) Return(b *Browser) {
	b.t.Helper()
	if err := b.clear(); err != nil {
		b.t.Errorf("close a page: %v", err)
		b.End()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == runtime.GOMAXPROCS(0) {
		b.End()
		return
	}
	p.idle = append(p.idle, b)
}

// Around returns a package's tests for its TestMain. When they have run, the Chromes are closed.
func (p *Pool) Around(m *testing.M) interface{ Run() int } { return around{m, p} }

type around struct {
	*testing.M
	pool *Pool
}

func (a around) Run() int {
	code := a.M.Run()
	if err := a.pool.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close Chrome:", err)
		return 1
	}
	return code
}

// Close closes the Chromes that nobody has borrowed.
func (p *Pool) Close() (err error) {
	for b := p.take(); b != nil; b = p.take() {
		err = errors.Join(err, b.close())
	}
	return err
}
