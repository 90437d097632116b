package transcoder

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
)

// fileVideo is the finished video, in the task's folder.
const fileVideo = "video.mp4"

// overlay lays the facecam's sound over the joined picture. A facecam that is longer than the
// picture is cut; after the end of a shorter one there is silence.
func (h handler) overlay(ctx context.Context, t *stage.Task) (any, error) {
	p, err := stage.Params[msg.OverlayParams](t)
	if err != nil {
		return nil, err
	}
	if err := t.Fetch(ctx, msg.Joined, path(t, fileJoined)); err != nil {
		return nil, err
	}
	t.Progress(0.15)
	sound, err := h.fetchSound(ctx, t, p)
	if err != nil {
		return nil, err
	}
	t.Progress(0.3)
	joined, err := os.Stat(path(t, fileJoined))
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	if len(p.Captions) > 0 {
		if err := writeTrack(path(t, fileCaptions), p.Captions); err != nil {
			return nil, fmt.Errorf("overlay: %w", err)
		}
	}
	args, limits, progress := overlayArgs(p, sound), mixing(p, joined.Size()), frames(t, p.Frames, 0.3, 0.75)
	if sound == nil {
		err = h.tools.Within(limits).Run(ctx, t.Dir, args, progress)
	} else {
		_, err = h.overSound(ctx, t.Dir, *sound, p.Rate.At(p.Frames), limits, args, progress)
	}
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	want := expected{width: p.Width, height: p.Height, rate: p.Rate, frames: p.Frames, sound: sound != nil, captions: len(p.Captions) > 0}
	if sound != nil && sound.loudness != nil {
		target := loudnessOf(p.Loudness)
		want.loudness = &target
		want.evenly = target.evenly(*sound.loudness) && sound.to-sound.from >= loudnessHolds
	}
	facts, err := measure(t.Dir, fileVideo, want)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	before, err := stage.Facts[msg.VideoFacts](t, msg.Joined)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	t.Progress(0.78)
	video := finished{fileVideo, want, facts, seen{before.Looks, before.Changes}, candidates(want, p.ThumbnailAt)}
	if facts.Report, err = h.gate(ctx, t.Dir, video, frames(t, p.Frames, 0.78, 0.88)); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return facts, h.finish(ctx, t, video, bubble.Or(p.Bubble, p.Width, p.Height, p.Rate))
}

// fetchSound fetches the facecam, and returns nil when it has no sound.
func (h handler) fetchSound(ctx context.Context, t *stage.Task, p msg.OverlayParams) (*overlaySound, error) {
	facts, err := stage.Facts[msg.ProbeFacts](t, msg.FacecamFile)
	if err != nil {
		return nil, err
	}
	if facts.AudioStream < 0 {
		return nil, nil
	}
	if err := h.fetchFacecam(ctx, t); err != nil {
		return nil, err
	}
	file, err := h.inspectFacecam(ctx, t)
	if err != nil {
		return nil, err
	}
	sound := &overlaySound{
		stream: facts.AudioStream, start: file.Start, loudness: facts.Loudness,
		to: time.Duration(facts.SoundMS) * time.Millisecond,
	}
	for _, s := range file.Streams {
		if s.Index == facts.AudioStream {
			sound.from = s.Start - file.Start
		}
	}
	target := loudnessOf(p.Loudness)
	if sound.loudness == nil || target == webSpeech || target.evenly(*sound.loudness) {
		return sound, nil
	}
	// What loudnorm misses a target by when peaks forbid to change all evenly depends on the
	// target. probe knows the usual one only.
	heard := p.Rate.At(p.Frames)
	sound.loudness, err = h.loudness(ctx, t.Dir, *sound, target, heard, part(t, 0.2, 0.3))
	return sound, err
}

// finish makes the thumbnails of a video that has passed the gate, and stores all. over is where
// the facecam is; nil: there is none.
func (h handler) finish(ctx context.Context, t *stage.Task, v finished, over *msg.Bubble) error {
	if err := h.thumbnail(ctx, t.Dir, v, over); err != nil {
		return err
	}
	t.Progress(0.9)
	if err := t.Store(ctx, msg.Video, path(t, v.name)); err != nil {
		return err
	}
	if err := t.Store(ctx, msg.Thumbnail, path(t, fileThumbnail)); err != nil {
		return err
	}
	return t.Store(ctx, msg.ThumbnailSmall, path(t, fileThumbnailSmall))
}
