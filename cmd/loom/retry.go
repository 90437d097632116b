package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

type retryCmd struct {
	IDs  []string `arg:"" optional:"" name:"id" help:"The renders' ids, or their first characters if no other id begins with them."`
	JSON bool     `help:"Print JSON."`
	matching
	dataFlag
}

// Help is shown by loom retry --help.
func (retryCmd) Help() string {
	return `Queues a new job for each render that has failed or was cancelled. What had been made by a render that failed is used
again, unless its objects are gone or the campaign has changed: only what failed is done, and what follows. A render that is
done, or has a job already, stays as it is.

Files beside a campaign file are served by loom render, and only while it runs. To make such a campaign's render again, run
loom render with the file again.`
}

// retried is what became of a render.
type retried struct {
	ID uuid.UUID `json:"id"`
	// Retried: it has the new job that Job names.
	Retried bool       `json:"retried"`
	Job     *uuid.UUID `json:"job"`
	// Status is what it had when the command looked.
	Status string `json:"status"`
}

// Run retries renders: all of those that are named, or none.
func (c *retryCmd) Run(ctx context.Context, a *app) error {
	if err := c.check(c.IDs); err != nil {
		return err
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	if c.All {
		return c.run(ctx, a, d, bulk.Request{Action: bulk.Retry}, c.JSON)
	}
	var ids []uuid.UUID
	for _, id := range c.IDs {
		found, err := d.Find(ctx, id)
		if err != nil {
			return notOne(err)
		}
		ids = append(ids, found)
	}
	list := []retried{}
	for _, id := range ids {
		job, status, err := d.Retry(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		list = append(list, retried{id, job != nil, job, status})
	}
	if c.JSON {
		return printJSON(a.stdout, list)
	}
	for _, r := range list {
		switch {
		case r.Retried:
			a.printf("%s is queued again\n", r.ID)
		case r.Status == renders.Done:
			a.printf("%s is done: there is nothing to retry\n", r.ID)
		default:
			a.printf("%s is %s, and has a job already\n", r.ID, r.Status)
		}
	}
	return nil
}
