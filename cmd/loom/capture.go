package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/cmd/loom/pages"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/console/campaign"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

type captureCmd struct {
	URL      string        `arg:"" placeholder:"URL" help:"The page: an http(s) URL, or a file or folder on this machine."`
	Out      string        `short:"o" required:"" placeholder:"OUT.mp4" help:"Where the video goes; the thumbnail goes to OUT.jpg."`
	Duration sceneDuration `default:"5s" placeholder:"5s" help:"How long to show the page."`
	Size     pictureSize   `default:"1920x1080" placeholder:"1920x1080" help:"The video's width and height in pixels."`
	FPS      frameRate     `name:"fps" default:"60" placeholder:"60" help:"Frames per second."`
	Options  string        `placeholder:"FILE" help:"Options of the scene, as YAML or JSON: see docs/reference/scene-options.md."`
	JSON     bool          `help:"Print the result as one line of JSON, and nothing else on stdout."`
}

// Help is shown by loom capture --help.
func (captureCmd) Help() string {
	return `Records one page alone, without a database, NATS or an object store, for trying things out. It runs the tasks of a
render in this process. The page's own sound is left out. When the page cannot be recorded, OUT.failure.zip holds its
last picture, console and network log.

A page that is not an http(s) URL is a file, or a folder with an index.html. This command serves its folder to the
browser on 127.0.0.1. The page may reach public addresses, its own folder and everything on this machine's loopback
addresses. Set EGRESS_ALLOW to name what it may reach instead of loopback.`
}

// Run captures the page and prints the result.
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
		a.say("failure bundle: %s", *result.Bundle)
	}
	return c.tellFailure(a, err)
}

// tellFailure prints the message for users, then the code and the error for operators.
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
	outputs, err := newCaptureOutputs(c.Out)
	if err != nil {
		return usageError{err}
	}
	defer outputs.discard()
	base, allow := "", ""
	if page.Local() {
		server, err := pages.Serve(dir)
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }()
		base, allow = server.Base(), server.Address()
	}
	job := &soloJob{app: a, outputs: outputs, result: result}
	if err := job.configure(allow); err != nil {
		return usageError{err}
	}
	return job.run(ctx, &plan.Render{
		Width: c.Size.Width, Height: c.Size.Height, Rate: rate,
		Scenes: []plan.RenderScene{{URL: page.URL(base), Frames: frames, Options: options}},
	})
}
