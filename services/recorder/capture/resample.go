package capture

import (
	"errors"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
)

// resampler makes frames at a constant rate of pictures that come at any time: a frame shows the
// last picture of its time or before. Frames go to the sink as soon as they are known.
type resampler struct {
	rate   msg.Rate
	frames int
	sink   Sink

	begin time.Time
	// shown is the picture of the frames from next on, as far as is known.
	shown  []byte
	stored bool      // the sink has it
	drawn  time.Time // when Chrome drew it
	next   int
}

// start sets when frame 0 is, and what it shows unless another picture of its time comes.
func (r *resampler) start(begin time.Time, first picture) {
	r.begin, r.shown, r.drawn = begin, first.jpeg, first.at
}

// at returns when frame n is shown.
func (r *resampler) at(n int) time.Time {
	return r.begin.Add(time.Duration(clock.OfFrame(r.rate, n)) * time.Microsecond)
}

// add takes the next picture. If it is older than frames that were delivered, it is shown from the
// next one on, unless a newer picture is shown already: Chrome encodes pictures in parallel, and
// sends each when it is done.
func (r *resampler) add(p picture) error {
	if len(p.jpeg) == 0 {
		return errors.New("the screencast sent an empty picture")
	}
	if p.at.Before(r.drawn) {
		return nil
	}
	r.drawn = p.at
	for r.next < r.frames && r.at(r.next).Before(p.at) {
		if err := r.deliver(); err != nil {
			return err
		}
	}
	r.shown, r.stored = p.jpeg, false
	return nil
}

// finish delivers the remaining frames, which show the last picture.
func (r *resampler) finish() error {
	for r.next < r.frames {
		if err := r.deliver(); err != nil {
			return err
		}
	}
	return nil
}

// deliver gives the next frame to the sink.
func (r *resampler) deliver() error {
	r.next++
	if r.stored {
		return r.sink.Repeat()
	}
	r.stored = true
	_, err := r.sink.Frame(r.shown)
	return err
}
