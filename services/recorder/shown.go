package recorder

import (
	"errors"
	"fmt"
	"slices"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/mezzanine"
)

// decoded is awaited before a picture is recorded: it fails if there is none.
const decoded = "document.images[0].decode()"

// asPage returns what is recorded of a picture: a page of the scene's own that shows it. Any other
// scene stays as it is.
func asPage(p msg.RecordParams) msg.RecordParams {
	image := p.Options.Image
	if image == nil {
		return p
	}
	p.Shown = p.Page()
	p.Options.HTML, p.Options.Image = image.Page(p.URL, float64(p.Frames)/p.Rate.Float()), nil
	p.URL = msg.InlineURL
	wait := scene.WaitFor{}
	if p.Options.WaitFor != nil {
		wait = *p.Options.WaitFor
	}
	wait.Promise = decoded
	p.Options.WaitFor = &wait
	return p
}

// isPicture reports whether a page is that of a picture.
func isPicture(p msg.RecordParams) bool {
	return p.Options.HTML != "" && p.Options.WaitFor != nil && p.Options.WaitFor.Promise == decoded
}

// instead returns what is recorded in place of a page that cannot be shown, and whether something
// is. A failure that may pass is tried again before that.
func (j Job) instead(p msg.RecordParams, recorded *mezzanine.Pieces, err error) (msg.RecordParams, bool) {
	f := p.Options.Fallback
	var failed *stage.Error
	if f == nil || recorded.Recorded() > 0 || !errors.As(err, &failed) || !slices.Contains(msg.FallbackCodes, failed.Code) ||
		!failed.Permanent && j.Attempt == 1 {
		return p, false
	}
	o := p.Options
	p.Options = scene.Options{
		Capture: o.Capture, Repeatable: o.Repeatable, Viewport: o.Viewport, Mobile: o.Mobile, ColorScheme: o.ColorScheme,
		ReducedMotion: o.ReducedMotion, Locale: o.Locale, Timezone: o.Timezone, Consent: o.Consent,
	}
	p.Shown, p.URL = "", f.URL
	switch {
	case f.HTML != "":
		p.URL, p.Options.HTML = msg.InlineURL, f.HTML
	case f.Image != "":
		p.URL, p.Options.Image = f.Image, &scene.Image{}
	}
	return asPage(p), true
}

// fallback warns that a scene shows its fallback, and why. The words of the failure begin with the
// scene.
func fallback(p msg.RecordParams, err error) msg.Warning {
	var failed *stage.Error
	why := ""
	if errors.As(err, &failed) {
		why = " " + failed.Message
	}
	return msg.Warning{Code: msg.CodeSceneFallback, Scene: p.Scene, Message: fmt.Sprintf("Scene %d shows its fallback.%s", p.Scene, why)}
}
