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
	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/pkg/usage"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
	"github.com/loom-lite/loom-lite/services/recorder/mezzanine"
	"github.com/loom-lite/loom-lite/services/recorder/placement"
)

// jpegQuality is the quality of the mezzanine's pictures. A higher one costs bytes, not time.
const jpegQuality = 92

// Recorder records pages into files, each in a Chrome of its own. It may record several at once.
type Recorder struct {
	chrome  string
	mode    msg.Mode // of scenes that do not set one
	sandbox bool
	policy  egress.Policy
	bounds  capture.Bounds
	// memory bounds what a scene's Chrome may hold, in bytes.
	memory int64
	// maxBytes bounds a piece of a mezzanine.
	maxBytes int64
	cores    *placement.Cores
	// preload is the library that Chrome loads first; empty for none.
	preload  string
	browsers *browserMetrics
}

// New returns the recorder that cfg describes. Until Check has tried Chrome, it assumes a headless
// shell.
func New(cfg Config) (*Recorder, error) {
	path, err := chrome.Find(cfg.ChromePath)
	if err != nil {
		return nil, err
	}
	policy, err := egress.Parse(cfg.EgressAllow)
	if err != nil {
		return nil, fmt.Errorf("EGRESS_ALLOW: %w", err)
	}
	browsers, err := newBrowserMetrics(cfg.Metrics())
	if err != nil {
		return nil, err
	}
	return &Recorder{
		browsers: browsers,
		chrome:   path, mode: msg.ModeExact, sandbox: cfg.ChromeSandbox == "on", policy: policy, bounds: capture.DefaultBounds,
		memory: int64(cfg.MemoryLimit) << 20, maxBytes: msg.MaxObject, cores: placement.New(cfg.Pinning != "off"), preload: chrome.HugePages(cfg.HugePages),
	}, nil
}

// Job is one scene to record.
type Job struct {
	// Params say what to record. Without pieces, there is one of all frames.
	Params msg.RecordParams
	// Dir is a folder for the mezzanine's pieces (see PiecePath) and for temporary files.
	Dir string
	// Piece is called with the index of each piece when it is complete. Its file does not change
	// any more. The recording waits until Piece returns. It may be nil.
	Piece func(i int)
	// PieceBytes bounds each piece. 0: only S3's own bound.
	PieceBytes int64
	// Bundle is the file to write the failure bundle to (package bundle) when the recording fails;
	// empty for none.
	Bundle string
	// Attempt is the task's, from 1; 0: there is no other. A failure that may pass leads to the
	// scene's fallback from the second on.
	Attempt int
	// Progress is called for each frame, with how many there are so far. For still frames, several
	// calls come at once. It may be nil.
	Progress func(frames int)
	// Shown is called with each picture that differs from the last one. It must not take any time.
	// It may be nil.
	Shown func(jpeg []byte)
	Log   zerolog.Logger

	// survey receives what is known of the page itself. It may be nil.
	survey *capture.Survey
}

// PiecePath is the path of piece i of a job in dir.
func PiecePath(dir string, i int) string { return filepath.Join(dir, msg.PieceName(i)+".mov") }

// Record records a scene. It returns what is wrong with the page as a *stage.Error with words for
// the product's user.
func (r *Recorder) Record(ctx context.Context, j Job) (facts msg.RecordFacts, err error) {
	p := asPage(j.Params)
	j.Params = p
	if len(p.Private) > 0 {
		defer func() { err = unsaid(p, &facts, err) }()
	}
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
			_, _ = out.Close() // the recording has failed
		}
	}()
	var diagnostics *bundle.Diagnostics
	if j.Bundle != "" {
		diagnostics = bundle.New(p)
	}
	var notices capture.Notices
	director := direct.New(p)
	var sink capture.Sink = out
	if j.Shown != nil {
		sink = shown{out, j.Shown}
	}
	stopped := r.capture(ctx, j, director, diagnostics, sink, &notices)
	var replaced []msg.Warning
	if other, has := j.instead(p, out, stopped); has {
		again := j
		again.Params, notices, director = other, capture.Notices{}, direct.New(other)
		if failed := r.capture(ctx, again, director, nil, sink, &notices); failed == nil {
			replaced, stopped, p = []msg.Warning{fallback(p, stopped)}, nil, other
		}
	}
	warnings := slices.Concat(replaced, modeWarnings(p.Scene, r.modeOf(p.Options)), noticed(p, notices), director.Warnings())
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

// shown is a sink that shows each new picture to somebody besides.
type shown struct {
	capture.Sink
	to func(jpeg []byte)
}

// Frame shows the picture that it has passed on.
func (s shown) Frame(jpeg []byte) (changed bool, err error) {
	if changed, err = s.Sink.Frame(jpeg); changed {
		s.to(jpeg)
	}
	return changed, err
}

// keep writes the failure bundle, unless the recording was cancelled. It only logs that it could
// not: the recording's own error counts.
func (j Job) keep(ctx context.Context, diagnostics *bundle.Diagnostics, failed error) {
	if diagnostics == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	if err := diagnostics.Write(j.Bundle, failed); err != nil {
		j.Log.Warn().Err(err).Msg("no failure bundle")
	}
}

// capture starts a Chrome for the scene, captures it, and ends Chrome.
func (r *Recorder) capture(
	ctx context.Context, j Job, director capture.Director, diagnostics *bundle.Diagnostics, sink capture.Sink, notices *capture.Notices,
) (err error) {
	p, mode := j.Params, r.modeOf(j.Params.Options)
	window := p.Options.Window(p.Width, p.Height)
	proxy, err := r.policy.Proxy()
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	if p.Options.HTML != "" {
		proxy.Answer(msg.InlineURL, p.Options.HTML)
	}
	used := usage.From(ctx)
	defer func() {
		_ = proxy.Close()
		used.AddWeb(proxy.Received())
	}()
	_, started := telemetry.Step(ctx, "start Chrome")
	browser, err := chrome.Start(chrome.Options{
		Path: r.chrome, Frames: capture.Frames(mode), Sandbox: r.sandbox,
		Width: window.Width, Height: window.Height, ScaleFactor: window.Scale,
		Proxy: proxy.Addr(), SmallShm: chrome.SmallShm(), Repeatable: p.Options.Repeatable, MemoryLimit: r.memory,
		Preload: r.preload, ReducedMotion: p.Options.ReducedMotion, Cores: r.cores,
	}, j.Dir)
	started(err)
	if err != nil {
		r.browsers.ended.WithLabelValues(browserUnstarted).Inc()
		return err
	}
	r.browsers.starts.Inc()
	end := func() {
		if closing := browser.Close(); closing != nil {
			j.Log.Warn().Err(closing).Msg("Chrome did not end cleanly")
		}
	}
	defer func() {
		end()
		used.AddCPU(browser.CPU())
	}()
	options := capture.Options{
		URL: p.URL, Mode: mode, Width: window.Width, Height: window.Height, Rate: p.Rate, Frames: p.Frames,
		Quality: jpegQuality, Bounds: r.bounds, Unreached: proxy.Failure, Progress: j.Progress,
		Repeatable: p.Options.Repeatable, Notices: notices, Director: director, Survey: j.survey,
	}
	if diagnostics != nil {
		options.Diagnostics, sink = diagnostics, diagnostics.Watch(sink)
	}
	err = capture.Run(ctx, capture.Browser{Client: browser.Client, Kill: browser.Kill, Still: browser.Still}, options, sink)
	var page *capture.PageError
	switch {
	case errors.As(err, &page):
		if page.Code == msg.CodeSceneCrashed {
			end() // reads Chrome's stderr to its end
			page.Err = chromeSaid(page.Err, browser.Stderr())
			why := browserCrashed
			if full := browser.OutOfMemory(); full != nil {
				// Another try would need as much.
				page.Code, page.Permanent, page.Err = msg.CodeSceneMemory, true, fmt.Errorf("%w: %w", full, page.Err)
				why = browserFull
			}
			r.browsers.ended.WithLabelValues(why).Inc()
		}
		return pageFailure(p, page)
	case errors.Is(err, mezzanine.ErrTooLarge):
		return tooLarge(p, err)
	case errors.Is(err, cdp.ErrClosed):
		end()
		r.browsers.ended.WithLabelValues(browserLost).Inc()
		return fmt.Errorf("record scene %d: %w", p.Scene, chromeSaid(err, browser.Stderr()))
	case err != nil:
		return fmt.Errorf("record scene %d: %w", p.Scene, err)
	}
	return nil
}
