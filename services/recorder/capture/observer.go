package capture

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/capture/assets"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/blank"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/glyphs"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/video"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
)

// Notices are what a capture reports of a page besides its frames.
type Notices struct {
	// Sounds says that frames may not be exact because the page plays a video that has sound.
	Sounds bool
	// Lacking is what of the page's own site did not come, or failed.
	Lacking assets.Lacking
	// Blank says that all pictures show one colour, or besides it only something small without
	// words.
	Blank bool
	// Boxes are characters that were drawn as boxes, because no font has them.
	Boxes string
}

// observer passes frames on to the sink, and examines their pictures and the page as they come.
type observer struct {
	Sink
	notices *Notices
	assets  *assets.Tracker
	world   *world.World
	// at is the page time of a frame, from frame 0.
	at func(frame int) time.Duration
	// text says that the page's text may be read between frames, not only at the end; sound, that
	// the page is asked whether it plays sound.
	text, sound bool

	blank  blank.Detector
	frames int           // so far
	read   int           // the last frame whose text was read; -1: none
	took   time.Duration // reading text, in real time
}

const (
	// textEvery is how often the page's text is read, in page time, while pictures change.
	// textWithin bounds how long that may take in all, in real time. The text at the end of the
	// scene is read in any case.
	textEvery  = time.Second
	textWithin = time.Second
)

// page is called when there is a page, before the first frame.
func (o *observer) page(t *tab, m mode) {
	o.assets, o.world = t.assets, t.world
	o.text, o.sound = m.observes()
}

// Frame passes a frame on and examines its picture, if that is new.
func (o *observer) Frame(jpeg []byte) (changed bool, err error) {
	n := o.frames
	o.frames++
	if changed, err = o.Sink.Frame(jpeg); err != nil {
		return changed, err
	}
	if n == 0 {
		o.assets.Begin()
	}
	if changed || n == 0 {
		o.blank.See(jpeg, o.at(n))
	}
	if o.text && (o.read < 0 || changed && o.took < textWithin && o.at(n)-o.at(o.read) >= textEvery) {
		o.read = n
		return changed, o.readText()
	}
	return changed, nil
}

// Repeat passes on a frame that looks as the last one does.
func (o *observer) Repeat() error {
	o.frames++
	return o.Sink.Repeat()
}

func (o *observer) readText() (err error) {
	begin := time.Now()
	defer func() { o.took += time.Since(begin) }()
	o.notices.Boxes, err = glyphs.Missing(o.world, o.notices.Boxes)
	return err
}

// conclude completes the notices after the last frame. A response under way for longer than
// patience counts as missing.
func (o *observer) conclude(ctx context.Context, patience time.Duration) (err error) {
	if o.sound {
		if o.notices.Sounds, err = video.HasSound(o.world); err != nil {
			return err
		}
	}
	if err := o.readText(); err != nil {
		return err
	}
	o.notices.Lacking = o.assets.Lacking(ctx, patience)
	if area, blank := o.blank.Blank(); blank {
		o.notices.Blank, err = area.Empty(o.world)
	}
	return err
}
