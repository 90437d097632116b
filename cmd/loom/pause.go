package main

import (
	"context"
	"slices"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

type pauseCmd struct{ stages }

// Help is shown by loom pause --help.
func (pauseCmd) Help() string {
	return `No task of a paused stage begins until loom resume. Tasks that run go on, and the others wait. Renders do not fail
meanwhile. A pause lasts through restarts.

STAGE is record, transcode or upload, or one kind of task of transcode: probe, draw, normalize, concat or overlay.`
}

// Run pauses stages.
func (c *pauseCmd) Run(ctx context.Context, a *app) error {
	return c.run(ctx, a, deployment.Pause, "paused", "already paused")
}

type resumeCmd struct{ stages }

// Run resumes stages.
func (c *resumeCmd) Run(ctx context.Context, a *app) error {
	return c.run(ctx, a, deployment.Resume, "resumed", "not paused")
}

// stages are the arguments of loom pause and loom resume.
type stages struct {
	Stages []string `arg:"" name:"stage" help:"record, transcode, upload, or one kind of task."`
	JSON   bool     `help:"Print all that is paused then, as JSON."`
	dataFlag
}

// run changes which kinds of tasks are paused, and says which were changed and which were not.
func (c *stages) run(ctx context.Context, a *app,
	change func(deployment, context.Context, []msg.Kind) ([]msg.Kind, error), changed, unchanged string,
) error {
	var kinds []msg.Kind
	for _, stage := range c.Stages {
		of, err := renders.KindsOf(stage)
		if err != nil {
			return usageError{err}
		}
		kinds = append(kinds, of...)
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	done, err := change(d, ctx, kinds)
	if err != nil {
		return err
	}
	if c.JSON {
		list, _, err := d.Trouble(ctx)
		if err != nil {
			return err
		}
		return printJSON(a.stdout, append([]renders.Paused{}, list...))
	}
	if len(done) > 0 {
		a.printf("%s: %s\n", changed, join(done))
	}
	if left := slices.DeleteFunc(kinds, func(k msg.Kind) bool { return slices.Contains(done, k) }); len(left) > 0 {
		a.printf("%s: %s\n", unchanged, join(left))
	}
	return nil
}

func join(kinds []msg.Kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
