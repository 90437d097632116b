package transcoder

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/watermark"
)

// Files in a task's folder.
const (
	fileWatermark       = "watermark.png"
	fileWatermarkAsCame = "watermark-as-came"
)

// draw fetches a watermark and stores it as it is laid over the video.
func (h handler) draw(ctx context.Context, t *stage.Task) (any, error) {
	p, err := stage.Params[msg.DrawParams](t)
	if err != nil {
		return nil, err
	}
	if _, err := h.watermarks.Fetch(ctx, p.URL, path(t, fileWatermarkAsCame), part(t, 0, 0.5)); err != nil {
		return nil, err
	}
	facts, err := drawWatermark(ctx, path(t, fileWatermarkAsCame), path(t, fileWatermark), p)
	if err != nil {
		return nil, err
	}
	t.Progress(0.9)
	return facts, t.Store(ctx, msg.WatermarkFile, path(t, fileWatermark))
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

// watermarkInput opens it.
func watermarkInput() []string { return ffmpeg.Input(fileWatermark, "png_pipe", "-f", "png_pipe") }

// watermarkFilter lays the picture of an input over what comes in.
func watermarkFilter(input int, at msg.WatermarkPlace) string {
	x, y := fmt.Sprint(at.Margin), fmt.Sprint(at.Margin)
	if at.Right {
		x = fmt.Sprintf("W-w-%d", at.Margin)
	}
	if at.Bottom {
		y = fmt.Sprintf("H-h-%d", at.Margin)
	}
	return fmt.Sprintf("null[unmarked];[%d:v]%s[mark];[unmarked][mark]overlay=%s:%s:format=yuv420", input, drawnToBT709, x, y)
}
