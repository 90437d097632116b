package recorder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"testing"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

// browser is a Chrome, started as Record starts it, that captures one page after another: tables of
// pages that do each other no harm.
type browser struct{ *chrometest.Browser }

// startBrowser starts a browser with a window of a size, whose pages reach what allow says, as
// EGRESS_ALLOW does.
func startBrowser(t *testing.T, allow string, width, height int) browser {
	t.Helper()
	b := browser{chrometest.Start(t, allow, chrome.Options{Width: width, Height: height})}
	t.Cleanup(b.End)
	return b
}

// capture captures a scene as Record does, and returns what is warned of.
func (b browser) capture(t *testing.T, p msg.RecordParams, bounds capture.Bounds) ([]msg.Warning, error) {
	t.Helper()
	defer b.Clear()
	var notices capture.Notices
	err := capture.Run(t.Context(), capture.Browser{Client: b.Client, Kill: b.Kill}, capture.Options{
		URL: p.URL, Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames, Quality: jpegQuality, Bounds: bounds,
		Unreached: b.Proxy.Failure, Notices: &notices,
	}, &nowhere{})
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
