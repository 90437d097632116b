package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/cmd/loom/campaign"
	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/cmd/loom/pages"
	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

type captureCmd struct {
	URL      string        `arg:"" placeholder:"URL" help:"The page: an http(s) URL, or a file or folder on this machine."`
	Out      string        `short:"o" required:"" placeholder:"OUT.mp4" help:"Where the video goes."`
	Duration sceneDuration `default:"5s" placeholder:"5s" help:"How long to show the page."`
	Size     pictureSize   `default:"1920x1080" placeholder:"1920x1080" help:"The video's width and height in pixels."`
	FPS      frameRate     `name:"fps" default:"60" placeholder:"60" help:"Frames per second."`
	Options  string        `placeholder:"FILE" help:"What is asked of the scene, as YAML or JSON: see docs/reference/scene-options.md."`
	JSON     bool          `help:"Print what came of it as one line of JSON, and nothing else on stdout."`
}

// Help is shown by loom capture --help.
func (captureCmd) Help() string {
	return `Records one page alone, without database, NATS and object store, for trying things out: with the recorder and the encoder
that renders have. The page's own sound is left out. When the page cannot be recorded, OUT.failure.zip holds its last picture, console
and network log.

A page that is no http(s) URL is a file, or a folder with an index.html. Its folder is served to the browser by this command, on
127.0.0.1. The page may reach everything on this machine's loopback addresses. Set EGRESS_ALLOW to name what it may reach
instead, besides public addresses and its own folder.`
}

// Run captures the page and tells what came of it.
func (c *captureCmd) Run(ctx context.Context, a *app) error {
	result := &captured{Width: c.Size.Width, Height: c.Size.Height, FPS: int(c.FPS)}
	meter := startMeter()
	err := c.capture(ctx, a, result)
	result.WallSeconds, result.CPUSeconds = meter.stop()
	for _, w := range result.Warnings {
		a.say("warning: %s", warned(w))
	}
	if c.JSON {
		result.explain(err)
		if err := result.print(a.stdout); err != nil {
			return err
		}
	} else if err == nil {
		result.tell(a)
	}
	if result.Bundle != nil {
		a.say("what helps to find out why: %s", *result.Bundle)
	}
	return c.tellFailure(a, err)
}

// tellFailure gives the user the words that are for users, and the operator's beside them.
func (c *captureCmd) tellFailure(a *app, err error) error {
	var failure *stage.Error
	if !errors.As(err, &failure) {
		return err
	}
	a.say("%s", failure.Message)
	a.say("error code %s: %v", failure.Code, err)
	return exitError{statusFailed}
}

func (c *captureCmd) capture(ctx context.Context, a *app, result *captured) error {
	var options scene.Options
	if c.Options != "" {
		var err error
		if options, err = campaign.LoadOptions(c.Options, time.Duration(c.Duration)); err != nil {
			return usageError{err}
		}
	}
	rate := msg.FPS(int(c.FPS))
	frames := rate.Frames(time.Duration(c.Duration))
	if frames < 1 {
		return usageError{fmt.Errorf("there is no frame in %s at %d per second: make --duration longer", time.Duration(c.Duration), c.FPS)}
	}
	page, dir, err := campaign.Page(c.URL)
	if err != nil {
		return usageError{err}
	}
	video, err := newOutput(c.Out)
	if err != nil {
		return usageError{err}
	}
	defer video.discard()
	base, allow := "", ""
	if page.Local() {
		server, err := pages.Serve(dir)
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }()
		base, allow = server.Base(), server.Address()
	}
	job := &soloJob{
		app: a, url: page.URL(base), options: options, video: video, result: result,
		rate: rate, frames: frames,
	}
	if err := job.settle(allow); err != nil {
		return err
	}
	return job.run(ctx)
}

// soloJob is one page on its way to a video.
type soloJob struct {
	app     *app
	url     string
	options scene.Options
	rate    msg.Rate
	frames  int
	video   *output
	result  *captured

	settings map[string]string
	recorder *recorder.Recorder
}

// settle reads the settings. Pages may reach allow in any case.
func (j *soloJob) settle(allow string) error {
	settings, unsandboxed, err := local.Alone(j.app.environ, allow)
	if err != nil {
		return err
	}
	if unsandboxed {
		j.app.say("%s", local.Unsandboxed)
	}
	switch settings["CHROME_SANDBOX"] {
	case "", "on", "off":
	default:
		return usageError{errors.New("CHROME_SANDBOX: write on or off")}
	}
	for _, name := range []string{"RECORDER_PINNING", "RECORDER_HUGE_PAGES"} {
		switch settings[name] {
		case "", "auto", "off":
		default:
			return usageError{errors.New(name + ": write auto or off")}
		}
	}
	// which quotes what may be a secret
	if _, err := egress.Parse(settings["EGRESS_ALLOW"]); err != nil {
		return usageError{errors.New("EGRESS_ALLOW: write a list of host names, IP addresses and CIDR prefixes, divided by commas")}
	}
	memory := recorder.DefaultMemoryLimit
	if limit := settings["RECORDER_MEMORY_LIMIT"]; limit != "" {
		if memory, err = strconv.Atoi(limit); err != nil || memory < recorder.MinMemoryLimit || memory > recorder.MaxMemoryLimit {
			return usageError{errors.New("RECORDER_MEMORY_LIMIT: write a number of megabytes from 256 to 1048576")}
		}
	}
	j.settings = settings
	j.recorder, err = recorder.New(recorder.Config{
		MemoryLimit: memory, Pinning: either(settings["RECORDER_PINNING"], "auto"), HugePages: either(settings["RECORDER_HUGE_PAGES"], "auto"),
		ChromePath: settings["CHROME_PATH"], ChromeSandbox: either(settings["CHROME_SANDBOX"], "on"),
		EgressAllow: settings["EGRESS_ALLOW"],
	})
	if err != nil {
		return usageError{err}
	}
	return nil
}

func either(setting, otherwise string) string {
	if setting == "" {
		return otherwise
	}
	return setting
}

// run makes the video.
func (j *soloJob) run(ctx context.Context) error {
	found, err := j.recorder.Check(ctx)
	if ctx.Err() != nil {
		return context.Canceled
	}
	if err != nil {
		return fmt.Errorf("check Chrome: %w", err)
	}
	if found.Mode != msg.ModeExact {
		j.app.say("warning: %s", recorder.NoFrameControl)
	}
	programs := [2]string{either(j.settings["FFMPEG_PATH"], "ffmpeg"), either(j.settings["FFPROBE_PATH"], "ffprobe")}
	if _, err := transcoder.CheckFFmpeg(ctx, programs[0], programs[1]); err != nil {
		return err
	}
	work, err := os.MkdirTemp(j.settings["WORK_DIR"], "loom-capture-")
	if err != nil {
		return fmt.Errorf("make work folder: %w", err)
	}
	defer func() {
		if err := os.RemoveAll(work); err != nil {
			j.app.say("the work folder is left: %v", err)
		}
	}()
	view := newSoloView(j.app, j.frames)
	defer view.close()
	if err := j.make(ctx, work, programs, view); err != nil {
		return err
	}
	return j.video.keep()
}

// make records the page, and encodes each piece of it while the next is being recorded.
func (j *soloJob) make(ctx context.Context, work string, programs [2]string, view *soloView) error {
	cut := plan.Pieces(j.rate, j.frames)
	pieces := make(chan string, len(cut)) // recording waits for nothing
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := j.record(ctx, work, cut, pieces, view); err != nil {
			return err // and so ends the encoding, which must not say first that there is no more
		}
		close(pieces)
		return nil
	})
	group.Go(func() error { return j.encode(ctx, work, programs[0], cut, pieces, view) })
	return group.Wait()
}

func (j *soloJob) record(ctx context.Context, work string, cut []int, pieces chan<- string, view *soloView) error {
	r := j.result
	width, height := j.options.Picture(r.Width, r.Height)
	bundle := strings.TrimSuffix(j.video.path, filepath.Ext(j.video.path)) + ".failure.zip"
	if err := os.Remove(bundle); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the last failure's bundle: %w", err)
	}
	facts, err := j.recorder.Record(ctx, recorder.Job{
		Params: msg.RecordParams{
			Scene: 1, URL: j.url, Width: width, Height: height, Rate: j.rate, Frames: j.frames, Pieces: cut,
			Options: j.options,
		},
		Dir: work, Piece: func(i int) { pieces <- recorder.PiecePath(work, i) }, Progress: view.recorded, Log: zerolog.Nop(),
		Bundle: bundle,
	})
	if err != nil {
		if _, missing := os.Stat(bundle); missing == nil {
			r.Bundle = &bundle
		}
		return err
	}
	r.Distinct, r.Mode, r.Warnings = facts.Distinct, facts.Mode, facts.Warnings
	return nil
}

func (j *soloJob) encode(ctx context.Context, work, ffmpeg string, cut []int, pieces <-chan string, view *soloView) error {
	r := j.result
	facts, err := transcoder.Single{
		FFmpegPath: ffmpeg, Dir: work, Pieces: cut, Progress: view.encoded,
		Params: msg.NormalizeParams{
			Scene: 1, Width: r.Width, Height: r.Height, Rate: j.rate, Frames: j.frames, Fit: msg.FitOf(j.options, r.Width, r.Height),
		},
	}.Write(ctx, pieces, j.video.file)
	if err != nil {
		return err
	}
	r.Frames, r.Bytes, r.Output = facts.Frames, facts.Bytes, &j.video.path
	return nil
}
