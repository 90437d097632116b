package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

type bundleCmd struct {
	ID  string `arg:"" help:"The render's id, or its first characters if no other id begins with them."`
	Out string `short:"o" placeholder:"OUT.zip" help:"Where the bundle goes (default: failure- and the start of the render's id)."`
	dataFlag
}

// Run downloads a render's failure bundle, and prints where it is.
func (c *bundleCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := reportOf(ctx, d, c.ID)
	if err != nil {
		return err
	}
	id := r.Render.ID
	task, attempt, found := renders.Bundle(r.Tasks)
	if !found {
		return fmt.Errorf("render %s has no failure bundle: no scene of it failed, or it was cancelled before one did; "+
			"loom status %s shows how its attempts ended", short(id), short(id))
	}
	out := c.Out
	if out == "" {
		out = "failure-" + short(id) + ".zip"
	}
	if out, err = filepath.Abs(out); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	if err := d.FetchBundle(ctx, id, attempt, out); err != nil {
		return err
	}
	a.say("bundle of scene %d, attempt %d: %s", task.Scene, attempt.Attempt, ending(attempt))
	a.printf("%s\n", out)
	return nil
}

// fetchBundle downloads a failure bundle. The work bucket is private, so that takes keys.
func fetchBundle(ctx context.Context, settings map[string]string, key, path string) error {
	if settings["S3_ENDPOINT"] == "" || settings["S3_ACCESS_KEY_ID"] == "" {
		return usageError{errors.New("the failure bundle is in the work bucket, which is private: set S3_ENDPOINT, " +
			"S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY as ingest has them")}
	}
	client, err := openStore(settings)
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Download(ctx, bucket(settings, "WORK"), key, path)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("the failure bundle is gone: it is deleted some time after its render has ended (WORK_RETENTION): %w", err)
	}
	return err
}
