package chrometest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
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

// Return takes back a Chrome whose capture has ended with err, which may be nil. It closes what the
// Chrome shows and removes its cookies, for the next test. It ends a Chrome whose page may hang or
// has crashed. Nothing may wait for the Chrome any more.
func (p *Pool) Return(b *Browser, err error) {
	b.t.Helper()
	if !usable(err) {
		b.End()
		return
	}
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

// usable reports whether a Chrome can show another page after a capture that ended with err.
func usable(err error) bool {
	var page *capture.PageError
	return err == nil || errors.As(err, &page) && page.Code != msg.CodeSceneTimeout && page.Code != msg.CodeSceneCrashed
}

// Around returns a package's tests for its TestMain. When they have run, the Chromes of the pools
// are closed.
func Around(m *testing.M, pools ...*Pool) interface{ Run() int } { return around{m, pools} }

type around struct {
	*testing.M
	pools []*Pool
}

func (a around) Run() int {
	code := a.M.Run()
	for _, pool := range a.pools {
		if err := pool.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close Chrome:", err)
			code = max(code, 1)
		}
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
