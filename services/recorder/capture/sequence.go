package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/load"
)

// sequence is the frames to deliver: when each is shown, what the director does before it, and how
// many were delivered.
type sequence struct {
	rate     msg.Rate
	frames   int
	sink     Sink
	director Director         // may be nil
	progress func(frames int) // may be nil

	delivered int // frames
}

func newSequence(o *Options, sink Sink) *sequence {
	return &sequence{rate: o.Rate, frames: o.Frames, sink: sink, director: o.Director, progress: o.Progress}
}

// at returns when a frame is shown, counted from frame 0.
func (q *sequence) at(frame int) time.Duration {
	return time.Duration(clock.OfFrame(q.rate, frame)) * time.Microsecond
}

// due reports whether the director has something to do before a frame.
func (q *sequence) due(frame int) bool { return q.director != nil && q.director.Due(q.at(frame)) }

// direct lets the director act on the page before a frame, and follows where that leads.
func (q *sequence) direct(ctx context.Context, page *rod.Page, loader *load.Loader, frame int) error {
	if q.director == nil {
		return nil
	}
	due := q.due(frame)
	if err := q.director.Frame(ctx, page, q.at(frame)); err != nil || !due {
		return err
	}
	return loader.FollowAction(ctx)
}

// took notes that the sink has some frames.
func (q *sequence) took(frames int) {
	q.delivered = frames
	if q.progress != nil {
		q.progress(frames)
	}
}

// began reports whether frames were delivered.
func (q *sequence) began() bool { return q.delivered > 0 }
