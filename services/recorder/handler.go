package recorder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/mezzanine"
)

const (
	// jpegQuality is of the mezzanine's pictures. More costs bytes, not time.
	jpegQuality = 92
	// stored is the part of a task's progress at which everything is recorded; the rest is storing it.
	stored = 0.97
	// maxMezzanine is what S3 takes in one PUT.
	maxMezzanine = 5 << 30
)

// handler records scenes.
type handler struct {
	chrome  string
	sandbox bool
	policy  egress.Policy
	bounds  capture.Bounds
	// maxBytes bounds a mezzanine.
	maxBytes int64
}

// Handle records one scene and stores its mezzanine.
func (h *handler) Handle(ctx context.Context, t *stage.Task) (any, error) {
	params, err := stage.Params[msg.RecordParams](t)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(t.Dir, "mezzanine.mov")
	facts, err := h.record(ctx, t, params, path)
	if err != nil {
		return nil, err
	}
	t.Log.Info().Int("frames", facts.Frames).Int("distinct", facts.Distinct).Int64("bytes", facts.Bytes).Msg("scene recorded")
	if err := t.Store(ctx, msg.Mezzanine, path); err != nil {
		return nil, err
	}
	t.Progress(1)
	return facts, nil
}

// record captures the scene into the file at path.
func (h *handler) record(ctx context.Context, t *stage.Task, p msg.RecordParams, path string) (facts msg.RecordFacts, err error) {
	file, err := os.Create(path)
	if err != nil {
		return facts, fmt.Errorf("create the mezzanine: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out, err := mezzanine.New(file, mezzanine.Format{Width: p.Width, Height: p.Height, Rate: p.Rate, MaxBytes: h.maxBytes})
	if err != nil {
		return facts, err
	}
	if err := h.capture(ctx, t, p, out); err != nil {
		return facts, err
	}
	facts, err = out.Close()
	if err == nil && facts.Frames != p.Frames {
		err = fmt.Errorf("recorded %d frames of %d", facts.Frames, p.Frames)
	}
	return facts, err
}

// capture runs a Chrome for the scene, and ends it.
func (h *handler) capture(ctx context.Context, t *stage.Task, p msg.RecordParams, sink capture.Sink) (err error) {
	proxy, err := h.policy.Proxy()
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	defer func() { _ = proxy.Close() }()
	browser, err := chrome.Start(chrome.Options{
		Path: h.chrome, Sandbox: h.sandbox, Width: p.Width, Height: p.Height, Proxy: proxy.Addr(), SmallShm: chrome.SmallShm(),
	}, t.Dir)
	if err != nil {
		return err
	}
	end := func() {
		if closing := browser.Close(); closing != nil {
			t.Log.Warn().Err(closing).Msg("Chrome did not end cleanly")
		}
	}
	defer end()
	err = capture.Run(ctx, capture.Browser{Client: browser.Client, Kill: browser.Kill}, capture.Options{
		URL: p.URL, Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames,
		Quality: jpegQuality, Bounds: h.bounds, Unreached: proxy.Failure,
		Progress: func(frames int) { t.Progress(stored * float64(frames) / float64(p.Frames)) },
	}, sink)
	var page *capture.PageError
	switch {
	case errors.As(err, &page):
		if page.Code == msg.CodeSceneCrashed {
			end() // all that it said is read by then
			page.Err = chromeSaid(page.Err, browser.Stderr())
		}
		return pageFailure(p, page)
	case errors.Is(err, mezzanine.ErrTooLarge):
		return tooLarge(p, err)
	case errors.Is(err, cdp.ErrClosed):
		end()
		return fmt.Errorf("record scene %d: %w", p.Scene, chromeSaid(err, browser.Stderr()))
	case err != nil:
		return fmt.Errorf("record scene %d: %w", p.Scene, err)
	}
	return nil
}
