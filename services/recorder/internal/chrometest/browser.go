package chrometest

import (
	"os"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Browser is a running Chrome, and the proxy that it reaches the network through.
type Browser struct {
	*chrome.Process
	Proxy *egress.Proxy

	t *testing.T
}

// Start starts the Chrome that is installed, whose pages reach what allow says, as EGRESS_ALLOW
// does. Path, sandbox and proxy of o are set. The caller must End it.
func Start(t *testing.T, allow string, o chrome.Options) *Browser {
	t.Helper()
	shell, err := chrome.Find(os.Getenv("CHROME_PATH"))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := egress.Parse(allow)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := policy.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	o.Path, o.Sandbox, o.Proxy, o.SmallShm = shell, os.Geteuid() != 0, proxy.Addr(), chrome.SmallShm()
	p, err := chrome.Start(o, t.TempDir())
	if err != nil {
		_ = proxy.Close()
		t.Fatal(err)
	}
	return &Browser{Process: p, Proxy: proxy, t: t}
}

// End closes both.
func (b *Browser) End() {
	if err := b.Close(); err != nil {
		b.t.Errorf("close Chrome: %v", err)
	}
	_ = b.Proxy.Close()
}
