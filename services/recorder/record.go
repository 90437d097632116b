package recorder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
	"github.com/loom-lite/loom-lite/services/recorder/mezzanine"
	"github.com/loom-lite/loom-lite/services/recorder/placement"
)

// jpegQuality is of the mezzanine's pictures. More costs bytes, not time.
const jpegQuality = 92

// Recorder records pages into files, each in a Chrome of its own. It may record several at once.
type Recorder struct {
	chrome  string
	mode    msg.Mode // of scenes that ask for nothing else
	sandbox bool
	policy  egress.Policy
	bounds  capture.Bounds
	// memory bounds what a scene's Chrome may hold, in bytes.
	memory int64
	// maxBytes bounds a piece of a mezzanine.
	maxBytes int64
	cores    *placement.Cores
	// preload is the library that Chrome loads first; empty for none.
	preload string
}

// New returns the recorder that cfg describes. It takes Chrome for a headless shell until Check has
// tried it.
func New(cfg Config) (*Recorder, error) {
	path, err := chrome.Find(cfg.ChromePath)
	if err != nil {
		return nil, err
	}
	policy, err := egress.Parse(cfg.EgressAllow)
	if err != nil {
		return nil, fmt.Errorf("EGRESS_ALLOW: %w", err)
	}
	return &Recorder{
		chrome: path, mode: msg.ModeExact, sandbox: cfg.ChromeSandbox == "on", policy: policy, bounds: capture.DefaultBounds,
		memory: int64(cfg.MemoryLimit) << 20, maxBytes: msg.MaxObject, cores: placement.New(cfg.Pinning != "off"), preload: chrome.HugePages(cfg.HugePages),
	}, nil
}

// Job is one scene to record.
type Job struct {
	// Params say what to record. No pieces are one of all frames.
	Params msg.RecordParams
	// Dir is a folder for the mezzanine's pieces, by PiecePath, and for what is needed while
	// recording.
	Dir string
	// Piece is called with the place of each piece that is complete, while the recording goes on;
	// its file is left alone from then on. It holds the recording up until it returns. It may be
	// nil.
	Piece func(i int)
	// PieceBytes bounds each piece, which else is bound by what S3 takes. 0: no bound of its own.
	PieceBytes int64
	// Bundle is the file to write the failure bundle to (package bundle) when the recording fails;
	// empty for none.
	Bundle string
	// Progress is called with 1, 2, 3 and so on frames, with several at once after still ones. It
	// may be nil.
	Progress func(frames int)
	Log      zerolog.Logger
}

// PiecePath is where a job in dir writes the piece at place i.
func PiecePath(dir string, i int) string { return filepath.Join(dir, msg.PieceName(i)+".mov") }

// Record records a scene. What is wrong with the page is a *stage.Error with words for the
// product's user.
func (r *Recorder) Record(ctx context.Context, j Job) (facts msg.RecordFacts, err error) {
	p := j.Params
	most := r.maxBytes
	if j.PieceBytes > 0 {
		most = min(most, j.PieceBytes)
	}
	out := &mezzanine.Pieces{
		Format: mezzanine.Format{Width: p.Width, Height: p.Height, Rate: p.Rate, MaxBytes: most},
		Frames: p.Pieces, Path: func(i int) string { return PiecePath(j.Dir, i) }, Done: j.Piece,
	}
	if len(out.Frames) == 0 {
		out.Frames = []int{p.Frames}
	}
	defer func() {
		if err != nil {
			_, _ = out.Close() // it is of no use
		}
	}()
	var diagnostics *bundle.Diagnostics
	if j.Bundle != "" {
		diagnostics = bundle.New(p)
	}
	var notices capture.Notices
	director := direct.New(p)
	stopped := r.capture(ctx, j, director, diagnostics, out, &notices)
	warnings := slices.Concat(modeWarnings(p.Scene, r.modeOf(p.Options)), noticed(p, notices), director.Warnings())
	if stopped == nil || standsIn(p, out, stopped) {
		if failed := strictly(p, warnings); failed != nil {
			stopped = failed
		}
	}
	if stopped != nil && !standsIn(p, out, stopped) {
		j.keep(ctx, diagnostics, stopped)
		return facts, stopped
	}
	recorded := out.Recorded()
	for out.Recorded() < p.Frames {
		if err := out.Repeat(); err != nil {
			return facts, err
		}
	}
	if facts, err = out.Close(); err != nil {
		return facts, err
	}
	if facts.Frames != p.Frames {
		return facts, fmt.Errorf("recorded %d frames of %d", facts.Frames, p.Frames)
	}
	facts.Mode = r.modeOf(p.Options)
	facts.Warnings = warnings
	if stopped != nil {
		j.Log.Warn().Int("frames", recorded).Msg("the last picture stands for the rest of the scene")
		facts.Warnings = append(facts.Warnings, lastPicture(p, recorded, stopped))
	}
	return facts, nil
}

// keep writes the failure bundle, unless the recording was simply cancelled. That it cannot be
// written is logged: the recording's own error is what counts.
func (j Job) keep(ctx context.Context, diagnostics *bundle.Diagnostics, failed error) {
	if diagnostics == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	if err := diagnostics.Write(j.Bundle, failed); err != nil {
		j.Log.Warn().Err(err).Msg("no failure bundle")
	}
}

// capture runs a Chrome for the scene, and ends it.
func (r *Recorder) capture(
	ctx context.Context, j Job, director capture.Director, diagnostics *bundle.Diagnostics, sink capture.Sink, notices *capture.Notices,
) (err error) {
	p, mode := j.Params, r.modeOf(j.Params.Options)
	window := p.Options.Window(p.Width, p.Height)
	proxy, err := r.policy.Proxy()
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	defer func() { _ = proxy.Close() }()
	browser, err := chrome.Start(chrome.Options{
		Path: r.chrome, Frames: capture.Frames(mode), Sandbox: r.sandbox,
		Width: window.Width, Height: window.Height, ScaleFactor: window.Scale,
		Proxy: proxy.Addr(), SmallShm: chrome.SmallShm(), Repeatable: p.Options.Repeatable, MemoryLimit: r.memory,
		Preload: r.preload, ReducedMotion: p.Options.ReducedMotion, Cores: r.cores,
	}, j.Dir)
	if err != nil {
		return err
	}
	end := func() {
		if closing := browser.Close(); closing != nil {
			j.Log.Warn().Err(closing).Msg("Chrome did not end cleanly")
		}
	}
	defer end()
	options := capture.Options{
		URL: p.URL, Mode: mode, Width: window.Width, Height: window.Height, Rate: p.Rate, Frames: p.Frames,
		Quality: jpegQuality, Bounds: r.bounds, Unreached: proxy.Failure, Progress: j.Progress,
		Repeatable: p.Options.Repeatable, Notices: notices, Director: director,
	}
	if diagnostics != nil {
		options.Diagnostics, sink = diagnostics, diagnostics.Watch(sink)
	}
	err = capture.Run(ctx, capture.Browser{Client: browser.Client, Kill: browser.Kill, Still: browser.Still}, options, sink)
	var page *capture.PageError
	switch {
	case errors.As(err, &page):
		if page.Code == msg.CodeSceneCrashed {
			end() // all that it said is read by then
			page.Err = chromeSaid(page.Err, browser.Stderr())
			if full := browser.OutOfMemory(); full != nil {
				// What took so much once takes it again.
				page.Code, page.Permanent, page.Err = msg.CodeSceneMemory, true, fmt.Errorf("%w: %w", full, page.Err)
			}
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
