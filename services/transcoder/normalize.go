package transcoder

import (
	"context"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/tonemap"
)

// normalize encodes a mezzanine into a segment, with the facecam's bubble on it.
func (h handler) normalize(ctx context.Context, t *stage.Task) (any, error) {
	p, err := stage.Params[msg.NormalizeParams](t)
	if err != nil {
		return nil, err
	}
	if err := fetchMezzanine(ctx, t, p, msg.Mezzanine, fileMezzanine); err != nil {
		return nil, err
	}
	if p.Crossfade {
		if err := fetchMezzanine(ctx, t, p, msg.MezzanineNext, fileNext); err != nil {
			return nil, err
		}
	}
	if p.Watermark != nil {
		if err := t.Fetch(ctx, msg.WatermarkFile, path(t, fileWatermark)); err != nil {
			return nil, err
		}
	}
	t.Progress(0.03)
	var face *bubbleSource
	if p.Facecam {
		if face, err = h.fetchBubble(ctx, t, p); err != nil {
			return nil, err
		}
	}
	t.Progress(0.08)

	var warnings []msg.Warning
	if len(p.Captions) > 0 {
		if err := writeDrawn(path(t, fileDrawn), p); err != nil {
			return nil, err
		}
		if warnings, err = h.missingGlyphs(ctx, t.Log, t.Dir, p.Captions); err != nil {
			return nil, fmt.Errorf("normalize scene %d: %w", p.Scene, err)
		}
	}
	err = encodeWithin(t.Log, t.Dir, fileSegment, levelFor(p.Width, p.Height, p.Rate), p.Rate, p.Frames, normalizeArgs(p, face, h.threads),
		func(args []string) error {
			tools := h.tools
			if face != nil {
				tools = tools.Within(encoding(p, h.threads))
				if moving := bubble.Moving(face.bubble, bubble.Phases(face.bubble.Fullscreen, p.FirstFrame, p.Frames), p.Width, p.Height); len(moving) > 0 {
					tools = tools.Fed(&bubble.Animation{Shapes: moving, Width: p.Width, Height: p.Height})
				}
			}
			return h.encodeScene(ctx, tools, t.Dir, p, face, args, frames(t, p.Frames, 0.08, 0.93))
		})
	if err != nil {
		return nil, fmt.Errorf("normalize scene %d: %w", p.Scene, err)
	}
	facts, err := measure(t.Dir, fileSegment, expected{
		width: p.Width, height: p.Height, rate: p.Rate, frames: p.Frames,
	})
	if err != nil {
		return nil, fmt.Errorf("normalize scene %d: %w", p.Scene, err)
	}
	was, err := readSeen(path(t, fileLooks), p.Frames)
	if err != nil {
		return nil, fmt.Errorf("normalize scene %d: %w", p.Scene, err)
	}
	facts.Looks, facts.Changes, facts.Warnings = was.looks, was.changes, warnings
	t.Progress(0.95)
	if err := t.Store(ctx, msg.Segment, path(t, fileSegment)); err != nil {
		return nil, err
	}
	return facts, nil
}

// fetchMezzanine fetches a piece of a scene, which has all frames of the segment.
func fetchMezzanine(ctx context.Context, t *stage.Task, p msg.NormalizeParams, name, file string) error {
	if err := t.Fetch(ctx, name, path(t, file)); err != nil {
		return err
	}
	if err := checkReach(path(t, file), p.Rate, p.Frames); err != nil {
		return fmt.Errorf("normalize scene %d: %w", p.Scene, err)
	}
	return nil
}

// bubbleMargin is by how much the measured length of a facecam may be wrong, generously.
const bubbleMargin = 2 * time.Second

// fetchBubble fetches the facecam and draws the bubble's pictures. It returns nil when the facecam
// has ended before this segment starts.
func (h handler) fetchBubble(ctx context.Context, t *stage.Task, p msg.NormalizeParams) (*bubbleSource, error) {
	facts, err := stage.Facts[msg.ProbeFacts](t, msg.FacecamFile)
	if err != nil {
		return nil, err
	}
	if p.Rate.At(p.FirstFrame) > time.Duration(facts.DurationMS)*time.Millisecond+bubbleMargin {
		return nil, nil
	}
	if err := h.fetchFacecam(ctx, t); err != nil {
		return nil, err
	}
	file, err := h.inspectFacecam(ctx, t)
	if err != nil {
		return nil, err
	}
	b := bubble.Or(p.Bubble, p.Width, p.Height, p.Rate)
	for _, s := range file.Streams {
		if s.Index != facts.VideoStream || s.Type != "video" {
			continue
		}
		face := &bubbleSource{
			stream: s, start: file.Start, bubble: *b,
			seek: seekFor(facts.Seekable, file.Start, p.Rate.At(p.FirstFrame)),
		}
		if curve := tonemap.CurveOf(s.Transfer); curve != 0 {
			if err := tonemap.Write(path(t, fileColours), curve); err != nil {
				return nil, err
			}
		}
		pad := bubble.Pad(*b)
		return face, h.pictures.Write(bubble.Of(*b).Boxed(pad), b.Width+2*pad, b.Height+2*pad, path(t, filePlate), path(t, fileMask))
	}
	return nil, fmt.Errorf("the facecam has no video stream %d", facts.VideoStream)
}
