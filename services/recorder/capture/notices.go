package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Notices are what is to be told of a page that was captured, besides its frames.
type Notices struct {
	// Sounds says that frames may not be exact because the page plays a video that has sound.
	Sounds bool
	// Lacking is what of the page's own did not come, or failed.
	Lacking Lacking
	// Blank says that all pictures show one colour, or nothing else but something small without
	// words.
	Blank bool
	// Boxes are characters that were drawn as boxes, because no font has them.
	Boxes string
}

// onlooker passes frames on, and looks at the page and its pictures as they come.
type onlooker struct {
	Sink
	scene *scene
	blank blank

	frames int // that came
	looked int // the frame at which the text was looked at; -1: it was not yet
	took   time.Duration
}

const (
	// textEvery is how often the page's text is looked at, in page time, while pictures change;
	// textWithin how long that may take in all, in real time. Text that is there when the scene
	// ends is looked at in any case.
	textEvery  = time.Second
	textWithin = time.Second
)

// Frame looks at a picture that is new, and at the page that it is of.
func (o *onlooker) Frame(jpeg []byte) (changed bool, err error) {
	n := o.frames
	o.frames++
	if changed, err = o.Sink.Frame(jpeg); err != nil {
		return changed, err
	}
	if n == 0 {
		o.scene.parts.begin()
	}
	if changed || n == 0 {
		o.blank.see(jpeg, o.scene.at(n))
	}
	if o.scene.clock.real { // looking would hold the page up
		return changed, nil
	}
	if o.looked < 0 || changed && o.took < textWithin && o.scene.at(n)-o.scene.at(o.looked) >= textEvery {
		o.looked = n
		return changed, o.read()
	}
	return changed, nil
}

// Repeat counts a frame that looks as the one before.
func (o *onlooker) Repeat() error {
	o.frames++
	return o.Sink.Repeat()
}

// read looks at the page's text.
func (o *onlooker) read() error {
	begin := time.Now()
	defer func() { o.took += time.Since(begin) }()
	return o.scene.findBoxes()
}

// conclude looks at the page once more, when its last frame is there.
func (o *onlooker) conclude(ctx context.Context) error {
	s := o.scene
	if err := s.listen(); err != nil {
		return err
	}
	if err := o.read(); err != nil {
		return err
	}
	s.Notices.Lacking = s.parts.lacking(ctx, s.Bounds.Request)
	area, blank := o.blank.end()
	if !blank {
		return nil
	}
	empty, err := s.nothingIn(area)
	if err != nil {
		return err
	}
	s.Notices.Blank = empty
	return nil
}

// listen notes a video with sound: its picture follows the sound, which plays in real time. Where
// Chrome draws frames when it sees fit, no video is exact.
func (s *scene) listen() error {
	if s.ownFrames() {
		return nil
	}
	const sounds = `[...document.querySelectorAll("video")].some(v => v.webkitAudioDecodedByteCount > 0)`
	return s.ask("listen to the page", sounds, &s.Notices.Sounds)
}

// ask evaluates a script in the page's world. Between two documents there is nothing to see.
func (s *scene) ask(what, script string, to any) error {
	err := s.world.Evaluate(script, to)
	if err != nil && !cdp.Gone(err) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
