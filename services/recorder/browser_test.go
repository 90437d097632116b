package recorder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"testing"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// browser is a Chrome, started as Record starts it, that captures one page after another. Record
// gives each page a Chrome of its own, which takes most of the time of a short scene. It is for
// tables of pages that do each other no harm.
type browser struct {
	*chrome.Process
	proxy *egress.Proxy
}

// startBrowser starts a browser with a window of a size, whose pages reach what allow says, as
// EGRESS_ALLOW does.
func startBrowser(t *testing.T, allow string, width, height int) *browser {
	t.Helper()
	policy, err := egress.Parse(allow)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := policy.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	cfg := testConfig(t)
	path, err := chrome.Find(cfg.ChromePath)
	if err != nil {
		t.Fatal(err)
	}
	p, err := chrome.Start(chrome.Options{
		Path: path, Sandbox: cfg.ChromeSandbox == "on", Width: width, Height: height, Proxy: proxy.Addr(), SmallShm: chrome.SmallShm(),
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return &browser{p, proxy}
}

// capture captures a scene as Record does, closes its page, and returns what is warned of.
func (b *browser) capture(t *testing.T, p msg.RecordParams, bounds capture.Bounds) ([]msg.Warning, error) {
	t.Helper()
	var notices capture.Notices
	err := capture.Run(t.Context(), capture.Browser{Client: b.Client, Kill: b.Kill}, capture.Options{
		URL: p.URL, Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames, Quality: jpegQuality, Bounds: bounds,
		Unreached: b.proxy.Failure, Notices: &notices,
	}, &nowhere{})
	for _, target := range targets(t, b.Process) {
		if target.Type != proto.TargetTargetInfoTypePage {
			continue
		}
		closing := proto.TargetCloseTarget{TargetID: target.TargetID}
		if _, err := b.Client.Call(t.Context(), "", closing.ProtoReq(), closing); err != nil {
			t.Fatal(err)
		}
	}
	return noticed(p, notices), err
}

// targets lists what a Chrome shows and runs.
func targets(t *testing.T, p *chrome.Process) []*proto.TargetTargetInfo {
	t.Helper()
	reply, err := p.Client.Call(t.Context(), "", proto.TargetGetTargets{}.ProtoReq(), nil)
	var found proto.TargetGetTargetsResult
	if err := cmp.Or(err, json.Unmarshal(reply, &found)); err != nil {
		t.Fatal(err)
	}
	return found.TargetInfos
}

// nowhere is where frames go that nobody looks at.
type nowhere struct{ last []byte }

func (n *nowhere) Frame(jpeg []byte) (changed bool, err error) {
	changed = !bytes.Equal(jpeg, n.last)
	n.last = jpeg
	return changed, nil
}

func (*nowhere) Repeat() error { return nil }
