package transcoder

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/preview"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/thumbnail"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/verify"
)

// overlay lays the facecam's sound over the joined picture, and writes the finished video and its
// thumbnails.
func (t *Transcoder) overlay(ctx context.Context, task *stage.Task) (any, error) {
	p, err := stage.Params[msg.OverlayParams](task)
	if err != nil {
		return nil, err
	}
	if err := task.Fetch(ctx, msg.Joined, path(task, sound.JoinedFile)); err != nil {
		return nil, err
	}
	task.Progress(0.15)
	source, err := t.openSound(ctx, task, p)
	if err != nil {
		return nil, err
	}
	task.Progress(0.3)
	if err := sound.Mix(ctx, t.tools, task.Dir, p, source, frames(task, p.Frames, 0.3, 0.75)); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	want := verify.Expected{
		Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames, Sound: source != nil, Captions: len(p.Captions) > 0,
	}
	want.Loudness, want.Evenly = source.Reached(sound.TargetOf(p.Loudness))
	facts, err := verify.Measure(task.Dir, sound.VideoFile, want)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	joined, err := stage.Facts[msg.VideoFacts](task, msg.Joined)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	task.Progress(0.78)
	video := verify.Finished{
		Name: sound.VideoFile, Want: want, Facts: facts, Source: fingerprint.Set{Frames: joined.Fingerprints, Changes: joined.Changes},
		ThumbnailAt: p.ThumbnailAt, Over: bubble.Or(p.Bubble, p.Width, p.Height, p.Rate),
	}
	if facts.Report, err = verify.Gate(ctx, t.tools, task.Dir, video, frames(task, p.Frames, 0.78, 0.88)); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return facts, t.finish(ctx, task, video, p.Preview)
}

// openSound fetches the facecam and returns its sound, nil when it has none.
func (t *Transcoder) openSound(ctx context.Context, task *stage.Task, p msg.OverlayParams) (*sound.Source, error) {
	facts, err := stage.Facts[msg.ProbeFacts](task, msg.FacecamFile)
	if err != nil || facts.AudioStream < 0 {
		return nil, err
	}
	file, err := t.openFacecam(ctx, task)
	if err != nil {
		return nil, err
	}
	source := sound.SourceOf(file, facts)
	return source, source.MeasureFor(ctx, t.tools, task.Dir, sound.TargetOf(p.Loudness), p.Rate.At(p.Frames), part(task, 0.2, 0.3))
}

// finish makes the thumbnails and previews of a video that has passed the quality gate, and stores
// all.
func (t *Transcoder) finish(ctx context.Context, task *stage.Task, v verify.Finished, wanted *output.Preview) error {
	if err := thumbnail.Choose(ctx, t.tools, task.Dir, v.Thumbnail()); err != nil {
		return err
	}
	task.Progress(0.9)
	if wanted != nil {
		if err := preview.Make(ctx, t.tools, task.Dir, v.Thumbnail(), *wanted); err != nil {
			return err
		}
		if err := task.Store(ctx, msg.PreviewGIF, path(task, preview.GIFFile)); err != nil {
			return err
		}
		if err := task.Store(ctx, msg.PreviewWebP, path(task, preview.WebPFile)); err != nil {
			return err
		}
		task.Progress(0.95)
	}
	if err := task.Store(ctx, msg.Video, path(task, v.Name)); err != nil {
		return err
	}
	if err := task.Store(ctx, msg.Thumbnail, path(task, thumbnail.File)); err != nil {
		return err
	}
	return task.Store(ctx, msg.ThumbnailSmall, path(task, thumbnail.SmallFile))
}
