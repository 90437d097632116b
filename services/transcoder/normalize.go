package transcoder

import (
	"context"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/captions"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/encode"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/verify"
)

// normalize encodes a mezzanine into a segment, with the facecam's bubble, the watermark and the
// captions on it.
func (t *Transcoder) normalize(ctx context.Context, task *stage.Task) (any, error) {
	p, err := stage.Params[msg.NormalizeParams](task)
	if err != nil {
		return nil, err
	}
	if err := fetchPictures(ctx, task, p); err != nil {
		return nil, err
	}
	task.Progress(0.03)
	face, err := t.openBubble(ctx, task, p)
	if err != nil {
		return nil, err
	}
	task.Progress(0.08)
	facts, err := t.segment(ctx, task, p, face)
	if err != nil {
		return nil, fmt.Errorf("normalize scene %d: %w", p.Scene, err)
	}
	task.Progress(0.95)
	return facts, task.Store(ctx, msg.Segment, path(task, encode.SegmentFile))
}

// segment encodes and measures the segment.
func (t *Transcoder) segment(ctx context.Context, task *stage.Task, p msg.NormalizeParams, face *picture.Bubble) (facts msg.VideoFacts, err error) {
	var warnings []msg.Warning
	if len(p.Captions) > 0 {
		if err := captions.WriteDrawn(task.Dir, p); err != nil {
			return facts, err
		}
		if warnings, err = captions.CheckFonts(ctx, task.Log, t.tools, task.Dir, p.Captions); err != nil {
			return facts, err
		}
	}
	if err := t.encoder(task).Segment(ctx, p, face, frames(task, p.Frames, 0.08, 0.93)); err != nil {
		return facts, err
	}
	want := verify.Expected{Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames}
	if facts, err = verify.Measure(task.Dir, encode.SegmentFile, want); err != nil {
		return facts, err
	}
	prints, err := fingerprint.Read(path(task, fingerprint.File), p.Frames)
	if err != nil {
		return facts, err
	}
	facts.Fingerprints, facts.Changes, facts.Warnings = prints.Frames, prints.Changes, warnings
	return facts, nil
}

// fetchPictures fetches the mezzanine, and the next scene's and the watermark if the segment shows
// them.
func fetchPictures(ctx context.Context, task *stage.Task, p msg.NormalizeParams) error {
	if err := fetchMezzanine(ctx, task, p, msg.Mezzanine, picture.MezzanineFile); err != nil {
		return err
	}
	if p.Crossfade {
		if err := fetchMezzanine(ctx, task, p, msg.MezzanineNext, picture.NextFile); err != nil {
			return err
		}
	}
	if p.Watermark != nil {
		return task.Fetch(ctx, msg.WatermarkFile, path(task, picture.WatermarkFile))
	}
	return nil
}

// fetchMezzanine fetches a piece of a scene and makes sure that it has all frames of the segment.
func fetchMezzanine(ctx context.Context, task *stage.Task, p msg.NormalizeParams, input, file string) error {
	if err := task.Fetch(ctx, input, path(task, file)); err != nil {
		return err
	}
	if err := encode.CheckMezzanine(path(task, file), p.Rate, p.Frames); err != nil {
		return fmt.Errorf("normalize scene %d: %w", p.Scene, err)
	}
	return nil
}

// bubbleMargin is by how much the measured length of a facecam may be wrong, generously.
const bubbleMargin = 2 * time.Second

// openBubble fetches the facecam and draws the bubble's pictures. It returns nil when there is no
// facecam, or when it has ended before this segment starts.
func (t *Transcoder) openBubble(ctx context.Context, task *stage.Task, p msg.NormalizeParams) (*picture.Bubble, error) {
	if !p.Facecam {
		return nil, nil
	}
	facts, err := stage.Facts[msg.ProbeFacts](task, msg.FacecamFile)
	if err != nil {
		return nil, err
	}
	at := p.Rate.At(p.FirstFrame)
	if at > time.Duration(facts.DurationMS)*time.Millisecond+bubbleMargin {
		return nil, nil
	}
	file, err := t.openFacecam(ctx, task)
	if err != nil {
		return nil, err
	}
	source, err := facecam.PictureAt(file, facts, at)
	if err != nil {
		return nil, err
	}
	face := &picture.Bubble{Picture: source, Place: *bubble.Or(p.Bubble, p.Width, p.Height, p.Rate)}
	return face, face.Prepare(task.Dir, t.pictures)
}
