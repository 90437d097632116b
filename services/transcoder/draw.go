package transcoder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/watermark"
)

// watermarkOriginal is the watermark as it was fetched, in the task's folder.
const watermarkOriginal = "watermark-as-came"

// Bounds of a watermark's file, its download and its decoding.
const (
	maxWatermark     = 1 << 20
	watermarkTimeout = 2 * time.Minute
	// watermarkDecoding bounds how long decoding may take. A logo takes milliseconds.
	watermarkDecoding = time.Minute
)

// draw fetches a watermark and stores it as it is laid over the video.
func (t *Transcoder) draw(ctx context.Context, task *stage.Task) (any, error) {
	p, err := stage.Params[msg.DrawParams](task)
	if err != nil {
		return nil, err
	}
	if _, err := t.watermarks.Fetch(ctx, p.URL, path(task, watermarkOriginal), part(task, 0, 0.5)); err != nil {
		return nil, err
	}
	facts, err := drawWatermark(ctx, path(task, watermarkOriginal), path(task, picture.WatermarkFile), p)
	if err != nil {
		return nil, err
	}
	task.Progress(0.9)
	return facts, task.Store(ctx, msg.WatermarkFile, path(task, picture.WatermarkFile))
}

func drawWatermark(ctx context.Context, from, to string, p msg.DrawParams) (facts msg.DrawFacts, err error) {
	in, err := os.Open(from)
	if err != nil {
		return facts, fmt.Errorf("draw the watermark: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return facts, fmt.Errorf("draw the watermark: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, watermarkDecoding)
	defer cancel()
	facts.Width, facts.Height, err = watermark.Draw(ctx, in, out, p.Width, p.Height, p.Opacity)
	if err := errors.Join(err, out.Close()); err != nil {
		return facts, fmt.Errorf("draw the watermark: %w", err)
	}
	return facts, nil
}
