package direct

import (
	"context"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

var _ capture.Director = (*Director)(nil)

// Director directs one scene.
type Director struct {
	params msg.RecordParams

	traffic *traffic // when the scene waits for it to rest
	consent *consent // when banners are dismissed

	// driver is the page's; nil until something is done in it.
	driver *driver
	// timeline is what Frame does, from the first frame on.
	timeline *timeline
}

// New returns the director of a scene, whose options have been checked (options.ParseScene).
func New(p msg.RecordParams) *Director { return &Director{params: p} }

// Prepare sets the browser up before the page is asked for.
func (d *Director) Prepare(_ context.Context, page *rod.Page) error {
	s := setup{page: page, params: d.params}
	for _, prepare := range []func() error{s.emulate, s.access, s.style, s.checkWait} {
		if err := prepare(); err != nil {
			return err
		}
	}
	if w := d.params.Options.WaitFor; w != nil && w.NetworkIdle {
		d.traffic = watchTraffic(page)
	}
	if d.params.Options.Consent == scene.ConsentDismiss {
		var err error
		if d.consent, err = watchConsent(page); err != nil {
			return err
		}
	}
	return s.drive()
}

// Ready brings the loaded page to where the scene begins.
func (d *Director) Ready(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	if err := runScript(page, d.params.Options.JS); err != nil {
		return err
	}
	during := d.consent.during(pass)
	if err := d.consent.dismiss(ctx, during); err != nil {
		return err
	}
	for _, act := range []func(context.Context, *rod.Page, capture.Pass) error{d.prescroll, d.wait} {
		if err := act(ctx, page, during); err != nil {
			return err
		}
	}
	if err := d.consent.end(); err != nil || !d.actsAtOnce() {
		return err
	}
	// Chrome takes no input for a page that has not been drawn yet.
	return pass(ctx, time.Millisecond)
}

// Frame does what is due at a time of the scene: nothing, at no cost, or one call and the input
// events that follow from it.
func (d *Director) Frame(ctx context.Context, page *rod.Page, at time.Duration) error {
	if d.timeline == nil {
		d.timeline = newTimeline(d.params, d.driverOf(page))
	}
	return d.timeline.frame(ctx, at)
}

// Due reports whether Frame may have something to do at a time. It assumes that nothing was due
// since Frame was last called.
func (d *Director) Due(at time.Duration) bool { return d.timeline == nil || d.timeline.due(at) }

// driverOf returns the page's driver.
func (d *Director) driverOf(page *rod.Page) *driver {
	if d.driver == nil {
		d.driver = &driver{page: page}
	}
	return d.driver
}

// actsAtOnce reports whether something is done in frame 0.
func (d *Director) actsAtOnce() bool {
	actions := d.params.Options.Actions
	return len(actions) > 0 && (actions[0].At == nil || *actions[0].At == 0)
}
