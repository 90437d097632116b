package direct

import (
	"context"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

var _ capture.Director = (*Director)(nil)

// Director directs one scene.
type Director struct {
	params msg.RecordParams

	traffic *traffic // when the scene waits for it to rest
	consent *consent // when banners are dismissed

	// stage is the page's; nil until something is done in it.
	stage *stage
	// play is what Frame does, from the first frame on.
	play *play
}

// New returns the director of a scene, whose options have been checked (scene.Options.Check).
func New(p msg.RecordParams) *Director { return &Director{params: p} }

// Prepare sets the browser up before the page is asked for.
func (d *Director) Prepare(ctx context.Context, page *rod.Page) error {
	for _, prepare := range []func(*rod.Page) error{d.emulate, d.access, d.style, d.checkWait, d.watchConsent, d.setStage} {
		if err := prepare(page); err != nil {
			return err
		}
	}
	return nil
}

// Ready brings the loaded page to where the scene begins.
func (d *Director) Ready(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	if err := d.script(page); err != nil {
		return err
	}
	for _, act := range []func(context.Context, *rod.Page, capture.Pass) error{d.dismiss, d.prescroll, d.wait} {
		if err := act(ctx, page, d.consent.during(pass)); err != nil {
			return err
		}
	}
	if err := d.consent.end(); err != nil || !d.actsAtOnce() {
		return err
	}
	// Chrome takes no input for a page that has not been drawn yet.
	return pass(ctx, time.Millisecond)
}

// setStage has documents tell from their beginning what actions must know of them: whether they
// were drawn, and are being left.
func (d *Director) setStage(page *rod.Page) error {
	if len(d.params.Options.Actions) == 0 {
		return nil
	}
	source := "if (window === top) " + stageJS
	_, err := proto.PageAddScriptToEvaluateOnNewDocument{Source: script.Named("stage.js", source), WorldName: world}.Call(page)
	if err != nil {
		return failed("set the stage", err)
	}
	return nil
}

// onStage returns the page's stage.
func (d *Director) onStage(page *rod.Page) *stage {
	if d.stage == nil {
		d.stage = &stage{page: page}
	}
	return d.stage
}

// actsAtOnce reports whether something is done in frame 0.
func (d *Director) actsAtOnce() bool {
	actions := d.params.Options.Actions
	return len(actions) > 0 && (actions[0].At == nil || *actions[0].At == 0)
}
