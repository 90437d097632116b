package chrometest

import (
	"context"
	"errors"
	"os"
	"testing"

	rodcdp "github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Browser is a running Chrome, and the proxy that it reaches the network through.
type Browser struct {
	*chrome.Process
	Proxy *egress.Proxy

	t     *testing.T
	dir   string                        // to remove, if not empty
	first map[proto.TargetTargetID]bool // the pages that it was started with
}

// Start starts the Chrome that is installed, whose pages reach what allow says, as EGRESS_ALLOW
// does. Path, sandbox and proxy of o are set. The caller must End it.
func Start(t *testing.T, allow string, o chrome.Options) *Browser {
	t.Helper()
	b, err := start(allow, o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.t = t
	return b
}

// start is Start with a folder for Chrome's files.
func start(allow string, o chrome.Options, dir string) (*Browser, error) {
	shell, err := chrome.Find(os.Getenv("CHROME_PATH"))
	if err != nil {
		return nil, err
	}
	policy, err := egress.Parse(allow)
	if err != nil {
		return nil, err
	}
	proxy, err := policy.Proxy()
	if err != nil {
		return nil, err
	}
	o.Path, o.Sandbox, o.Proxy, o.SmallShm = shell, os.Geteuid() != 0, proxy.Addr(), chrome.SmallShm()
	p, err := chrome.Start(o, dir)
	if err != nil {
		return nil, errors.Join(err, proxy.Close())
	}
	b := &Browser{Process: p, Proxy: proxy, first: map[proto.TargetTargetID]bool{}}
	pages, err := b.pages()
	if err == nil && len(pages) == 0 {
		err = errors.New("chrome shows no page when it has started")
	}
	if err != nil {
		return nil, errors.Join(err, p.Close(), proxy.Close())
	}
	for _, page := range pages {
		b.first[page] = true
	}
	return b, nil
}

// End closes both.
func (b *Browser) End() {
	if err := b.close(); err != nil {
		b.t.Errorf("close Chrome: %v", err)
	}
}

func (b *Browser) close() error {
	err := b.Close()
	_ = b.Proxy.Close()
	if b.dir != "" {
		err = errors.Join(err, os.RemoveAll(b.dir))
	}
	return err
}

// Clear closes what a Chrome shows and removes its cookies, for another page. In the recorder each
// scene has a Chrome of its own: tests of what a Chrome keeps from one page to the next must Start
// one for each. Nothing may wait for the Chrome any more. End a Chrome whose page hangs or has
// crashed.
func (b *Browser) Clear() {
	b.t.Helper()
	if err := b.clear(); err != nil {
		b.t.Errorf("close a page: %v", err)
	}
}

// clear closes the pages of a Chrome, but for the empty one that it was started with: a Chrome
// without a page may end.
func (b *Browser) clear() error {
	pages, err := b.pages()
	if err != nil {
		return err
	}
	for _, page := range pages {
		if b.first[page] {
			continue
		}
		_, err := proto.TargetCloseTarget{TargetID: page}.Call(b.client())
		if err != nil && !missing(err) {
			return err
		}
	}
	return proto.StorageClearCookies{}.Call(b.client())
}

// pages lists the pages of a Chrome.
func (b *Browser) pages() (found []proto.TargetTargetID, err error) {
	targets, err := proto.TargetGetTargets{}.Call(b.client())
	if err != nil {
		return nil, err
	}
	for _, target := range targets.TargetInfos {
		if target.Type == proto.TargetTargetInfoTypePage {
			found = append(found, target.TargetID)
		}
	}
	return found, nil
}

func (b *Browser) client() proto.Client {
	return b.Client.Within(context.Background(), cdp.DefaultDeadline, "")
}

// missing reports whether an error says that a target is not there: it was being closed when it was
// listed.
func missing(err error) bool {
	var answer *rodcdp.Error
	return errors.As(err, &answer) && answer.Message == "No target found for targetId"
}
